"""When each call of an operation would have been under way in a cloud: as text, as data, as a chart in one file."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from fleet.console import FleetError
from fleet.rehearse import Rehearsal
from rehearsal.journal import entries, last_number
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
    """

    stack: str
    operation: str
    calls: Sequence[Scheduled]

    @property
    def takes_s(self) -> float:
        """Seconds on the virtual clock from the first call's beginning to the last one's end."""
        return max((call.ends_s for call in self.calls), default=0.0)

    @property
    def critical_path(self) -> Sequence[Scheduled]:
        """What the end waited for, the first call first."""
        return [call for call in self.calls if call.critical]

    def as_data(self) -> Mapping[str, Any]:
        """Give it for a program."""
        return {
            "stack": self.stack,
            "operation": self.operation,
            "simulated": True,
            "takes_s": round(self.takes_s, 1),
            "calls": [call.as_data() for call in self.calls],
        }

    def __str__(self) -> str:
        path = " → ".join(call.entry.call.name for call in self.critical_path)
        return f"{lasting(self.takes_s)} in a cloud, by {path}" if path else "no time in a cloud"


def timed(rehearsal: Rehearsal, operation: str, operate: Callable[[], T]) -> tuple[T, Timeline]:
    """Do something with a stack, and lay out what the simulated clouds did for it.

    Args:
        rehearsal: the stack.
        operation: what it is called.
        operate: does it.
    """
    before, number = rehearsal.checkpoint(), last_number(rehearsal.world.memory)
    done = operate()
    calls = schedule(entries(rehearsal.world.memory, after=number), before, rehearsal.checkpoint())
    return done, Timeline(rehearsal.stack, operation, calls)


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
