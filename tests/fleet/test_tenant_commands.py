"""`fleet tenant`: files are written, checked against the stacks that host them, and never left half right."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from fleet import console
from fleet.app import app
from fleet.commands import tenant as commands
from infra.config import SettingsError
from tenants import TenantError

DIGEST = "sha256:" + "0" * 64
Fleet = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for stack, region in {"east": "us-east-1", "west": "us-west-2", "north": "eu-north-1"}.items():
        config = {
            "cloud": "aws",
            "region": region,
            "account": "111122223333",
            "model": {"digest": DIGEST},
            "serving": {"image": f"server@{DIGEST}"},
            "gateway": {"image": f"gateway@{DIGEST}"},
            "monitoring": {"image": f"prometheus@{DIGEST}"},
        }
        file = tmp_path / f"Pulumi.{stack}.yaml"
        file.write_text(yaml.safe_dump({"config": {f"modelfleet:{key}": value for key, value in config.items()}}))
    monkeypatch.setattr("toolchain.locations.clone_dir", lambda: tmp_path)
    monkeypatch.setattr("fleet.stacks.clone_dir", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def fleet(root: Path) -> Fleet:
    del root

    def fleet(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["tenant", *arguments], catch_exceptions=True)

    return fleet


def on(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_today", lambda: day)


def result(done: Result) -> Any:
    assert done.exit_code == 0, done.output + repr(done.exception)
    return json.loads(done.stdout)


def test_add_writes_a_file_that_its_stacks_take(fleet: Fleet, root: Path) -> None:
    added = result(fleet("add", "acme", "--stacks", "east,west", "--plan", "enterprise", "--residency", "US", "--json"))
    assert (added["stacks"], added["residency"], added["quotas"]["gpus"]) == (["east", "west"], ["US"], 16)
    text = (root / "tenants" / "acme.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../schemas/tenant.schema.json\n")


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (["--stacks", "east", "--residency", "EU"], SettingsError, "us-east-1 is in US, but tenants/acme.yaml allows"),
        (["--stacks", "nowhere"], SettingsError, "no such stack file; stacks here: east, north, west"),
        (["--stacks", "east", "--plan", "gold"], console.FleetError, "'gold' is no plan; there are: trial, standard"),
        (["--stacks", "east", "--gpu-pool", "own"], SettingsError, "has the pool 'own' for itself"),
        (["--stacks", "../east"], console.FleetError, "can't name a stack"),
        (["--stacks", "east", "--domain", "acme"], SettingsError, "'acme' is not a host name"),
    ],
)
def test_add_leaves_nothing_behind_that_a_stack_refuses(
    fleet: Fleet, root: Path, arguments: list[str], error: type[Exception], told: str
) -> None:
    done = fleet("add", "acme", *arguments)
    assert isinstance(done.exception, error)
    assert told in str(done.exception)
    assert not (root / "tenants" / "acme.yaml").exists()


def test_add_gives_an_old_tenant_another_stack_or_nothing(fleet: Fleet, root: Path) -> None:
    fleet("add", "acme", "--stacks", "east", "--residency", "US")
    file = root / "tenants" / "acme.yaml"
    before = file.read_text(encoding="utf-8")
    assert isinstance(fleet("add", "acme", "--stacks", "north").exception, SettingsError)
    assert file.read_text(encoding="utf-8") == before
    assert result(fleet("add", "acme", "--stacks", "west", "--json"))["stacks"] == ["east", "west"]


def test_the_engine_shows_what_a_new_tenant_makes(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Recorded:
        def __init__(self, name: str) -> None:
            self.name = name

        @classmethod
        @contextmanager
        def for_preview(cls, name: str) -> Generator["Recorded"]:
            yield cls(name)

        def preview(self) -> None:
            shown.append(self.name)

    monkeypatch.setattr("fleet.stacks.Stack", Recorded)
    result(fleet("add", "acme", "--stacks", "east,west", "--json", "--preview"))
    assert shown == ["east", "west"]


def test_a_tenant_of_a_stack_that_is_gone_is_told_by_config_check(fleet: Fleet, root: Path) -> None:
    fleet("add", "acme", "--stacks", "east,west")
    check = CliRunner().invoke(app, ["config", "check"])
    assert check.exit_code == 0, check.output
    (root / "Pulumi.west.yaml").unlink()
    check = CliRunner().invoke(app, ["config", "check"])
    assert check.exit_code == 1
    assert "stacks[1]: 'west' is no stack; stacks here: east, north" in check.output


def test_list_and_show(fleet: Fleet) -> None:
    fleet("add", "acme", "--stacks", "east")
    fleet("add", "globex", "--stacks", "north", "--residency", "EU", "--plan", "trial")
    assert [tenant["name"] for tenant in result(fleet("list", "--json"))] == ["acme", "globex"]
    assert [tenant["name"] for tenant in result(fleet("list", "--stack", "north", "--json"))] == ["globex"]
    assert result(fleet("show", "globex", "--json"))["plan"] == "trial"
    assert "globex" in fleet("list").stdout
    assert "limits.requestsPerMinute" in fleet("show", "acme").stdout


def test_a_tenant_s_life(fleet: Fleet, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet("add", "acme", "--stacks", "east", "--plan", "trial")
    assert isinstance(fleet("remove", "acme").exception, TenantError)

    on(date(2026, 3, 1), monkeypatch)
    assert result(fleet("suspend", "acme", "--json"))["suspendedSince"] == "2026-03-01"
    assert result(fleet("resume", "acme", "--json"))["state"] == "active"
    fleet("suspend", "acme")
    assert "it can be removed from 2026-03-08 on" in str(fleet("remove", "acme").exception)

    on(date(2026, 3, 8), monkeypatch)
    assert result(fleet("remove", "acme", "--json")) == {"tenant": "acme", "removed": False, "stacks": ["east"]}
    assert (root / "tenants" / "acme.yaml").exists()
    assert result(fleet("remove", "acme", "--json")) == {"tenant": "acme", "removed": True, "stacks": ["east"]}
    assert not (root / "tenants" / "acme.yaml").exists()


@pytest.mark.parametrize("command", ["add", "list", "show", "suspend", "resume", "remove"])
def test_every_command_has_an_example(fleet: Fleet, command: str) -> None:
    assert f"fleet tenant {command}" in fleet(command, "--help").stdout
