"""Makes a stack fit for the next update after one that was killed: its lock, and what it was in the middle of.

A stack's own plugins find an object that they made before (same name, same field manager, same cluster) and take
it over, so that forgetting a half-done creation loses nothing. In a cloud that is not so: there `fleet.pending` asks.
"""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine, UpdateFailedError
from rehearsal.guard import WORLD_VARIABLE
from toolchain.file_backend import folder_of
from toolchain.locations import state_dir

if TYPE_CHECKING:
    from fleet.pending import Decisions, Settled


class StackLockedError(FleetError):
    """An engine that lives, or one of another machine, holds the stack."""


def repair(
    engine: Engine, stack: str, *, backend: str, adopts: bool, decisions: "Decisions | None" = None
) -> "Settled | None":
    """Release a dead update's lock, and find out what became of what it was doing.

    Args:
        engine: The engine of the stack's flavour.
        stack: The stack; it exists.
        backend: URL of the state backend; only locks of file backends name their holder.
        adopts: Whether every plugin of this stack takes over what it made before, so that none needs to be asked.
        decisions: What a person knows of pending creations.

    Returns:
        What became of what was pending; None where nothing was, or nothing had to be asked.

    Raises:
        StackLockedError: the stack is in use.
        StateChangedError: another one writes the state.
        PendingUnknownError: no plugin can tell whether something was made.
    """
    release_lock(stack, backend)
    if adopts:
        _forget_pending(engine, stack)
        return None
    seen = engine.export(stack)
    if not seen["deployment"].get("pending_operations"):
        return None
    if folder_of(backend) is None:
        _check_unlocked(engine, stack)  # an update that is under way elsewhere has pending operations too
    from fleet.pending import NO_DECISIONS, settle  # noqa: PLC0415 - the clouds' tables take a third of a second

    settled = settle(engine, stack, seen, workplace(engine), decisions or NO_DECISIONS)
    _tell(stack, settled)
    return settled


def complete_files(backend: str) -> None:
    """Remove what an engine that was killed had begun to write about its files, which none can read from then on.

    Beside each file of a file backend the engine keeps one of its attributes (content type, checksum), and writes that
    in place; it does without one that is missing, but ends with "EOF" at an empty one, whatever stack it was asked for.

    Args:
        backend: URL of the state backend; others keep whole files only.
    """
    if (folder := folder_of(backend)) is not None:
        for attributes in folder.rglob("*.attrs"):
            if attributes.stat().st_size == 0:
                attributes.unlink(missing_ok=True)


def release_lock(stack: str, backend: str) -> None:
    """Remove the locks of dead engines of this host.

    Args:
        stack: The stack.
        backend: URL of the state backend; only locks of file backends name their holder.

    Raises:
        StackLockedError: another one, or one that lives, holds the stack.
    """
    locks = list(_locks(backend, stack))
    if alive := [lock for lock in locks if not _is_dead(lock)]:
        raise StackLockedError(
            f"stack {stack} is being updated by {_holder(alive[0])}: wait until that has ended, then run this again; "
            f"if nothing runs there any more, `fleet unlock {stack}` releases it"
        )
    if locks:
        console.note(f"the last update of {stack} was killed; its lock is released")
        for lock in locks:  # not `pulumi cancel`, which takes the lock of whoever came meanwhile too
            lock.unlink(missing_ok=True)


def holders(engine: Engine, stack: str, backend: str) -> list[str]:
    """Say who holds a stack's lock, as far as the backend tells; empty if nobody does.

    Args:
        engine: The engine of the stack's flavour.
        stack: The stack; it exists.
        backend: URL of the state backend.
    """
    if folder_of(backend) is not None:
        return [_holder(lock) for lock in _locks(backend, stack)]
    try:
        engine.check_unlocked(stack)
    except UpdateFailedError as error:
        return [str(error)]
    return []


def unlock(engine: Engine, stack: str, backend: str) -> None:
    """Take every lock of a stack, also one of another machine, whose holder nobody here can see.

    Args:
        engine: The engine of the stack's flavour.
        stack: The stack; it exists.
        backend: URL of the state backend.

    Raises:
        StackLockedError: a holder lives on this machine.
    """
    if alive := [lock for lock in _locks(backend, stack) if _is_of_this_host(lock) and not _is_dead(lock)]:
        raise StackLockedError(
            f"stack {stack} is being updated by {_holder(alive[0])}, which lives: let it end, or end it in order "
            "(`kill -INT`); nothing was touched"
        )
    engine.cancel(stack)


def _check_unlocked(engine: Engine, stack: str) -> None:
    try:
        engine.check_unlocked(stack)
    except UpdateFailedError as error:
        raise StackLockedError(
            f"stack {stack} is in use, or its last update was killed:\n{error}\nwait until that has ended; if nothing "
            f"runs there any more, `fleet unlock {stack}` releases it"
        ) from None


def _forget_pending(engine: Engine, stack: str) -> None:
    checkpoint = engine.export(stack)
    pending = checkpoint["deployment"].pop("pending_operations", None)
    if pending:
        console.note(
            f"the last update of {stack} ended in the middle of its work ({len(pending)} resources): taken up again"
        )
        engine.import_(stack, checkpoint)


def workplace(engine: Engine) -> Path:
    """Give a folder for scratch stacks; in a rehearsal plugins work for its own backends only."""
    if world := engine.environment.get(WORLD_VARIABLE):
        return Path(world) / "buckets"
    return state_dir() / "pulumi" / "scratch"


def _tell(stack: str, settled: "Settled") -> None:
    console.note(f"the last update of {stack} ended in the middle of its work; what became of that:")
    for urn, resource_id in settled.adopted.items():
        console.note(f"  {_short(urn)} was made ({resource_id}): it is in the state now")
    for urn in settled.never_made:
        console.note(f"  {_short(urn)} was not made")
    for urn in settled.gone:
        console.note(f"  {_short(urn)} was deleted")


def _short(urn: str) -> str:
    kind, _, name = urn.split("::", 2)[2].partition("::")
    return f"{kind.rpartition('$')[2]} {name}"


def _locks(backend: str, stack: str) -> Iterator[Path]:
    if (folder := folder_of(backend)) is not None:
        for lock in (folder / "locks").rglob("*.json"):
            if lock.parent.name == stack:
                yield lock


def _told(lock: Path) -> dict[str, Any]:
    """Give what a lock says of its holder; nothing where it can't be read."""
    try:
        return json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _holder(lock: Path) -> str:
    told = _told(lock)
    try:
        return f"process {int(told['pid'])} of {told['hostname']}"
    except (ValueError, KeyError):
        return f"the holder of {lock}"


def _is_of_this_host(lock: Path) -> bool:
    return _told(lock).get("hostname") == socket.gethostname()


def _is_dead(lock: Path) -> bool:
    told = _told(lock)
    try:
        pid, host = int(told["pid"]), told["hostname"]
    except (ValueError, KeyError):
        return False
    if host != socket.gethostname():
        return False
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name
    except (FileNotFoundError, ProcessLookupError):
        return True
    except (OSError, ValueError):  # another user's: it is there, and can't be looked at
        return False
    return pid == os.getpid() or not program.startswith("pulumi")
