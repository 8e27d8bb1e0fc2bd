"""What `fleet rehearse` refuses before anything begins."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from documents.findings import SettingsError
from fleet.app import app
from fleet.console import FleetError


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--faults", "--lifecycle"], "--faults and --lifecycle don't go together"),
        (["--faults", "--scenario", "x.yaml", "--down"], "--faults and --down, --scenario don't go together"),
        (["--scenario", "x.yaml", "--lifecycle"], "--scenario and --lifecycle don't go together"),
        (["--sample", "3"], "--sample says what --faults draws: add --faults"),
        (["--faults", "--isolated"], "--isolated takes a life for each fault: add --sample"),
    ],
)
def test_options_that_mean_nothing_together_are_named(options: list[str], told: str) -> None:
    ended = CliRunner().invoke(app, ["rehearse", "gcp-account", *options])
    assert isinstance(ended.exception, FleetError)
    assert told in str(ended.exception)


def test_a_wrong_scenario_is_told_before_the_world_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("faults:\n  - fault: quotta\n")
    ended = CliRunner().invoke(app, ["rehearse", "gcp-account", "--scenario", str(wrong)])
    assert isinstance(ended.exception, SettingsError)
    assert "wrong.yaml:2" in str(ended.exception)
    assert not (tmp_path / "state" / "rehearsal").exists()
