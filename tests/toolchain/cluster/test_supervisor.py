"""The supervisor's rules, without namespaces; what it does as PID 1 is in test_running_cluster.py."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.toolchain.cluster.probing import eventually
from toolchain.cluster.daemon import BindMount, Daemon, Plan, Readiness
from toolchain.cluster.status import DaemonState
from toolchain.cluster.supervisor import Supervised, is_ready
from toolchain.locations import clone_dir

KILLED = 9


def plan(folder: Path, *daemons: Daemon) -> Plan:
    return Plan(
        hostname="test",
        cgroup="modelfleet-test",
        supervision=str(folder / "supervision.json"),
        logs=str(folder),
        environment={"PATH": os.environ["PATH"]},
        tmpfs=("/run",),
        folders=("/run/a",),
        kernel_tunables={"kernel/panic": "10"},
        bind_mounts=(BindMount("/a", "/b"),),
        daemons=daemons,
    )


def test_the_pause_before_a_restart_grows_and_a_healthy_life_resets_it() -> None:
    supervised = Supervised(Daemon("d", ("true",)))
    pauses = []
    for number in range(10):
        supervised.started_at = now = 1000.0 * number
        supervised.died(KILLED, now + 1)
        pauses.append(supervised.due_at - now - 1)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert supervised.state is DaemonState.BACKING_OFF
    assert supervised.last_exit == "signal SIGKILL"
    supervised.started_at = 20_000
    supervised.died(3 << 8, 20_061)
    assert supervised.due_at == 20_061.25
    assert supervised.last_exit == "exit status 3"


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = plan(
        tmp_path,
        Daemon("a", ("x", "-y"), Readiness(tcp=("127.0.0.1", 1)), before_start=(("p", "q"),)),
        Daemon("b", ("x",), Readiness(https=("h", 1, "/p", "/ca")), after=("a",)),
        Daemon("c", ("x",)),
    )
    written.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == written


def test_readiness_is_seen_on_the_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    assert is_ready(None)
    assert not is_ready(Readiness(unix_socket=path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert is_ready(Readiness(unix_socket=path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_ready(Readiness(tcp=("127.0.0.1", port)))
    assert not is_ready(Readiness(tcp=("127.0.0.1", port)))


def test_a_supervisor_starts_in_order_restarts_and_ends_in_order(tmp_path: Path) -> None:
    def program(name: str) -> Daemon:
        words = f"import signal,sys,os; print({name!r}, 'up', flush=True); signal.pause()"
        after = ("first",) if name == "second" else ()
        return Daemon(name, (sys.executable, "-c", words), after=after)

    missing = Daemon("missing", ("/nonexistent/program",), after=("second",))
    plan(tmp_path, program("first"), program("second"), missing).write(tmp_path / "plan.json")
    run = (
        "import sys; from pathlib import Path; from toolchain.cluster.daemon import Plan; "
        "from toolchain.cluster.supervisor import Supervisor; Supervisor(Plan.read(Path(sys.argv[1]))).run()"
    )

    def daemons() -> dict[str, dict]:
        try:
            rows = json.loads((tmp_path / "supervision.json").read_text())["daemons"]
        except FileNotFoundError:
            return {}
        return {row["name"]: row for row in rows}

    def up(name: str) -> bool:
        return daemons().get(name, {}).get("state") == "ready"

    environment = {**os.environ, "PYTHONPATH": str(clone_dir())}
    argv = [sys.executable, "-c", run, str(tmp_path / "plan.json")]
    with subprocess.Popen(argv, env=environment) as supervisor:
        try:
            eventually(lambda: up("first") and up("second"), "both are up", 20)
            first = daemons()["first"]["process"]
            os.kill(first, signal.SIGKILL)
            eventually(lambda: up("first") and daemons()["first"]["restarts"] == 1, "the first one is back", 20)
            assert daemons()["first"]["last_exit"] == "signal SIGKILL"
            assert daemons()["second"]["restarts"] == 0
            eventually(lambda: "can't be run" in daemons()["missing"]["last_exit"], "the missing one is named", 20)
            last = [daemons()[name]["process"] for name in ("first", "second")]
        finally:
            supervisor.terminate()
        assert supervisor.wait(timeout=20) == 0
    assert [row["state"] for row in daemons().values()] == ["stopped"] * 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in last)
