"""What an engine's operation did to each resource, and in which order: read from its events as they come."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_CHANGES_NOTHING: Final = frozenset({"same", "replace"})
"""`replace` stands for the two steps of which it consists, which have events of their own."""


@dataclass(frozen=True)
class Step:
    """One thing done to one resource.

    Attributes:
        urn: the resource.
        operation: the engine's word: create, update, delete, create-replacement, delete-replaced, import …
        began: number of the event with which it began; greater is later.
        ended: number of the event with which it ended.
        began_s: seconds since the operation's first event.
        ended_s: the same for the end.
        properties: paths of what changes, where the engine says so.
    """

    urn: str
    operation: str
    began: int
    ended: int
    began_s: float
    ended_s: float
    properties: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The resource's type token, without its parents'."""
        return self.urn.split("::")[2].rsplit("$", 1)[-1]

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.split("::", 3)[3]

    @property
    def makes(self) -> bool:
        """Whether there is a resource afterwards that there wasn't before."""
        return self.operation in {"create", "create-replacement", "import", "import-replacement"}

    @property
    def deletes(self) -> bool:
        """Whether a resource is gone afterwards."""
        return self.operation in {"delete", "delete-replaced"}

    def __str__(self) -> str:
        return f"{self.operation} {self.type.rsplit(':', 1)[-1]} {self.name}"


@dataclass
class StepLog:
    """Collects the steps of one operation.

    Attributes:
        clock: gives seconds; only differences count.
    """

    clock: Callable[[], float] = time.monotonic
    _steps: list[Step] = field(default_factory=list)
    _running: dict[tuple[str, str], tuple[int, float, tuple[str, ...]]] = field(default_factory=dict)
    _events: int = 0
    _since: float | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one engine event (apitype.EngineEvent as JSON)."""
        now = self.clock()
        self._since = now if self._since is None else self._since
        self._events += 1
        if begun := event.get("resourcePreEvent"):
            step = begun["metadata"]
            changed = tuple(sorted(step.get("detailedDiff") or step.get("diffs") or ()))
            self._running[step["urn"], step["op"]] = (self._events, now - self._since, changed)
        elif ended := event.get("resOutputsEvent"):
            step = ended["metadata"]
            running = self._running.pop((step["urn"], step["op"]), None)
            if running is not None and step["op"] not in _CHANGES_NOTHING:
                began, began_s, changed = running
                self._steps.append(
                    Step(step["urn"], step["op"], began, self._events, began_s, now - self._since, changed)
                )

    @property
    def steps(self) -> tuple[Step, ...]:
        """What has ended so far, in the order in which it ended; what was left as it was is left out."""
        return tuple(self._steps)
