"""A place of states is undone from this machine, never under another stack's state, and taken up where it was."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from fleet.app import app
from fleet.bootstrap import Bootstrap, CloudBackends
from fleet.bootstrap_undo import Undo
from fleet.console import FleetError
from fleet.engine import Engine, Summary, UpdateFailedError
from fleet.kept_notes import KeptNotes
from infra.config import from_stack_file

BUCKET = "azblob://state?storage_account=mfstate"
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/mfvault"
FILE = """\
config:
  modelfleet:cloud: azure
  modelfleet:kind: state
  modelfleet:account: 00000000-0000-4000-8000-000000000001
  modelfleet:region: westeurope
  modelfleet:api:
    authorizedRanges: [203.0.113.0/24]
    admins: [00000000-0000-4000-8000-0000000000aa]
"""


def state(*, protect: bool) -> dict[str, Any]:
    vault = {"type": "azure-native:keyvault:Vault", "id": VAULT, "inputs": {}}
    return {"deployment": {"resources": [{"urn": "urn:vault", "custom": True, "protect": protect, **vault}]}}


@dataclass
class Backends:
    """What each backend keeps, and what was done in which."""

    kept: dict[str, dict[str, Any]]
    fails_after_the_vault: bool = False
    done: list[tuple[str, str]] = field(default_factory=list)


class One:
    """An engine with one of them."""

    def __init__(self, backends: Backends, url: str) -> None:
        self._backends, self.url = backends, url

    def with_environment(self, further: Mapping[str, str]) -> "One":
        return One(self._backends, further["PULUMI_BACKEND_URL"])

    def others(self, stack: str) -> list[str]:
        return sorted(set(self._here) - {stack})

    def outputs(self, stack: str) -> Mapping[str, str]:
        del stack
        return {"backend": BUCKET}

    def exists(self, stack: str) -> bool:
        return stack in self._here

    def select(self, stack: str) -> None:
        assert stack in self._here

    def create(self, stack: str, provider: str) -> None:
        assert provider == "passphrase"
        self._here[stack] = {"deployment": {}}

    def export(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        del show_secrets
        return deepcopy(self._here[stack])

    def import_(self, stack: str, checkpoint: dict[str, Any]) -> None:
        self._backends.done.append(("import", self.url))
        self._here[stack] = checkpoint

    def remove(self, stack: str) -> None:
        assert not self._here[stack]["deployment"]["resources"]
        del self._here[stack]

    def lifted(self) -> Summary:
        self._backends.done.append(("lift", self.url))
        self._here["azure-state"] = state(protect=False)
        return Summary({"update": 1}, 1)

    def destroyed(self) -> Summary:
        self._backends.done.append(("destroy", self.url))
        self._here["azure-state"] = {"deployment": {"resources": []}}
        if self._backends.fails_after_the_vault:
            raise UpdateFailedError("the cloud said no")
        self._backends.kept.pop(BUCKET, None)
        return Summary({"delete": 1}, 1)

    @property
    def _here(self) -> dict[str, Any]:
        return self._backends.kept.setdefault(self.url, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    here = tmp_path / "here"
    here.mkdir()
    return here


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Pulumi.azure-state.yaml"


def undo(backends: Backends, folder: Path, file: Path) -> Undo:
    return Undo(
        "azure-state",
        cast("Engine", One(backends, folder.as_uri())),
        folder,
        CloudBackends(),
        lambda engine: cast("One", engine).lifted(),
        lambda engine: cast("One", engine).destroyed(),
        file,
    )


def test_the_state_moves_here_before_anything_is_deleted(folder: Path, file: Path) -> None:
    file.write_text(f"secretsprovider: azurekeyvault://v/keys/k\n{FILE}  modelfleet:backend: {BUCKET}\n", "utf-8")
    backends = Backends({BUCKET: {"azure-state": state(protect=True)}})
    _, left = undo(backends, folder, file).run()
    here = folder.as_uri()
    assert backends.done == [("lift", BUCKET), ("import", here), ("destroy", here)]
    assert [each.name for each in left] == ["mfvault"]
    written = from_stack_file(file)
    assert written.backend == ""
    assert written.kept == ("mfvault",), "the next bootstrap takes the vault back"
    assert "secretsprovider" not in file.read_text(encoding="utf-8")
    assert not folder.exists()


def test_nothing_is_touched_while_another_stack_is_kept_there(folder: Path, file: Path) -> None:
    file.write_text(f"{FILE}  modelfleet:backend: {BUCKET}\n", encoding="utf-8")
    backends = Backends({BUCKET: {"azure-state": state(protect=True), "other/one": {}}})
    with pytest.raises(FleetError, match=r"states of other stacks \(other/one\).*fleet down"):
        undo(backends, folder, file).run()
    assert backends.done == []
    assert from_stack_file(file).backend == BUCKET


@pytest.mark.parametrize("protect", [True, False])
def test_what_was_interrupted_is_taken_up_from_here(folder: Path, file: Path, *, protect: bool) -> None:
    file.write_text(FILE, encoding="utf-8")
    backends = Backends({folder.as_uri(): {"azure-state": state(protect=protect)}})
    undo(backends, folder, file).run()
    assert [operation for operation, _ in backends.done] == ["lift", "destroy"] if protect else ["destroy"]
    assert not folder.exists()


def test_a_stack_that_came_while_it_was_interrupted_is_seen(folder: Path, file: Path) -> None:
    file.write_text(FILE, encoding="utf-8")
    kept = {folder.as_uri(): {"azure-state": state(protect=False)}, BUCKET: {"azure-state": {}, "other/one": {}}}
    backends = Backends(kept)
    with pytest.raises(FleetError, match=r"states of other stacks \(other/one\)"):
        undo(backends, folder, file).run()
    assert backends.done == []


def test_an_end_that_fails_says_what_its_cloud_keeps_already(folder: Path, file: Path) -> None:
    file.write_text(FILE, encoding="utf-8")
    backends = Backends({folder.as_uri(): {"azure-state": state(protect=False)}}, fails_after_the_vault=True)
    with pytest.raises(UpdateFailedError, match="the cloud said no"):
        undo(backends, folder, file).run()
    assert from_stack_file(file).kept == ("mfvault",)
    assert KeptNotes("azure-state", folder).names() == frozenset()


@pytest.mark.parametrize("goes_on", ["undo", "bootstrap"])
def test_what_a_killed_end_has_deleted_is_known_to_the_next_run(folder: Path, file: Path, goes_on: str) -> None:
    file.write_text(FILE, encoding="utf-8")
    KeptNotes("azure-state", folder).add({"mfvault"})  # then it was killed, with the vault gone
    backends = Backends({folder.as_uri(): {"azure-state": {"deployment": {"resources": []}}}})
    going = undo(backends, folder, file)
    if goes_on == "undo":
        going.run()
    else:
        known: list[tuple[str, ...]] = []

        def update(engine: Engine) -> Summary:
            del engine
            known.append(from_stack_file(file).kept)
            raise UpdateFailedError("no further")

        with pytest.raises(UpdateFailedError, match="no further"):
            Bootstrap("azure-state", going.engine, folder, CloudBackends(), update, file).run()
        assert known == [("mfvault",)], "the update itself has to know"
    assert from_stack_file(file).kept == ("mfvault",)


def test_there_is_nothing_to_undo_twice(folder: Path, file: Path) -> None:
    file.write_text(FILE, encoding="utf-8")
    with pytest.raises(FleetError, match="nothing to undo"):
        undo(Backends({}), folder, file).run()


def test_another_name_is_no_confirmation() -> None:
    done = CliRunner().invoke(app, ["bootstrap", "aws-state", "--undo", "--confirm", "aws-us-east-1"])
    assert isinstance(done.exception, FleetError)
    assert "nothing was touched" in str(done.exception)
