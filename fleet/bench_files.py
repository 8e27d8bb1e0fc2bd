"""Where measurements are written, and how they are shown."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet import console
from loadtest.machine import machine
from loadtest.summary import Spread
from toolchain.locations import state_dir


@dataclass(frozen=True)
class ResultFolder:
    """The files of one measurement."""

    folder: Path

    @classmethod
    def create(cls, kind: str, wanted: Path | None) -> "ResultFolder":
        """Make the folder that was asked for, or one named by kind and time.

        Raises:
            FleetError: it can't be made.
        """
        folder = wanted or state_dir() / "bench" / f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise console.FleetError(f"{folder}: {error.strerror}; name another by --output") from None
        return cls(folder)

    @property
    def plot(self) -> Path:
        """The picture."""
        return self.folder / "plot.png"

    def write(self, kind: str, figures: Mapping[str, Any]) -> Path:
        """Write the result, with day and machine."""
        file = self.folder / "result.json"
        document = {
            "benchmark": kind,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "client": machine(),
            **figures,
        }
        file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        return file


def latency_table(rows: Iterable[tuple[str, Spread | None]]) -> None:
    """Print spreads of seconds as milliseconds."""
    console.table(
        ["", "mean [ms]", "p50", "p90", "p95", "p99", "max"],
        [
            (name, *(f"{value * 1e3:.1f}" for value in _values(spread)))
            if spread
            else (name, *["-"] * len(Spread.__slots__[1:]))
            for name, spread in rows
        ],
    )


def _values(spread: Spread) -> tuple[float, ...]:
    return spread.mean, spread.p50, spread.p90, spread.p95, spread.p99, spread.maximum
