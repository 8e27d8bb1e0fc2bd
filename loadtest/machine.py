"""What was measured on."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def machine() -> Mapping[str, Any]:
    """Describe this machine, for a result that is read elsewhere."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        # What else it had to do: figures of a busy machine are upper bounds of times, and only ratios count.
        "load": round(os.getloadavg()[0], 1),
    }
