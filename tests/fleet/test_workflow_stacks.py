"""A stack in a workflow's job: kept where the next job finds it, or not touched at all."""

from pathlib import Path

import pytest

from fleet import stacks
from fleet.console import FleetError
from fleet.release_run import ReleaseDesk
from fleet.stacks import Stack
from toolchain.flavour import Flavour

_FILE = """\
config:
  modelfleet:cloud: gcp
  modelfleet:kind: account
  modelfleet:account: some-project
  modelfleet:region: europe-west4
"""


class Empty:
    """An engine whose backend knows no stack."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def exists(self, stack: str) -> bool:
        assert stack == "one"
        return False


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("MODELFLEET_REHEARSAL", raising=False)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "Pulumi.one.yaml"
    file.write_text(f"secretsprovider: gcpkms://key\n{_FILE}", encoding="utf-8")
    monkeypatch.setattr(stacks, "stack_file", lambda _: file)
    monkeypatch.setattr(stacks, "choose_flavour", lambda: Flavour.OFFICIAL)
    monkeypatch.setattr(stacks, "pulumi_environment", lambda _: {"PULUMI_BACKEND_URL": "file:///runner"})
    monkeypatch.setattr(stacks, "Engine", Empty)
    return file


@pytest.mark.parametrize("unset", [None, ""])  # a repository's variable that isn't set is an empty text
def test_runner_s_own_disk_keeps_no_stack_of_a_cloud(
    file: Path, monkeypatch: pytest.MonkeyPatch, unset: str | None
) -> None:
    assert file.is_file()
    if unset is not None:
        monkeypatch.setenv("PULUMI_BACKEND_URL", unset)
    with pytest.raises(FleetError, match="variable PULUMI_BACKEND_URL"):
        Stack.open("one", create=True)
    with pytest.raises(FleetError, match="releases would be kept on this runner"):
        ReleaseDesk.open()


def test_secrets_under_a_runner_s_passphrase_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "gs://states")
    file.write_text(_FILE, encoding="utf-8")
    with pytest.raises(FleetError, match="--secrets-provider URL"):
        Stack.open("one", create=True)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "the team's")
    assert Stack.open("one", create=True).name == "one"


def test_stack_is_taken_where_the_variable_says_and_anywhere_else_as_before(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "gs://states")
    assert Stack.open("one", create=True).name == "one"
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    monkeypatch.delenv("GITHUB_ACTIONS")
    file.write_text(_FILE, encoding="utf-8")
    assert Stack.open("one", create=True).name == "one"
