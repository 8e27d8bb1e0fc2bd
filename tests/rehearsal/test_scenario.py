"""Scenario files: what they plant, and what a wrong one is told."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from documents.findings import SettingsError
from rehearsal.journal import Operation
from rehearsal.mishaps import Fault, Moment
from rehearsal.scenario import SCHEMA, Scenario, schema

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "rehearsal" / "scenarios").glob("*.yaml"))


def written(folder: Path, text: str) -> Path:
    file = folder / "scenario.yaml"
    file.write_text(text)
    return file


def test_a_file_says_what_goes_wrong(tmp_path: Path) -> None:
    text = """
seed: 7
faults:
  - fault: quota
    calls: {type: "aws:eks/nodeGroup:*", operations: [create]}
    times: 2
  - fault: [plugin killed, engine killed]
    every: 10
    when: after
"""
    plan = Scenario.read(written(tmp_path, text)).plan()
    first, second = plan.rules
    assert plan.seed == 7
    assert (first.faults, first.type, first.operations) == (
        (Fault.QUOTA,), "aws:eks/nodeGroup:*", (Operation.CREATE,),
    )  # fmt: skip
    assert first.times == 2
    assert (second.faults, second.every, second.when) == (
        (Fault.PLUGIN_KILLED, Fault.ENGINE_KILLED), 10, Moment.AFTER,
    )  # fmt: skip
    assert first.id != second.id


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("faults:\n  - fault: quotta\n", r"scenario.yaml:2: faults\[0\].fault\[0\]: 'quotta' is none of 'denied'"),
        ("faults:\n  - fault: quota\n    when: before\n", "scenario.yaml:2: .*leave it out"),
        ("faults:\n  - fault: quota\n    every: 0\n", "scenario.yaml:3: .*every.*greater than or equal to 1"),
        ("faults:\n  - {}\n", r"faults\[0\].fault: is missing"),
        ("drift:\n  - type: x\n", "scenario.yaml:2: .*give either `set`"),
        ("drift:\n  - {type: x, delete: true, set: {a: 1}}\n", "give either `set`"),
        ("fauls: []\n", "unknown key; did you mean 'faults'"),
        ("faults: [", "not YAML"),
    ],
)
def test_a_wrong_file_is_told_where_and_what(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Scenario.read(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml: can't be read: No such file"):
        Scenario.read(tmp_path / "none.yaml")


def test_there_are_examples() -> None:
    assert len(SCENARIOS) >= 4


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_examples_are_right_and_fit_the_schema(file: Path) -> None:
    assert Scenario.read(file).description
    jsonschema.validate(yaml.safe_load(file.read_text()), json.loads(schema()))


def test_the_schema_in_the_tree_is_current() -> None:
    assert (ROOT / "schemas" / SCHEMA).read_text() == schema()
