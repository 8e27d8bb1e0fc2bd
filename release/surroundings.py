"""What a rollout works with: records, regions, time, and whoever is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from release.history import History
from release.region import Region

FaultHook = Callable[[str], None]
"""Is told each point that is passed, by its name; a test ends the process there."""


@dataclass(frozen=True)
class Clock:
    """Time as a rollout sees it.

    Attributes:
        now: The time, UTC.
        wait: Lets seconds pass.
    """

    now: Callable[[], datetime]
    wait: Callable[[float], None]


@dataclass(frozen=True)
class Surroundings:
    """What a rollout works with.

    Attributes:
        history: Records of all stacks.
        regions: The regions of its plan, by stack.
        clock: Time.
        tell: Is told what happens, one line each.
        writer: Random id of this process.
        hook: Is told each fault point.
        anyway: Whether regions that are ill before the release are released to all the same.
    """

    history: History
    regions: Mapping[str, Region]
    clock: Clock
    tell: Callable[[str], None]
    writer: str
    hook: FaultHook = lambda _: None
    anyway: bool = False
