"""A preview of a stack that was never brought up leaves nothing of it behind, however it ends."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.authorities import authority_file
from fleet.engine import UpdateFailedError
from fleet.exclusive import StackBusyError, exclusive
from fleet.leftovers import kept_by_ended_stacks, remove_kept
from fleet.run_config import run_config_file
from fleet.stacks import Stack
from toolchain.locations import bucket_dir

ROOT = Path(__file__).parents[2]
TEXT = """\
config:
  modelfleet:cloud: local
  modelfleet:cluster: {name: never-made}
  modelfleet:model: {name: demo-coder, source: models/demo-coder}
"""


@dataclass(frozen=True)
class Unmade:
    """A local stack that was never brought up, in a state folder of its own."""

    name: str
    file: Path
    state: Path

    def left(self) -> list[str]:
        """Name what there is of it, beside its file as it was."""
        assert self.file.read_text(encoding="utf-8") == TEXT
        backend = self.state / "pulumi" / "backend" / ".pulumi" / "stacks"
        there = [*backend.rglob(f"{self.name}.json"), run_config_file(self.name), authority_file(self.name)]
        return [str(path) for path in there if path.exists()]


@pytest.fixture
def unmade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unmade]:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path))
    monkeypatch.setenv("MODELFLEET_PULUMI", "built")
    name = f"unmade-{secrets.token_hex(3)}"
    file = ROOT / f"Pulumi.{name}.yaml"
    file.write_text(TEXT, encoding="utf-8")
    try:
        yield Unmade(name, file, tmp_path)
    finally:
        file.unlink()


def test_the_stack_is_there_for_the_preview_only(unmade: Unmade) -> None:
    done = subprocess.run(_command(unmade), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["create"] > 10
    assert unmade.left() == []


def test_a_preview_that_is_interrupted_takes_it_back(unmade: Unmade) -> None:
    """By a Ctrl-C in its terminal, which reaches the engine as well."""
    with subprocess.Popen(_command(unmade), stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True) as preview:
        while not unmade.left():
            assert preview.poll() is None
        os.killpg(preview.pid, signal.SIGINT)
        _, said = preview.communicate()
    assert preview.returncode == 130, said.decode()
    assert unmade.left() == []


def test_who_brings_it_up_meanwhile_has_to_wait(unmade: Unmade) -> None:
    with Stack.for_preview(unmade.name) as opened:
        assert unmade.left()
        with pytest.raises(StackBusyError), exclusive(unmade.name):
            pass
        with pytest.raises(StackBusyError), exclusive(opened.name):
            Stack.open(unmade.name, create=True, changes=False).up()
    assert unmade.left() == []


def test_a_stack_whose_making_was_killed_is_made(unmade: Unmade) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    lock = unmade.state / f"pulumi/backend/.pulumi/locks/organization/modelfleet/{unmade.name}/1.json"
    lock.parent.mkdir(parents=True)
    holder = {"pid": dead.pid, "username": "root", "hostname": socket.gethostname()}
    lock.write_text(json.dumps({**holder, "timestamp": "2026-01-01T00:00:00Z"}), encoding="utf-8")
    with Stack.for_preview(unmade.name):
        assert unmade.left()
    assert unmade.left() == []


def test_what_an_engine_was_killed_in_the_middle_of_writing_stops_no_other(unmade: Unmade) -> None:
    opened = Stack.open(unmade.name, create=True)
    opened.begin()
    attributes = list((unmade.state / "pulumi" / "backend").rglob("*.attrs"))
    assert attributes
    for each in attributes:
        each.write_bytes(b"")
    with pytest.raises(UpdateFailedError, match="EOF"):
        opened.engine.exists(unmade.name)
    assert Stack.open(unmade.name, create=False).engine.exists(unmade.name)


def test_one_that_is_there_stays(unmade: Unmade) -> None:
    Stack.open(unmade.name, create=True).begin()
    before = unmade.left()
    with Stack.for_preview(unmade.name):
        pass
    assert unmade.left() == before != []


def test_what_an_end_that_was_killed_left_is_found_and_removed(unmade: Unmade) -> None:
    opened = Stack.open(unmade.name, create=True)
    opened.begin()
    authority_file(unmade.name).parent.mkdir()
    authority_file(unmade.name).write_text("certificate", encoding="utf-8")
    weights = bucket_dir(unmade.name) / "models"
    weights.mkdir(parents=True)
    assert kept_by_ended_stacks() == []
    opened.engine.remove(unmade.name)
    assert kept_by_ended_stacks() == [authority_file(unmade.name), run_config_file(unmade.name), weights.parent]
    remove_kept()
    assert kept_by_ended_stacks() == []


def _command(unmade: Unmade) -> list[str]:
    return [str(ROOT / ".venv" / "bin" / "fleet"), "preview", unmade.name, "--json"]
