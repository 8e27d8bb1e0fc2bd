"""How much processor this container may use, which is rarely what the host has."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def allowed_cpus(cgroup: Path = _CGROUP) -> int:
    """Whole CPUs that are worth a thread: the cgroup's quota, the affinity, and at least one.

    A fraction is rounded up: half a CPU is better used by one thread than by none. More threads than the quota
    are throttled together and wait for each other at every matrix product.
    """
    affinity = len(os.sched_getaffinity(0))
    quota = _quota_v2(cgroup) or _quota_v1(cgroup)
    return max(1, min(affinity, math.ceil(quota) if quota else affinity))


def _quota_v2(cgroup: Path) -> float | None:
    """Control groups v2: ``cpu.max`` holds ``<quota|max> <period>`` in microseconds."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(cgroup: Path) -> float | None:
    """Control groups v1: ``cpu.cfs_quota_us`` (-1: no limit) and ``cpu.cfs_period_us``."""
    try:
        quota = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
