"""Makes a stack fit for the next update after one that was killed: its lock, and what it was in the middle of.

A stack's own plugins find an object that they made before (same name, same field manager, same cluster) and take
it over, so that forgetting a half-done creation loses nothing. In a cloud that is not so: there the engine asks.
"""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine


class StackLockedError(FleetError):
    """An engine that lives, or one of another machine, holds the stack."""


def repair(engine: Engine, stack: str, *, backend: str, adopts: bool) -> None:
    """Release a dead update's lock and, where plugins adopt what they made, forget its pending operations.

    Args:
        engine: The engine of the stack's flavour.
        stack: The stack; it exists.
        backend: URL of the state backend; only locks of file backends name their holder.
        adopts: Whether every plugin of this stack takes over what it made before.

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
        console.note(f"the last update of {stack} was killed; its lock is released")
        engine.cancel(stack)
    if not adopts:
        return
    checkpoint = engine.export(stack)
    pending = checkpoint["deployment"].pop("pending_operations", None)
    if pending:
        console.note(
            f"the last update of {stack} ended in the middle of its work ({len(pending)} resources): taken up again"
        )
        engine.import_(stack, checkpoint)


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
