"""Errors are told in one piece, without a traceback, and the command says what to do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fleet import console
from fleet.stacks import check_rights
from infra.config import StackSettings


def fleet(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from fleet.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_an_unknown_stack_names_the_known_ones() -> None:
    done = fleet("preview", "nowhere")
    assert done.returncode == 1
    assert re.search(r"Pulumi\.nowhere\.yaml: no such stack file; stacks here: .*\blocal\b", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_name_that_leads_out_of_the_repository_is_refused() -> None:
    done = fleet("up", "../local", "--yes")
    assert done.returncode == 1
    assert "'../local' can't name a stack" in done.stderr


def test_keys_in_errors_are_no_pictures(capfd: pytest.CaptureFixture[str]) -> None:
    console.error("modelfleet:cloud: is missing [here]")
    assert capfd.readouterr().err == "error: modelfleet:cloud: is missing [here]\n"


def test_a_folder_below_a_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = fleet("leftovers", MODELFLEET_RUN=str(tmp_path / "file" / "run"))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: MODELFLEET_RUN={tmp_path}/file/run: nothing can be written there (Not a directory)")


@pytest.mark.parametrize(
    ("variable", "unusable"),
    [
        ("MODELFLEET_CACHE", "/proc/x"),
        ("MODELFLEET_CACHE", "/dev/null"),
        ("MODELFLEET_STATE", "/proc"),
        ("MODELFLEET_STATE", "~nobody-here/x"),
    ],
)
def test_a_folder_that_can_t_be_used_is_told_by_its_variable(variable: str, unusable: str) -> None:
    done = fleet("preview", "local", **{variable: unusable})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {variable}={unusable}: ")
    assert "set " in line or "give an absolute path" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root to see what others are told")
def test_only_root_may_bring_up_an_embedded_cluster() -> None:
    settings = StackSettings.model_validate({"cloud": "local"})
    os.seteuid(65534)
    try:
        with pytest.raises(console.FleetError, match=r"run as root \(sudo\), or set modelfleet:kubeContext"):
            check_rights("local", settings)
        check_rights("local", settings.model_copy(update={"kube_context": "kind"}))
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("command", ["up", "preview", "down", "complete", "cluster", "image", "tools", "config"])
def test_every_command_explains_itself(command: str) -> None:
    done = fleet(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_keys_of_a_stack_file_are_explained() -> None:
    done = fleet("config", "explain")
    assert done.returncode == 0
    assert "modelfleet:serving.image" in done.stdout
