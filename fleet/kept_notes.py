"""What a stack's end is going to leave in its cloud, written down before anything is deleted.

The stack's file names it in the end (`modelfleet:kept`). A process that is killed during the deletion doesn't get
there, and once a resource has left the state nothing else knows its name: so the next run takes it from here.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fleet import console
from fleet.remains import listed, remains, to_record
from fleet.run_config import RunConfig
from toolchain.locations import state_dir


class KeptNotes:
    """Names of one stack's resources that its cloud keeps, or will.

    Args:
        stack: Its name.
        folder: Where its notes are, beside this machine's state by default: a rehearsal's stack of the same name has
            notes of its own.
    """

    def __init__(self, stack: str, folder: Path | None = None) -> None:
        self._file = (folder or state_dir() / "pulumi" / "kept") / f"{stack}.json"

    def names(self) -> frozenset[str]:
        """Give what was noted."""
        try:
            return frozenset(json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return frozenset()

    def add(self, names: Iterable[str]) -> None:
        """Note names beside those that are noted already; whole or not at all."""
        if not (noted := sorted({*self.names(), *names})):
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(noted), encoding="utf-8")
        beside.replace(self._file)

    def settle(self, checkpoint: Mapping[str, Any], config: RunConfig) -> None:
        """Record what an end that didn't come to its end has deleted; what is alive stays noted.

        Args:
            checkpoint: The stack's state now.
            config: The stack's file.
        """
        noted = self.names()
        alive = to_record(remains(checkpoint))
        record(noted - alive, config)
        if not noted & alive:
            self.clear()

    def clear(self) -> None:
        """Forget them: the stack's file names them."""
        self._file.unlink(missing_ok=True)


def record(names: Iterable[str], config: RunConfig) -> None:
    """Write what the next update must know of what the clouds keep into a stack's file."""
    already = config.names("kept")
    if new := set(names) - already:
        config.record("kept", listed(already | new))
        console.note(f"{config.committed.name} names what the next update takes back or leaves alone: commit it")
