"""The engine's lock on a stack, where its backend is a folder: an engine that was killed doesn't give it up."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

from fleet import console
from fleet.console import FleetError


class StackLockedError(FleetError):
    """An engine that lives, or one of another machine, holds the stack."""


def release(stack: str, *, backend: str) -> None:
    """Release the locks of engines that were killed.

    `pulumi cancel` does it only for a stack that is there: one that was about to be made could never be made.

    Args:
        stack: The stack, there or not.
        backend: URL of the state backend; only locks of file backends name their holder.

    Raises:
        StackLockedError: the stack is in use.
    """
    locks = list(_locks(backend, stack))
    if alive := [lock for lock in locks if not _is_dead(lock)]:
        raise StackLockedError(
            f"stack {stack} is being updated by {_holder(alive[0])}: wait until that has ended, then run this again; "
            f"if nothing runs there any more, `pulumi cancel {stack}` releases it"
        )
    if locks:
        console.note(f"what last ran for {stack} was killed; its lock is released")
    for lock in locks:
        lock.unlink(missing_ok=True)
        lock.with_name(f"{lock.name}.attrs").unlink(missing_ok=True)


def _locks(backend: str, stack: str) -> Iterator[Path]:
    url = urlparse(backend)
    if url.scheme != "file":
        return
    root = Path(unquote(url.path)) / ".pulumi" / "locks"
    for lock in root.rglob("*.json"):
        if lock.parent.name == stack:
            yield lock


def _holder(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} of {holder['hostname']}"
    except (OSError, ValueError, KeyError):
        return f"the holder of {lock}"


def _is_dead(lock: Path) -> bool:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        pid, host = int(holder["pid"]), holder["hostname"]
    except (OSError, ValueError, KeyError):
        return False
    if host != socket.gethostname():
        return False
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return True
    except ValueError:
        return False
    return pid == os.getpid() or not program.startswith("pulumi")
