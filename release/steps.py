"""The steps of a rollout, by the names that its journal, its fault points and people use."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """What is done in one region, announced in the journal before it is begun."""

    CONFIGURE = "configure"
    MIGRATE = "migrate"
    UPDATE = "update"
    GATE = "gate"
    RECORD = "record"
    RESTORE = "restore"
    REVERT = "revert"
    VERIFY = "verify"
    NOTE = "note"


FORWARD: Final = (Step.CONFIGURE, Step.MIGRATE, Step.UPDATE, Step.GATE)
"""Each region of a wave, side by side."""
BACK: Final = (Step.RESTORE, Step.REVERT, Step.VERIFY, Step.NOTE)
"""Each region that was touched, when a release is taken back."""


class Moment(StrEnum):
    """When a process may be lost, around a step or a decision."""

    ANNOUNCED = "announced"
    """It stands in the journal and hasn't begun."""
    DONE = "done"
    """It is done, and the journal doesn't say so yet."""


OTHER_POINTS: Final = ("rollout:begun", "wave:observed", "wave:begun", "bake:begun", "wave:passed", "rollback:decided")
"""Moments between steps: `observed` is before the journal knows what was observed."""


def fault_points() -> Iterator[str]:
    """Name every point at which a rollout may be killed; the tests kill at each."""
    yield from OTHER_POINTS
    for step in Step:
        for moment in Moment:
            yield fault_point(step, moment)


def fault_point(step: Step, moment: Moment) -> str:
    """Name a moment of a step."""
    return f"{step}:{moment}"
