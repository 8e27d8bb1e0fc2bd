"""Which tunnels are open on this machine: a file per stack, and a lock that a dead process gives up by itself."""

import json
import os
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fleet.tunnel.errors import TunnelError
from toolchain.locations import state_dir

_END_LIMIT_S = 30.0


@dataclass(frozen=True)
class TunnelRecord:
    """An open tunnel.

    Attributes:
        stack: Whose API server it leads to.
        pid: The process that keeps it open.
        title: By which way.
        server: The API server, `host:port`.
        port: Local port that leads to it.
        proxy_port: Local port of the proxy.
        kubeconfig: File for kubectl and the like.
        environment: Variables that lead the plain Pulumi CLI through it.
    """

    stack: str
    pid: int
    title: str
    server: str
    port: int
    proxy_port: int
    kubeconfig: str
    environment: Mapping[str, str]


class TunnelRecords:
    """A folder of records.

    Args:
        folder: Where; this user's state by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = state_dir() / "tunnels" if folder is None else folder

    def kubeconfig_file(self, stack: str) -> Path:
        """Where a stack's kubeconfig through its tunnel is."""
        return self._folder / f"{stack}.kubeconfig"

    @contextmanager
    def held(self, stack: str) -> Generator[None]:
        """Be the one that keeps a stack's tunnel open; the record goes with it.

        Raises:
            TunnelError: another process keeps one.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._lock(stack)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise TunnelError(
                f"a tunnel of {stack} is open already: use it, or end it by `fleet tunnel {stack} --stop`"
            ) from None
        try:
            yield
        finally:
            self._file(stack).unlink(missing_ok=True)
            self.kubeconfig_file(stack).unlink(missing_ok=True)
            lock.release()

    def write(self, record: TunnelRecord, kubeconfig: str) -> None:
        """Note an open tunnel, and the kubeconfig that goes through it; both are this user's only."""
        _write_private(self.kubeconfig_file(record.stack), kubeconfig)
        _write_private(self._file(record.stack), json.dumps(asdict(record), indent=2))

    def running(self, stack: str) -> TunnelRecord | None:
        """Give a stack's open tunnel; None where there is none, or where its process was killed."""
        try:
            record = TunnelRecord(**json.loads(self._file(stack).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        try:
            with self._lock(stack).acquire(blocking=False):
                return None
        except Timeout:
            return record

    def stop(self, stack: str) -> bool:
        """End a stack's tunnel and wait until it is gone; False where there was none.

        Raises:
            TunnelError: its process doesn't end.
        """
        record = self.running(stack)
        if record is None:
            return False
        os.kill(record.pid, signal.SIGTERM)
        try:
            with self._lock(stack).acquire(timeout=_END_LIMIT_S):
                return True
        except Timeout:
            raise TunnelError(
                f"the tunnel of {stack} (process {record.pid}) doesn't end within {_END_LIMIT_S:.0f} s: look what it "
                "waits for, or kill it"
            ) from None

    def _file(self, stack: str) -> Path:
        return self._folder / f"{stack}.json"

    def _lock(self, stack: str) -> FileLock:
        return FileLock(self._folder / f"{stack}.lock")


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    file.with_suffix(".new").replace(file)
