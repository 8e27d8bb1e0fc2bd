"""A flame graph is told of only where py-spy has made one."""

import os
import sys
from pathlib import Path

import pytest

from fleet.console import FleetError
from fleet.flame_graph import recording_this_process

REFUSING = """#!/bin/sh
trap '' INT
echo 'Error: Permission denied (os error 13)' >&2
echo refused > "$0.fifo"
exit 1
"""


def test_an_older_graph_is_not_taken_for_one_that_was_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy, said = tmp_path / "py-spy", tmp_path / "py-spy.fifo"
    spy.write_text(REFUSING)
    spy.chmod(0o755)
    os.mkfifo(said)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))  # py-spy is looked for beside it
    older = tmp_path / "flame.svg"
    older.write_text("<svg/>")
    with (
        pytest.raises(FleetError, match=r"can't be sampled: .*Permission denied.*CAP_SYS_PTRACE"),
        recording_this_process(older, native=False),
    ):
        assert said.read_text() == "refused\n"
