"""How much memory this container may still use, which is rarely what the host has."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
_KIB = 1024


def available_memory(cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> int:
    """Bytes: what the host has left, and what the control group has left of its limit."""
    left = [_host(meminfo)]
    for folder, limit, used in (
        (cgroup, "memory.max", "memory.current"),  # control groups v2
        (cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),  # v1
    ):
        try:
            left.append(int((folder / limit).read_text()) - int((folder / used).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return max(0, min(left))


def _host(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * _KIB
    raise OSError(f"{meminfo}: MemAvailable is missing")
