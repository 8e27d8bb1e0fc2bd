"""When each call of an operation would have been under way in a cloud: as text, as data, as a chart in one file."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from fleet.console import FleetError
from fleet.rehearse import Rehearsal
from fleet.remains import resources
from rehearsal.forced import forced_chain
from rehearsal.journal import Operation, entries, last_number
from rehearsal.schedule import Scheduled, schedule

_BAR: Final = "█"
_CRITICAL: Final = "▓"
_NARROWEST: Final = 20
_CHART: Final = Path(__file__).with_name("timeline_chart.html")
_DATA_PLACE: Final = "/*DATA*/null"
T = TypeVar("T")


@dataclass(frozen=True)
class Timeline:
    """One operation on the virtual clock.

    Attributes:
        stack: the stack.
        operation: what was done: up, down, or an act of a stack's life.
        calls: the simulated calls, those that begin first before others.
        forced: URNs of the longest chain that the clouds force, the first one first; empty unless all was made anew.
    """

    stack: str
    operation: str
    calls: Sequence[Scheduled]
    forced: Sequence[str] = ()

    @property
    def takes_s(self) -> float:
        """Seconds on the virtual clock from the first call's beginning to the last one's end."""
        return max((call.ends_s for call in self.calls), default=0.0)

    @property
    def critical_path(self) -> Sequence[Scheduled]:
        """What the end waited for, the first call first."""
        return [call for call in self.calls if call.critical]

    @property
    def forced_s(self) -> float:
        """Seconds that the longest chain takes that the clouds force."""
        return sum(
            call.entry.takes_s
            for call in self.calls
            if call.entry.call.operation is Operation.CREATE and call.entry.call.urn in self.forced
        )

    @property
    def ratio(self) -> float | None:
        """How much longer it takes than what the clouds force; None where that isn't known."""
        return self.takes_s / self.forced_s if self.forced_s else None

    def as_data(self) -> Mapping[str, Any]:
        """Give it for a program."""
        return {
            "stack": self.stack,
            "operation": self.operation,
            "simulated": True,
            "takes_s": round(self.takes_s, 1),
            **self.measured(),
            "calls": [call.as_data() for call in self.calls],
        }

    def measured(self) -> Mapping[str, float]:
        """Give what the clouds force and how far it is from that, for a program; nothing where that isn't known."""
        if self.ratio is None:
            return {}
        return {"forced_s": round(self.forced_s, 1), "ratio": round(self.ratio, 2)}

    def __str__(self) -> str:
        path = " → ".join(call.entry.call.name for call in self.critical_path)
        if not path:
            return "no time in a cloud"
        told = f"{lasting(self.takes_s)} in a cloud, by {path}"
        if self.ratio is None:
            return told
        return (
            f"{told}\n  critical path {self.takes_s / 60:.1f} min, forced chain {self.forced_s / 60:.1f} min "
            f"({' → '.join(urn.rsplit('::', 1)[-1] for urn in self.forced)}), ratio {self.ratio:.2f}"
        )


def timed(rehearsal: Rehearsal, operation: str, operate: Callable[[], T]) -> tuple[T, Timeline]:
    """Do something with a stack, and lay out what the simulated clouds did for it.

    Args:
        rehearsal: the stack.
        operation: what it is called.
        operate: does it.
    """
    before, number = rehearsal.checkpoint(), last_number(rehearsal.world.memory)
    done = operate()
    met, after = entries(rehearsal.world.memory, after=number), rehearsal.checkpoint()
    forced = () if resources(before) else forced_chain(met, after)
    return done, Timeline(rehearsal.stack, operation, schedule(met, before, after), forced)


def lines(timeline: Timeline, *, width: int) -> list[str]:
    """Draw a timeline as text: a row a call, its length the time that it takes, the critical path in another shade.

    Args:
        timeline: the operation.
        width: columns in all.
    """
    if not timeline.calls:
        return []
    names = [_label(call) for call in timeline.calls]
    label = min(max(map(len, names)), max(width // 2, _NARROWEST))
    room = max(width - label - len(" 00 h 00 min"), _NARROWEST)
    whole = timeline.takes_s or 1.0
    rows = []
    for name, call in zip(names, timeline.calls, strict=True):
        start = min(int(call.begins_s / whole * room), room - 1)
        length = max(1, round(call.entry.takes_s / whole * room))
        mark = _CRITICAL if call.critical else _BAR
        bar = (" " * start + mark * min(length, room - start)).ljust(room)
        rows.append(f"{name[:label]:<{label}} {bar} {lasting(call.entry.takes_s)}")
    return rows


def write(file: Path, timelines: Sequence[Timeline]) -> None:
    """Write timelines to a file: a chart that needs nothing else if it ends in .html, data if it doesn't.

    Raises:
        FleetError: it can't be written.
    """
    data = json.dumps([timeline.as_data() for timeline in timelines], indent=None if file.suffix == ".html" else 2)
    text = data
    if file.suffix == ".html":
        # In a script, only `</` could end it.
        text = _CHART.read_text(encoding="utf-8").replace(_DATA_PLACE, data.replace("</", "<\\/"))
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FleetError(f"--timeline: {file} can't be written: {error.strerror}") from error


def lasting(seconds: float) -> str:
    """Give a time as people say it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _label(call: Scheduled) -> str:
    of = call.entry.call
    return f"{of.operation} {of.type.rsplit(':', 1)[-1]} {of.name}"
