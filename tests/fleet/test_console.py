"""Errors are told in one piece, without a traceback, and the command says what to do."""

import re
import subprocess
import sys

import pytest


def fleet(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from fleet.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unknown_stack_names_the_known_ones() -> None:
    done = fleet("preview", "nowhere")
    assert done.returncode == 1
    assert re.search(r"Pulumi\.nowhere\.yaml: no such stack file; stacks here: .*\blocal\b", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["up", "preview", "down", "complete", "cluster", "image", "tools", "config"])
def test_every_command_explains_itself(command: str) -> None:
    done = fleet(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_keys_of_a_stack_file_are_explained() -> None:
    done = fleet("config", "explain")
    assert done.returncode == 0
    assert "modelfleet:serving.image" in done.stdout
