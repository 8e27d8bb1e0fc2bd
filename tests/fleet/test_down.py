"""The end of a stack: what asks before it, in which order it comes, and what the stack's file knows afterwards."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from fleet import phases, stacks
from fleet.app import app
from fleet.console import FleetError
from fleet.engine import Engine, Summary
from fleet.kept_notes import KeptNotes
from fleet.remains import protected
from fleet.run_config import RunConfig
from fleet.stacks import Stack
from fleet.update_view import UpdateView
from infra.config import StackSettings
from toolchain.plugin_flavours import Flavour

TEXT = "config:\n  modelfleet:cloud: gcp\n"
VAULT = {
    "urn": "urn:pulumi:s::modelfleet::azure-native:keyvault:Vault::vault",
    "type": "azure-native:keyvault:Vault",
    "id": "/vaults/mfvault1",
    "custom": True,
    "inputs": {},
}


@dataclass
class RecordingEngine:
    """Notes what it is asked to do, and the file that it is given for it."""

    resources: list[Mapping[str, Any]]
    done: list[tuple[str, str]] = field(default_factory=list)
    fails_at: str = ""
    gone_before_it_fails: str = ""

    def select(self, stack: str) -> None:
        assert stack == "s"

    def export(self, stack: str) -> dict[str, Any]:
        assert stack == "s"
        return {"deployment": {"resources": self.resources}}

    def run(self, operation: str, stack: str, view: UpdateView, *arguments: str) -> Summary:
        assert stack == "s"
        assert view is not None
        self.done.append((operation, Path(_after("--config-file", arguments)).read_text(encoding="utf-8")))
        if operation == "up":
            self.resources = [{**each, "protect": False} for each in self.resources]
        if operation == self.fails_at:
            self.resources = [each for each in self.resources if each["id"] != self.gone_before_it_fails]
            raise FleetError("the cloud said no")
        return Summary({"delete": len(self.resources)}, 1)

    def remove(self, stack: str) -> None:
        self.done.append(("remove", stack))


def _after(option: str, arguments: Sequence[str]) -> str:
    return arguments[arguments.index(option) + 1]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    file = tmp_path / "Pulumi.s.yaml"
    file.write_text(TEXT, encoding="utf-8")
    return file


def stack(engine: RecordingEngine, file: Path, **keys: str) -> Stack:
    settings = StackSettings.model_validate({"cloud": "gcp", **keys})
    return Stack("s", settings, Flavour.OFFICIAL, cast("Engine", engine), "gs://state", RunConfig(file), KeptNotes("s"))


def test_protections_are_lifted_before_anything_is_deleted(file: Path) -> None:
    engine = RecordingEngine([{**VAULT, "protect": True}])
    file.write_text(f"{TEXT}  modelfleet:kept: [mfvault0]\n", encoding="utf-8")
    _, left = stack(engine, file).down_with_data()
    assert [operation for operation, _ in engine.done] == ["up", "destroy", "remove"]
    assert "modelfleet:deleteData: true" in engine.done[0][1]
    assert [each.name for each in left] == ["mfvault1"]
    text = file.read_text(encoding="utf-8")
    assert "modelfleet:kept: [mfvault0, mfvault1]" in text
    assert "deleteData" not in text


def test_an_end_that_fails_half_way_goes_on_where_it_was(file: Path) -> None:
    other = {**VAULT, "id": "/vaults/mfvault2"}
    engine = RecordingEngine([VAULT, other], fails_at="destroy", gone_before_it_fails="/vaults/mfvault1")
    with pytest.raises(FleetError, match="the cloud said no"):
        stack(engine, file).down_with_data()
    assert [operation for operation, _ in engine.done] == ["destroy"], "nothing is protected: nothing is made again"
    assert "modelfleet:kept: [mfvault1]" in file.read_text(encoding="utf-8")
    engine.fails_at = ""
    stack(engine, file).down_with_data()
    assert "modelfleet:kept: [mfvault1, mfvault2]" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("goes_on", [Stack.down, Stack.down_with_data, Stack.up])
def test_what_a_killed_end_has_deleted_is_known_to_the_next_run(
    file: Path, goes_on: Callable[[Stack], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "record_flavour", lambda *_: None)

    class Killed(RecordingEngine):
        def run(self, operation: str, stack: str, view: UpdateView, *arguments: str) -> Summary:
            del operation, stack, view, arguments
            os._exit(9)  # as SIGKILL ends it: nothing of ours runs any more

    engine = RecordingEngine([VAULT])
    if (child := os.fork()) == 0:
        stack(Killed(engine.resources), file).down_with_data()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert "kept" not in file.read_text(encoding="utf-8")
    engine.resources = []  # the cloud had deleted it
    goes_on(stack(engine, file))
    assert "modelfleet:kept: [mfvault1]" in file.read_text(encoding="utf-8")
    if goes_on is Stack.up:
        assert "modelfleet:kept: [mfvault1]" in engine.done[0][1], "the update itself has to know"


@pytest.mark.parametrize("name", ["deletionProtection", "enableDeletionProtection", "deletionProtectionEnabled"])
def test_a_lift_that_failed_half_way_is_made_again(file: Path, name: str) -> None:
    """The cloud still refuses the cluster's deletion where the engine's protection of the rest is lifted already."""
    engine = RecordingEngine([{**VAULT, "inputs": {name: True}}])
    stack(engine, file).down_with_data()
    assert [operation for operation, _ in engine.done] == ["up", "destroy", "remove"]
    assert protected({"deployment": {"resources": [{**VAULT, "inputs": {name: False}}]}}) == []


def test_a_region_without_its_second_phase_goes_without_a_tunnel(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "reached", lambda *_: pytest.fail("there is no way to an API server"))
    engine = RecordingEngine([{**VAULT, "protect": True}])
    going = stack(engine, file, cloud="azure")
    assert going.settings.tunnelled
    going.down_with_data()
    (lifting, text), *_ = engine.done
    assert lifting == "up"
    assert "modelfleet:phase: cloud" in text
    assert "modelfleet:deleteData: true" in text


def test_protected_data_stops_a_plain_end_before_it_begins(file: Path) -> None:
    engine = RecordingEngine([{**VAULT, "protect": True}])
    with pytest.raises(FleetError, match="fleet down s --delete-data"):
        stack(engine, file).down()
    assert engine.done == []


@pytest.mark.parametrize(("arguments", "typed"), [(("--confirm", "other"), ""), ((), "other\n"), (("--yes",), "yes\n")])
def test_data_is_not_deleted_without_the_stacks_name(arguments: tuple[str, ...], typed: str) -> None:
    done = CliRunner().invoke(app, ["down", "aws-us-east-1", "--delete-data", *arguments], input=typed)
    assert isinstance(done.exception, FleetError)
    assert "nothing was touched" in str(done.exception)
