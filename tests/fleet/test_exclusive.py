"""Only one command at a time changes a stack."""

import subprocess
import sys
from pathlib import Path

import pytest

from fleet.exclusive import StackBusyError, exclusive

_HOLD = """
from fleet.exclusive import exclusive
with exclusive("s"):
    print("held", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path))


def holder() -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_refused_and_told_whom_it_waits_for() -> None:
    with holder() as first:
        try:
            with pytest.raises(StackBusyError, match=rf"another `fleet` \(process {first.pid}\) is changing stack s"):
                exclusive("s").__enter__()
            with exclusive("another"):
                pass
        finally:
            first.kill()


def test_a_killed_holder_gives_it_up() -> None:
    with holder() as first:
        first.kill()
    with exclusive("s"):
        pass
    with exclusive("s"):
        pass
