"""A drill's findings as a file: with the day, and the machine whose times they are."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.console import FleetError
from fleet.release_drill.finding import BEYOND_LIMIT_S
from loadtest.machine import machine


def written(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write findings, and give the file.

    Args:
        file: Where to.
        rows: `Finding.row` of each.

    Raises:
        FleetError: it can't be written.
    """
    document = {
        "benchmark": "release_drill",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "bar": f"refused in the canary's wave; back within {BEYOND_LIMIT_S:.0f} s beyond the rollout's own time",
        "releases": len(rows),
        "not_as_they_have_to_be": sum(bool(row["problems"]) for row in rows),
        "findings": rows,
    }
    try:
        file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise FleetError(f"{file}: {error.strerror}; name another file by --report") from None
    return file
