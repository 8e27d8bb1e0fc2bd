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
from fleet.engine import Engine


def repair(engine: Engine, stack: str, *, backend: str, adopts: bool) -> None:
    """Release a dead update's lock and, where plugins adopt what they made, forget its pending operations.

    Args:
        engine: The engine of the stack's flavour.
        stack: The stack; it exists.
        backend: URL of the state backend; only locks of file backends name their holder.
        adopts: Whether every plugin of this stack takes over what it made before.
    """
    if any(_is_dead(lock) for lock in _locks(backend, stack)):
        console.note(f"the last update of {stack} was killed; its lock is released")
        engine.cancel(stack)
    if not adopts:
        return
    checkpoint = engine.export(stack)
    pending = checkpoint["deployment"].pop("pending_operations", None)
    if pending:
        console.note(
            f"the last update of {stack} ended in the middle of {len(pending)} operations; they are taken up again"
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
