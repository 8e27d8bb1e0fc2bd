"""What the engine hands over as strings is what the stack file says."""

import json
from pathlib import Path

import pytest
import yaml

from infra.config import from_pulumi, from_stack_file

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_settings_are_the_same_by_both_ways(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    handed = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(handed))
    stack = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
    assert from_pulumi(stack, ROOT) == from_stack_file(file)


def test_the_project_s_defaults_are_the_settings_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    defaults = {key: declared["default"] for key, declared in project.items() if "default" in declared}
    written = {key: value if isinstance(value, str) else json.dumps(value) for key, value in defaults.items()}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({**written, "modelfleet:cloud": "local"}))
    file = tmp_path / "Pulumi.plain.yaml"
    file.write_text("config:\n  modelfleet:cloud: local\n", encoding="utf-8")
    assert from_pulumi("plain", tmp_path) == from_stack_file(file)
