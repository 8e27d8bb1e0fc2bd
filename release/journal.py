"""A rollout's journal: what is about to be done and what was decided, written before anything follows from it."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from release.append_log import AppendLog, NumberTakenError, numbered, numbers
from release.artefacts import Artefacts, Target
from release.baseline import Baseline
from release.errors import ReleaseError
from release.gate.verdict import Verdict
from release.record import Outcome
from release.steps import Step
from release.stored import Stored
from release.waves import WavePlan

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_ROLLOUTS: Final = "rollouts"


class Begun(Stored):
    """The first entry: what is to be done.

    Attributes:
        target: What is to be pinned.
        plan: The waves as the file had them.
        through: The wave after which it rests, as was asked for first.
        back: Whether this is a rollback by hand: the stacks of the only wave go to `target` by the steps of one.
        leaves: What a rollback by hand leaves, as far as records say; no later one goes back to it by itself.
        reason: Why, in the asker's words.
    """

    kind: Literal["begun"] = "begun"
    target: Target
    plan: WavePlan
    through: int
    back: bool = False
    leaves: Artefacts | None = None
    reason: str


class Driven(Stored):
    """A process has taken the rollout over; the one before it finds its next number taken, and stops.

    Attributes:
        who: Who started it.
        through: The wave after which it rests.
    """

    kind: Literal["driven"] = "driven"
    who: str
    through: int


class Before(Stored):
    """A region when its wave began: what it goes back to, and what it is compared with."""

    artefacts: Artefacts
    baseline: Baseline


class WaveBegun(Stored):
    """From here on all of the wave's regions count as touched."""

    kind: Literal["wave"] = "wave"
    wave: int
    before: Mapping[str, Before]


class Rested(Stored):
    """Its driver has ended in order between two waves: nothing is half done until somebody drives it on."""

    kind: Literal["rested"] = "rested"


class Announced(Stored):
    """A step is about to be taken in a region."""

    kind: Literal["step"] = "step"
    stack: str
    step: Step


class Condemned(Stored):
    """A region refuses the release; from here on it is taken back, whatever a later look would say."""

    kind: Literal["condemned"] = "condemned"
    stack: str
    verdicts: tuple[Verdict, ...]


class BakeBegun(Stored):
    """All regions of a wave are healthy, and stay under watch until a time."""

    kind: Literal["bake"] = "bake"
    wave: int
    since: datetime
    until: datetime


class WavePassed(Stored):
    """A wave has baked, and its regions are recorded."""

    kind: Literal["passed"] = "passed"
    wave: int


class Concluded(Stored):
    """The last entry.

    Attributes:
        outcome: How it ended.
        reason: Why.
        commands: What a person runs next, where going back failed.
    """

    kind: Literal["concluded"] = "concluded"
    outcome: Outcome
    reason: str
    commands: tuple[str, ...] = ()


Event = Annotated[
    Begun | Driven | WaveBegun | Rested | Announced | Condemned | BakeBegun | WavePassed | Concluded,
    Field(discriminator="kind"),
]


class Entry(Stored):
    """One object of the journal."""

    at: datetime
    writer: str
    event: Event


class TakenOverError(ReleaseError):
    """Another process drives this rollout now."""


class Journal:
    """One rollout's entries. Regions of a wave append from threads of their own.

    Args:
        log: Where it is.
        number: The rollout's number.
        writer: Random id of this process.
        now: The time, UTC.
    """

    def __init__(self, log: AppendLog, number: int, *, writer: str, now: Callable[[], datetime]) -> None:
        self.number = number
        self._log = log
        self._writer = writer
        self._now = now
        self._lock = threading.Lock()
        self._entries = [Entry.model_validate_json(entry) for entry in log.read()]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries so far."""
        with self._lock:
            return tuple(self._entries)

    def append(self, event: Event) -> None:
        """Write down what is about to be done, or what was decided.

        Raises:
            TakenOverError: another process has written to this rollout since this one last did.
            StoreError: it can't be written.
        """
        with self._lock:
            entry = Entry(at=self._now(), writer=self._writer, event=event)
            try:
                self._log.append(len(self._entries), entry.model_dump_json().encode())
            except NumberTakenError as error:
                raise TakenOverError(
                    f"rollout {self.number} is driven by another process now, so this one stops here: "
                    "`fleet release status` shows how far it is"
                ) from error
            self._entries.append(entry)


class Journals:
    """All rollouts of a backend.

    Args:
        store: The release store.
        writer: Random id of this process.
        now: The time, UTC.
    """

    def __init__(self, store: "ObjectStore", *, writer: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._writer = writer
        self._now = now

    def latest(self) -> Journal | None:
        """Give the newest rollout; None where there never was one.

        Raises:
            StoreError: it can't be read.
        """
        found = numbers(self._store, _ROLLOUTS)
        return self._of(found[-1]) if found else None

    def begin(self, begun: Begun) -> Journal:
        """Begin a rollout.

        Raises:
            TakenOverError: somebody else began one at the same moment.
            StoreError: it can't be written.
        """
        latest = self.latest()
        journal = self._of(0 if latest is None else latest.number + 1)
        journal.append(begun)
        return journal

    def _of(self, number: int) -> Journal:
        log = AppendLog(self._store, numbered(_ROLLOUTS, number))
        return Journal(log, number, writer=self._writer, now=self._now)
