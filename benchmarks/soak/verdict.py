"""What came of a soak."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Level:
    """How much a process holds while it is idle, after `requests`.

    Attributes:
        requests: that have ended by then.
        rss_bytes: resident memory.
        objects: of Python that the garbage collector knows; None for another process.
    """

    requests: int
    rss_bytes: int
    objects: int | None = None

    @classmethod
    def of_this_process(cls, requests: int) -> Level:
        """Measure this process."""
        gc.collect()
        return cls(requests, rss_bytes("self"), len(gc.get_objects()))


@dataclass(slots=True)
class Verdict:
    """What came of many requests.

    Attributes:
        counts: how requests ended, by name.
        wrong: requests that were answered otherwise than alone, or ended otherwise than they should.
        examples: the first of them, described.
        levels: memory at each idle point.
        details: what else is worth knowing.
    """

    counts: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    examples: list[str] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def ended(self, how: str) -> None:
        """Count a request that ended as it should."""
        self.counts[how] += 1

    def differs(self, what: str) -> None:
        """Count one that did not."""
        self.wrong += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(what)

    @property
    def rss_slope(self) -> float | None:
        """Bytes of resident memory a request, over the second half; None for fewer than three idle points."""
        return _slope([(level.requests, level.rss_bytes) for level in self._later()])

    @property
    def object_slope(self) -> float | None:
        """Python objects a request, likewise."""
        return _slope([(level.requests, level.objects) for level in self._later() if level.objects is not None])

    def as_json(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {
            "ended": dict(self.counts.most_common()),
            "wrong": self.wrong,
            "examples": self.examples,
            "rss_slope_bytes_per_request": self.rss_slope,
            "object_slope_per_request": self.object_slope,
            "levels": [asdict(level) for level in self.levels],
            **self.details,
        }

    def _later(self) -> list[Level]:
        """The levels after caches and arenas have filled."""
        return self.levels[len(self.levels) // 2 :]


def rss_bytes(process: int | str) -> int:
    """Give a process's resident memory. Source: proc_pid_status(5), VmRSS."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def _slope(points: list[tuple[int, int]]) -> float | None:
    """Least squares."""
    if len(points) < 3:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
