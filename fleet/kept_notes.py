"""What a stack's end is going to leave in its cloud, written down before anything is deleted.

The stack's file names it in the end (`modelfleet:kept`). A process that is killed during the deletion doesn't get
there, and once a resource has left the state nothing else knows its name: so the next run takes it from here.
"""

import json
from collections.abc import Iterable

from toolchain.locations import state_dir


class KeptNotes:
    """Names of one stack's resources that its cloud keeps, or will.

    Args:
        stack: Its name.
    """

    def __init__(self, stack: str) -> None:
        self._file = state_dir() / "pulumi" / "kept" / f"{stack}.json"

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

    def clear(self) -> None:
        """Forget them: the stack's file names them."""
        self._file.unlink(missing_ok=True)
