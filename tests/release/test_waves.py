"""The plan of waves: what is right, and what a mistake is told with its place."""

import json
from pathlib import Path

import jsonschema
import pytest

from documents import SettingsError
from release import schema
from release.waves import WavePlan

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "release" / "waves.yaml"

RIGHT = """\
waves:
  - name: canary
    stacks: [one]
    bakeS: 60
  - name: rest
    stacks: [two, three]
"""


def findings(tmp_path: Path, text: str, known: list[str] | None = None) -> str:
    file = tmp_path / "waves.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        WavePlan.read(file, known=known)
    return str(caught.value)


def test_the_committed_plan_names_stacks_that_there_are() -> None:
    known = [file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in ROOT.glob("Pulumi.*.yaml")]
    plan = WavePlan.read(COMMITTED, known=known)
    assert len(plan.waves[0].stacks) == 1  # a canary is one region


def test_the_committed_schema_is_current_and_takes_what_is_right() -> None:
    committed = (ROOT / "schemas" / schema.NAME).read_text(encoding="utf-8")
    assert committed == schema.schema_text(), "run `fleet config schema` and commit what it writes"
    validator = jsonschema.Draft202012Validator(json.loads(committed))
    validator.validate({"waves": [{"name": "canary", "stacks": ["one"]}]})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"waves": [{"name": "canary", "stacks": ["one"], "bake": 60}]})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("bakeS: 60", "bake: 60"), "waves.yaml:4: waves[0].bake: unknown key; did you mean 'bakeS'?"),
        (("bakeS: 60", "bakeS: -1"), "waves.yaml:4: waves[0].bakeS: -1: input should be greater than or equal to 0"),
        (("[one]", "[]"), "waves.yaml:3: waves[0].stacks: []: "),
        (("[two, three]", "[two, two]"), "waves.yaml:6: waves[1].stacks: names two more than once"),
        (("[two, three]", "[one]"), "waves.yaml: stack one stands in more than one wave"),
        (("name: rest", "name: canary"), "waves.yaml: wave canary stands in more than one wave"),
        (("waves:", "wave:"), "wave: unknown key; did you mean 'waves'?"),
        (("name: rest", "name: Rest"), "waves.yaml:5: waves[1].name: 'Rest' is not a name"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    assert told in findings(tmp_path, RIGHT.replace(*change))


def test_a_stack_that_there_is_not(tmp_path: Path) -> None:
    said = findings(tmp_path, RIGHT, ["one", "twoo", "three"])
    assert said == "waves.yaml:6: waves[1].stacks[0]: 'two' is no region's stack; did you mean 'twoo'?"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file: it says which regions go first"):
        WavePlan.read(tmp_path / "waves.yaml")
