"""What every benchmark writes: its figures, the machine, the day."""

import json
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtest.machine import machine

RESULTS = Path(__file__).parent / "results"


def spread(samples_s: Sequence[float]) -> Mapping[str, float]:
    """Give minimum, median and maximum of seconds."""
    return {
        "min_s": round(min(samples_s), 3),
        "median_s": round(statistics.median(samples_s), 3),
        "max_s": round(max(samples_s), 3),
    }


def write(name: str, figures: Mapping[str, Any]) -> Path:
    """Write a result file and tell where it is."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{name}.json"
    document = {"benchmark": name, "date": datetime.now(UTC).date().isoformat(), "machine": machine(), **figures}
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return file
