"""One command at a time changes a stack on this machine; the engine's own lock holds only while the engine runs."""

import os
from collections.abc import Generator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from fleet.console import FleetError
from toolchain.locations import state_dir


class StackBusyError(FleetError):
    """Another command is changing the stack."""


@contextmanager
def exclusive(stack: str) -> Generator[None]:
    """Hold a stack; a killed holder gives it up by itself.

    Raises:
        StackBusyError: another command holds it.
    """
    folder = state_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / f"{stack}.lock"), folder / f"{stack}.pid"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        try:
            by = f" (process {int(holder.read_text())})"
        except (OSError, ValueError):
            by = ""
        raise StackBusyError(
            f"another `fleet`{by} is changing stack {stack}: wait until it has ended, then run this again"
        ) from None
    try:
        holder.write_text(str(os.getpid()))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
