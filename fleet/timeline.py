"""When each resource of an operation was under way, as text: a row a resource, its length the time that it took."""

from collections.abc import Sequence
from typing import Final

from fleet.steps import Step

_BAR: Final = "█"
_NARROWEST: Final = 20


def timeline(steps: Sequence[Step], *, width: int) -> list[str]:
    """Draw the steps of one operation, the first to begin on top.

    Args:
        steps: what was done.
        width: columns in all.
    """
    if not steps:
        return []
    names = {step.urn: str(step) for step in steps}
    label = min(max(map(len, names.values())), max(width // 2, _NARROWEST))
    room = max(width - label - len(" 0000.0 s"), _NARROWEST)
    whole = max(step.ended_s for step in steps) or 1.0
    rows = []
    for step in sorted(steps, key=lambda each: (each.began, each.ended)):
        start = min(int(step.began_s / whole * room), room - 1)
        length = max(1, round((step.ended_s - step.began_s) / whole * room))
        bar = (" " * start + _BAR * min(length, room - start)).ljust(room)
        rows.append(f"{str(step)[:label]:<{label}} {bar}{step.ended_s - step.began_s:6.1f} s")
    return rows
