"""`fleet cost`: for people, for programs, for pull requests."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fleet import stacks
from fleet.app import app

Fleet = Callable[..., Result]
POOL: dict[str, Any] = {"name": "l40s", "sku": "g6e.12xlarge", "min": 1, "max": 3, "driver": 580}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The command over a clone of its own."""
    monkeypatch.setattr(stacks, "clone_dir", lambda: tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["cost", *arguments])


@pytest.fixture
def commit(tmp_path: Path) -> Callable[[], None]:
    def run() -> None:
        own = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        for arguments in (["init", "-q", "-b", "main"], ["add", "."], [*own, "commit", "-q", "-m", "stacks"]):
            subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)

    return run


def result(done: Result) -> Any:
    assert done.exit_code == 0, done.output + repr(done.exception)
    return json.loads(done.stdout)


def test_a_program_reads_sums_lines_and_sources(fleet: Fleet, write_stack: Callable[..., Path]) -> None:
    write_stack("one", gpuPools=[POOL])
    told = result(fleet("one", "--json", "--load", "0"))
    assert told["total"]["low"] == told["total"]["expected"] < told["total"]["high"]
    assert set(told["pools"]) == {"l40s", "system", "general"}
    machine = next(line for line in told["lines"] if line["sku"] == "g6e.12xlarge")
    assert machine["rate"]["source"]["date"] >= "2024"
    assert machine["amount"]["low"] == pytest.approx(machine["rate"]["usd"] * 730)


def test_a_person_sees_what_is_not_in_it(fleet: Fleet, write_stack: Callable[..., Path]) -> None:
    write_stack("one")
    told = fleet("one").output
    assert "not in it, for want of a price" in told
    assert "total" in told


def test_the_account_s_budget_is_held_against_all_its_regions(fleet: Fleet, write_stack: Callable[..., Path]) -> None:
    write_stack("one", gpuPools=[POOL])
    write_stack("two", gpuPools=[POOL])
    budget = {"monthlyUsd": 30_000, "contacts": ["a@example.com"]}
    write_stack("account", kind="account", budget=budget)
    (check,) = result(fleet("one", "--json"))["budgets"]
    assert check["stacks"] == ["one", "two"]
    # 10.49 dollars an hour, two machines expected in each, three at most, and a little around them.
    assert 30_624 < check["amount"]["expected"] < check["amount"]["high"]
    assert check["verdict"] == "over"
    assert check["alarms"] == [0.5, 0.8, 1.0]
    told = result(fleet("account", "--json"))
    assert told["budgets"] == [check]
    assert sum(region["expected"] for region in told["regions"].values()) == pytest.approx(check["amount"]["expected"])


def test_a_pull_request_shows_the_difference(
    fleet: Fleet, write_stack: Callable[..., Path], commit: Callable[[], None]
) -> None:
    write_stack("one", gpuPools=[POOL])
    commit()
    write_stack("one", gpuPools=[{**POOL, "min": 2}], network={"nat": "shared"})
    done = fleet("one", "--against", "main", "--markdown")
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert rows[0] == "| part | before | after | change |"
    assert rows[2].startswith("| pool l40s |")
    assert rows[3] == "| NAT gateways | $99 ($99 to $99) | $33 ($33 to $33) | -66 |"
    assert rows[-1].startswith("| **total** |")


def test_no_change_is_said(fleet: Fleet, write_stack: Callable[..., Path], commit: Callable[[], None]) -> None:
    write_stack("one")
    commit()
    assert "No change against `HEAD`" in fleet("one", "--against", "HEAD", "--markdown").stdout
    assert result(fleet("one", "--against", "HEAD", "--json"))["changes"] == []


def test_a_new_stack_has_no_before(fleet: Fleet, write_stack: Callable[..., Path], commit: Callable[[], None]) -> None:
    write_stack("old")
    commit()
    write_stack("one")
    assert result(fleet("one", "--against", "main", "--json"))["before"] is None


def test_a_stack_without_an_estimate_fails_no_pull_request(
    fleet: Fleet, write_stack: Callable[..., Path], tmp_path: Path
) -> None:
    write_stack("account", kind="account")
    (tmp_path / "Pulumi.local.yaml").write_text("config: {modelfleet:cloud: local}\n")
    for stack, why in (("account", "of kind `account`"), ("local", "on one machine")):
        done = fleet(stack, "--against", "main", "--markdown")
        assert done.exit_code == 0
        assert f"Not estimated: it is {why}" in done.stdout


def test_two_files_are_compared(
    fleet: Fleet, write_stack: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_stack("one", gpuPools=[POOL])
    other = write_stack("one", folder=tmp_path_factory.mktemp("other"))
    (change,) = result(fleet("one", "--against", str(other), "--json"))["changes"]
    assert change["part"] == "pool l40s"
    assert change["before"] is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("one", "--against", "nowhere"), "name a commit, a branch, a tag or a stack file"),
        (("one", "--markdown"), "name what it is against"),
        (("local",), "which no cloud charges for"),
        (("google", "--refresh"), "asks for a key of a project"),
    ],
)
def test_mistakes_are_told(
    fleet: Fleet, write_stack: Callable[..., Path], tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    write_stack("one")
    write_stack("google", cloud="gcp")
    (tmp_path / "Pulumi.local.yaml").write_text("config: {modelfleet:cloud: local}\n")
    done = fleet(*arguments)
    assert done.exit_code == 1
    assert told in str(done.exception)
