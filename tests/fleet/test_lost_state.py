"""A stack that was there and whose state is gone isn't begun anew: that would make everything twice."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.app import app
from fleet.console import FleetError
from fleet.lost_state import StateLostError, check_not_lost
from rehearsal import guard


def kept(backend: Path, folder: str, name: str) -> Path:
    file = backend / ".pulumi" / folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}", encoding="utf-8")
    return file


def test_a_stack_that_never_was_and_one_that_is_there_may_be_begun(tmp_path: Path) -> None:
    check_not_lost(tmp_path.as_uri(), "east")
    kept(tmp_path, "history/modelfleet/east", "east-1.checkpoint.json")
    kept(tmp_path, "stacks/modelfleet", "east.json")
    check_not_lost(tmp_path.as_uri(), "east")


@pytest.mark.parametrize("left", [None, "east.json.bak", "east.json.attrs", "west.json"])
def test_a_history_without_a_state_is_a_lost_one(tmp_path: Path, left: str | None) -> None:
    file = kept(tmp_path, "history/modelfleet/east", "east-1.checkpoint.json")
    if left:
        kept(tmp_path, "stacks/modelfleet", left)
    with pytest.raises(StateLostError, match=r"the state of stack east is gone .*docs/runbooks/lost-state\.md"):
        check_not_lost(tmp_path.as_uri(), "east")
    assert file.is_file()
    check_not_lost(tmp_path.as_uri(), "west")
    check_not_lost("s3://states", "east")


def test_the_plain_engine_of_a_shell_in_a_rehearsal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / guard.MARK).write_text("{}", encoding="utf-8")
    monkeypatch.setenv(guard.WORLD_VARIABLE, str(tmp_path))
    done = CliRunner().invoke(app, ["env"])
    assert isinstance(done.exception, FleetError)
    assert "`fleet pulumi STACK`" in str(done.exception)
