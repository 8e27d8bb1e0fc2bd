"""`fleet release drill` as a person meets it before anything is started."""

import json

import pytest
from typer.testing import CliRunner

from fleet import console
from fleet.app import app
from release.steps import fault_points


def listed(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["release", "drill", "--list", "--json", *arguments])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return [row["scenario"] for row in json.loads(done.stdout)]


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["release", "drill", *arguments])
    assert done.exception is not None
    return console.foreseen(done.exception) or pytest.fail(repr(done.exception))


def test_what_is_released() -> None:
    names = listed()
    assert names[0] == "good"
    wanted = {"crash-loop", "wrong-answers", "slow", "errors", "missing-image", "half-way"}
    assert wanted < set(names)
    assert len([name for name in names if name.startswith("killed-at-")]) == 2


def test_some_of_it() -> None:
    assert listed("--only", "slow", "--only", "good") == ["good", "slow"]
    assert listed("--only", "good", "--healthy", "2") == ["good", "healthy-1", "healthy-2"]
    every = [argument for point in fault_points() for argument in ("--kill-at", point)]
    assert len([name for name in listed(*every) if name.startswith("killed-at-")]) == len(list(fault_points()))


def test_names_that_there_are_not() -> None:
    assert refused("--only", "slwo") == "--only slwo: did you mean slow?"
    assert "rollout:begun" in refused("--kill-at", "xyzzy")


def test_it_takes_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "sudo" in refused()
