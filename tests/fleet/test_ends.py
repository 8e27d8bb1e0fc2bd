"""How a command ends that is asked to by a signal: in order, with a word of how to go on."""

import signal
import subprocess
import sys

import pytest

_COMMAND = """
import os, sys, typer
import fleet.app
from fleet.cli import main

app = fleet.app.app = typer.Typer()

@app.command()
def act():
    os.kill(os.getpid(), {number})
    print("went on")

sys.argv = ["fleet"]
main()
"""


def command(number: int) -> list[str]:
    return [sys.executable, "-c", _COMMAND.format(number=int(number))]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_asked_to_end_tells_how_to_go_on(number: signal.Signals) -> None:
    done = subprocess.run(command(number), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (130, "")
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_under_nohup_outlives_its_terminal() -> None:
    shell = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command(signal.SIGHUP)]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "went on\n")
