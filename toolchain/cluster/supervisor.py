"""PID 1 of a cluster: starts its daemons, restarts the one that dies, reaps orphans, and ends them in order.

Run inside the cluster's namespaces by :mod:`toolchain.cluster.namespaces`. When it ends, the kernel ends every
other process of the PID namespace, the pods' too: that is why nothing can be left. Only the standard library is
used, so that the process stays small, and one loop over signals, so that there is no thread to race with.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.cluster.cgroups import CgroupRoot
from toolchain.cluster.daemon import Daemon, Plan, Readiness
from toolchain.cluster.status import DaemonState

_SIGNALS = frozenset({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_FIRST_BACK_OFF_S = 0.25
_LONGEST_BACK_OFF_S = 30.0
_HEALTHY_AFTER_S = 60.0  # a daemon that lived this long begins with the shortest back-off again
_READINESS_PERIOD_S = 0.1
_READINESS_TIMEOUT_S = 1.0
_HOUSEKEEPING_PERIOD_S = 30.0
_STOP_GRACE_S = 10.0
_POD_GRACE_S = 5.0
_LONGEST_LOG_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Supervised:
    """A daemon, and how it has fared."""

    daemon: Daemon
    state: DaemonState = DaemonState.WAITING
    process: int = 0
    starts: int = 0
    last_exit: str = ""
    started_at: float = 0.0
    due_at: float = 0.0
    back_off_s: float = field(default=_FIRST_BACK_OFF_S)

    @property
    def ready_before(self) -> bool:
        """Whether those that wait for it may go ahead."""
        return self.state is DaemonState.READY

    def died(self, wait_status: int, now: float) -> None:
        """Note a death and when the next start is due."""
        code = os.waitstatus_to_exitcode(wait_status)
        self.last_exit = f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        if now - self.started_at >= _HEALTHY_AFTER_S:
            self.back_off_s = _FIRST_BACK_OFF_S
        self.state = DaemonState.BACKING_OFF
        self.process = 0
        self.due_at = now + self.back_off_s
        self.back_off_s = min(2 * self.back_off_s, _LONGEST_BACK_OFF_S)


class Supervisor:
    """The loop of PID 1.

    Args:
        plan: what to run.
        clock: seconds that never go back.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._clock = clock
        self._daemons = [Supervised(daemon) for daemon in plan.daemons]
        self._written = ""
        self._housekeeping_at = clock() + _HOUSEKEEPING_PERIOD_S

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, then end everything in order."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        while True:
            self._look_for_readiness()  # first: one that has become ready lets others start, in the same round
            self._start_due()
            self._housekeep()
            self._write_status()
            arrived = signal.sigtimedwait(_SIGNALS, self._pause_s())
            if arrived is not None and arrived.si_signo in {signal.SIGTERM, signal.SIGINT}:
                break
            self._reap()
        self._end()

    def _start_due(self) -> None:
        ready = {supervised.daemon.name for supervised in self._daemons if supervised.ready_before}
        now = self._clock()
        for supervised in self._daemons:
            waits = supervised.state is DaemonState.WAITING and ready.issuperset(supervised.daemon.after)
            backed_off = supervised.state is DaemonState.BACKING_OFF and supervised.due_at <= now
            if waits or backed_off:
                self._start(supervised)

    def _start(self, supervised: Supervised) -> None:
        daemon = supervised.daemon
        log = os.path.join(self._plan.logs, f"{daemon.name}.log")  # noqa: PTH118 - a string for posix_spawn
        for command in daemon.before_start:
            self._run(command, log)
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        supervised.started_at = self._clock()
        supervised.starts += 1
        try:
            supervised.process = os.posix_spawnp(
                daemon.argv[0],
                daemon.argv,
                self._plan.environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, log, append, 0o640),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=tuple(_SIGNALS),
            )
            supervised.state = DaemonState.STARTING
        except OSError as error:
            supervised.died(127 << 8, supervised.started_at)
            supervised.last_exit = f"can't be run: {error.strerror}"

    def _run(self, command: tuple[str, ...], log: str) -> None:
        with open(log, "ab") as file:  # noqa: PTH123 - see _start
            subprocess.run(
                command,
                check=False,  # a preparation that fails shows in the log, and the daemon is tried all the same
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._plan.environment,
            )

    def _look_for_readiness(self) -> None:
        for supervised in self._daemons:
            if supervised.state is DaemonState.STARTING and is_ready(supervised.daemon.readiness):
                supervised.state = DaemonState.READY

    def _pause_s(self) -> float:
        now = self._clock()
        due = [self._housekeeping_at - now]
        for supervised in self._daemons:
            if supervised.state is DaemonState.STARTING:
                due.append(_READINESS_PERIOD_S)
            elif supervised.state is DaemonState.BACKING_OFF:
                due.append(supervised.due_at - now)
        return max(0.0, min(due))

    def _reap(self) -> None:
        """Wait for every dead child: ours, and the orphans that the kernel has handed to PID 1."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            for supervised in self._daemons:
                if supervised.process == process:
                    supervised.died(status, self._clock())

    def _housekeep(self) -> None:
        if self._clock() < self._housekeeping_at:
            return
        self._housekeeping_at = self._clock() + _HOUSEKEEPING_PERIOD_S
        for supervised in self._daemons:
            with contextlib.suppress(OSError):  # a full disk must not take the supervisor down
                _rotate(Path(self._plan.logs, f"{supervised.daemon.name}.log"))

    def _write_status(self) -> None:
        content = json.dumps(
            {
                "daemons": [
                    {
                        "name": supervised.daemon.name,
                        "state": supervised.state.value,
                        "restarts": max(0, supervised.starts - 1),
                        "last_exit": supervised.last_exit,
                        "process": supervised.process,
                    }
                    for supervised in self._daemons
                ],
            }
        )
        if content == self._written:
            return
        path = Path(self._plan.supervision)
        with contextlib.suppress(OSError):  # a full disk must not take the supervisor down; tried again next time
            half = path.with_suffix(".new")
            half.write_text(content)
            half.replace(path)
            self._written = content

    def _end(self) -> None:
        """Stop the daemons in reverse order; the pods go before what they are kept by."""
        backwards = list(reversed(self._daemons))
        keepers = {"kube-apiserver", "etcd", "containerd"}
        for supervised in backwards:
            if supervised.daemon.name not in keepers:
                self._signal(supervised, signal.SIGTERM)
        self._await_end([s for s in backwards if s.daemon.name not in keepers], _STOP_GRACE_S)
        self._end_pods()
        for supervised in backwards:
            if supervised.daemon.name in keepers:
                self._signal(supervised, signal.SIGTERM)
                self._await_end([supervised], _STOP_GRACE_S)
        for supervised in self._daemons:
            supervised.state = DaemonState.STOPPED
        self._write_status()

    def _await_end(self, group: list[Supervised], grace_s: float) -> None:
        deadline = self._clock() + grace_s
        while any(s.process for s in group):
            left = deadline - self._clock()
            if left <= 0:
                for supervised in group:
                    self._signal(supervised, signal.SIGKILL)
                deadline = self._clock() + grace_s
                continue
            signal.sigtimedwait({signal.SIGCHLD}, min(left, _READINESS_PERIOD_S))
            self._reap()

    def _end_pods(self) -> None:
        """Ask the containers' processes to end, and wait a little for those that do."""
        deadline = self._clock() + _POD_GRACE_S
        asked: set[int] = set()
        while (pods := self._pod_processes()) and self._clock() < deadline:
            for process in pods - asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM)
            asked |= pods
            signal.sigtimedwait({signal.SIGCHLD}, _READINESS_PERIOD_S)
            self._reap()

    def _pod_processes(self) -> set[int]:
        if os.getpid() != 1:  # outside a PID namespace of its own, every other process is somebody else's
            return set()
        daemons = {supervised.process for supervised in self._daemons}
        found = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in daemons or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                name = (entry / "comm").read_text().strip()
                # Shims end by themselves when their container has; a pause process has no handler to end by.
                if not name.startswith("containerd-shim") and name != "pause":
                    found.add(int(entry.name))
        return found

    @staticmethod
    def _signal(supervised: Supervised, number: signal.Signals) -> None:
        if supervised.process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(supervised.process, number)


def is_ready(readiness: Readiness | None) -> bool:
    """Return whether a daemon can be used now."""
    if readiness is None:
        return True
    try:
        if readiness.unix_socket:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_READINESS_TIMEOUT_S)
                connection.connect(readiness.unix_socket)
            return True
        if readiness.tcp is not None:
            socket.create_connection(readiness.tcp, timeout=_READINESS_TIMEOUT_S).close()
            return True
        if readiness.https is not None:
            host, port, path, authority = readiness.https
            context = ssl.create_default_context(cafile=authority)
            request = http.client.HTTPSConnection(host, port, timeout=_READINESS_TIMEOUT_S, context=context)
            with contextlib.closing(request):
                request.request("GET", path)
                return request.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    return True


def prepare(plan: Plan) -> None:
    """Make the mount namespace what the daemons expect; the host's own mounts are not touched.

    Raises:
        OSError: a folder can't be made.
        subprocess.CalledProcessError: a mount was refused.
    """
    CgroupRoot(plan.cgroup).enter()
    socket.sethostname(plan.hostname)
    for target in plan.tmpfs:
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", target)
    for folder in plan.folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
    tunables = Path("/run/kernel-tunables")
    for name, value in plan.kernel_tunables.items():
        shown = tunables / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        _mount("--bind", str(shown), f"/proc/sys/{name}")
    for mount in plan.bind_mounts:
        Path(mount.target).mkdir(parents=True, exist_ok=True)
        _mount("--bind", mount.source, mount.target)


def _mount(*arguments: str) -> None:
    subprocess.run(("mount", *arguments), check=True)


def _rotate(log: Path) -> None:
    """Keep a log from growing for ever: its content moves to ``.1``, and the daemon goes on appending."""
    if log.exists() and log.stat().st_size > _LONGEST_LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def main() -> None:
    """Run the plan that is named on the command line."""
    plan = Plan.read(Path(sys.argv[1]))
    prepare(plan)
    Supervisor(plan).run()


if __name__ == "__main__":
    main()
