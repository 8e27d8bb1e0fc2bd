"""A stack after a killed update: only a dead holder's lock is released, and half-done work is taken up again."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.engine import Engine
from fleet.pending import Settled, StateChangedError
from fleet.repair import StackLockedError, holders, repair, unlock
from toolchain.flavour import Flavour
from toolchain.pulumi_home import pulumi_environment


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The real engine on a backend of its own, with one empty stack of this project."""
    backend = tmp_path / "backend"
    backend.mkdir()
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    environment = {**pulumi_environment(Flavour.BUILT), "PULUMI_BACKEND_URL": backend.as_uri()}
    made = Engine(environment)
    file = Path(__file__).parents[2] / "Pulumi.e2e-repair.yaml"
    file.write_text("config: {modelfleet:cloud: local}\n", encoding="utf-8")
    try:
        made.select("e2e-repair")
        yield made
    finally:
        file.unlink()


def lock(backend: Path, pid: int, host: str = "") -> Path:
    file = backend / ".pulumi" / "locks" / "organization" / "modelfleet" / "e2e-repair" / "1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = {
        "pid": pid,
        "username": "root",
        "hostname": host or socket.gethostname(),
        "timestamp": "2026-01-01T00:00:00Z",
    }
    file.write_text(json.dumps(holder), encoding="utf-8")
    return file


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def note_pending(backend: Path) -> str:
    (file,) = backend.rglob("e2e-repair.json")  # an import would drop what is pending
    stored = json.loads(file.read_text(encoding="utf-8"))
    urn = "urn:pulumi:e2e-repair::modelfleet::modelfleet:access:ApiKey::key"
    resource = {"urn": urn, "type": "modelfleet:access:ApiKey", "custom": True, "inputs": {}}
    stored["checkpoint"]["latest"]["pending_operations"] = [{"resource": resource, "type": "creating"}]
    file.write_text(json.dumps(stored), encoding="utf-8")
    return urn


@pytest.mark.parametrize("pid", [dead_pid(), os.getppid()], ids=["a dead process", "a program that is no engine"])
def test_a_dead_holder_s_lock_is_released(engine: Engine, tmp_path: Path, pid: int) -> None:
    file = lock(tmp_path / "backend", pid)
    repair(engine, "e2e-repair", backend=(tmp_path / "backend").as_uri(), adopts=True)
    assert not file.exists()


def test_a_lock_of_another_machine_is_left_alone_and_told(engine: Engine, tmp_path: Path) -> None:
    pid = dead_pid()
    file = lock(tmp_path / "backend", pid, "elsewhere")
    with pytest.raises(StackLockedError, match=rf"process {pid} of elsewhere: wait .* `fleet unlock e2e-repair`"):
        repair(engine, "e2e-repair", backend=(tmp_path / "backend").as_uri(), adopts=True)
    assert file.exists()


def test_a_person_takes_the_lock_of_another_machine(engine: Engine, tmp_path: Path) -> None:
    backend = (tmp_path / "backend").as_uri()
    assert holders(engine, "e2e-repair", backend) == []
    file = lock(tmp_path / "backend", 4242, "elsewhere")
    assert holders(engine, "e2e-repair", backend) == ["process 4242 of elsewhere"]
    unlock(engine, "e2e-repair", backend)
    assert not file.exists()


def test_nobody_takes_the_lock_of_an_engine_that_lives_here(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = lock(tmp_path / "backend", 1)
    monkeypatch.setattr(Path, "readlink", lambda _: Path("/opt/pulumi"))
    with pytest.raises(StackLockedError, match="which lives"):
        unlock(engine, "e2e-repair", (tmp_path / "backend").as_uri())
    assert file.exists()


@pytest.mark.parametrize("adopts", [True, False], ids=["a stack of our plugins", "a stack of a cloud"])
def test_pending_operations_are_forgotten_where_plugins_adopt(engine: Engine, tmp_path: Path, adopts: bool) -> None:
    urn = note_pending(tmp_path / "backend")
    settled = repair(engine, "e2e-repair", backend=(tmp_path / "backend").as_uri(), adopts=adopts)
    assert not engine.export("e2e-repair")["deployment"].get("pending_operations")
    assert settled is None if adopts else settled == Settled(made_again=(urn,))


def test_a_process_that_can_t_be_looked_at_lives(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = lock(tmp_path / "backend", 1)

    def refuse(path: Path) -> Path:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "readlink", refuse)
    with pytest.raises(StackLockedError):
        repair(engine, "e2e-repair", backend=(tmp_path / "backend").as_uri(), adopts=True)
    assert file.exists()


def test_an_update_elsewhere_is_not_settled(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note_pending(tmp_path / "backend")
    told = engine.export("e2e-repair", show_secrets=True)
    later = json.loads(json.dumps(told))
    later["deployment"]["pending_operations"] = []
    answers = iter([told, told, later])
    monkeypatch.setattr(engine, "export", lambda *_, **__: next(answers))
    with pytest.raises(StateChangedError, match="under way"):
        repair(engine, "e2e-repair", backend=(tmp_path / "backend").as_uri(), adopts=False)


def test_a_bucket_s_lock_is_seen_before_anything_is_asked(engine: Engine, tmp_path: Path) -> None:
    note_pending(tmp_path / "backend")
    file = lock(tmp_path / "backend", dead_pid(), "elsewhere")
    with pytest.raises(StackLockedError, match=r"(?s)elsewhere.*fleet unlock e2e-repair"):
        repair(engine, "e2e-repair", backend="s3://a-bucket", adopts=False)
    assert engine.export("e2e-repair")["deployment"]["pending_operations"]
    file.unlink()
    engine.check_unlocked("e2e-repair")
    assert engine.export("e2e-repair")["deployment"]["pending_operations"]
    assert engine.exists("e2e-repair")
