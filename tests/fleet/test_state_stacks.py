"""Stacks of kind `state`: their backend is their own, so that a bootstrap begins and ends them."""

from pathlib import Path
from typing import Any, cast

import pytest

from fleet import stacks
from fleet.console import FleetError
from fleet.engine import Engine
from fleet.kept_notes import KeptNotes
from fleet.run_config import RunConfig
from fleet.stacks import Stack, StackUnknownError
from infra.config import StackKind, StackSettings
from toolchain.plugin_flavours import Flavour

BUCKET = "s3://modelfleet-aws-state-state-111122223333?region=us-east-1&awssdk=v2"
FILE = """\
config:
  modelfleet:cloud: aws
  modelfleet:kind: state
  modelfleet:account: "111122223333"
  modelfleet:region: us-east-1
"""


class Untouched:
    """An engine that must not be asked for anything."""


class Known(Engine):
    """An engine that notes where it looks for a stack, and finds none."""

    looked: list[str]

    def __init__(self, environment: dict[str, str]) -> None:
        type(self).looked = [environment["PULUMI_BACKEND_URL"]]

    def exists(self, stack: str) -> bool:
        assert stack == "aws-state"
        return False


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    file = tmp_path / "Pulumi.aws-state.yaml"
    file.write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(stacks, "stack_file", lambda _: file)
    monkeypatch.setattr(stacks, "choose_flavour", lambda: Flavour.OFFICIAL)
    monkeypatch.setattr(stacks, "pulumi_environment", lambda _: {"PULUMI_BACKEND_URL": "file:///elsewhere"})
    monkeypatch.setattr(stacks, "Engine", Known)
    return file


def opened(file: Path, engine: Untouched) -> Stack:
    settings = StackSettings.model_validate({"cloud": "aws", "kind": StackKind.STATE, "backend": BUCKET})
    notes = KeptNotes("aws-state")
    return Stack("aws-state", settings, Flavour.OFFICIAL, cast("Engine", engine), BUCKET, RunConfig(file), notes)


@pytest.mark.parametrize("end", [Stack.down, Stack.down_with_data])
def test_the_place_of_states_is_not_deleted_from_within(file: Path, end: Any) -> None:
    with pytest.raises(FleetError, match="`fleet bootstrap aws-state --undo`"):
        end(opened(file, Untouched()))


@pytest.mark.parametrize("create", [True, False])
def test_a_place_of_states_begins_by_a_bootstrap_only(file: Path, create: bool) -> None:
    assert file.is_file()
    with pytest.raises(FleetError, match="`fleet bootstrap aws-state` makes it"):
        Stack.open("aws-state", create=create)


@pytest.mark.parametrize("create", [True, False])
def test_a_place_of_states_is_looked_for_where_its_file_says(file: Path, create: bool) -> None:
    file.write_text(f"{FILE}  modelfleet:backend: {BUCKET}\n", encoding="utf-8")
    with pytest.raises(StackUnknownError, match="fleet bootstrap aws-state"):
        Stack.open("aws-state", create=create)
    assert Known.looked == [BUCKET]
