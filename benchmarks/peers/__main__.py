"""Compare engines: prints ratios, writes JSON and a picture.

Examples:
  python -m benchmarks.peers
  python -m benchmarks.peers --workload W1
  python -m benchmarks.peers --workload W2 --engines modelfleet-int8,llama.cpp-q8_0 --rounds 5
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks import report
from benchmarks.peers import environment
from benchmarks.peers.comparison import EngineFailedError, compare
from benchmarks.peers.engine import ENTRIES
from loadtest import reference_model
from loadtest.workloads import WORKLOADS
from service.engine.processor import allowed_cpus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

_OURS, _THEIRS = "#2b6ca3", "#9aa5ad"


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", choices=WORKLOADS, help="default: all of them, one after the other")
    parser.add_argument("--engines", default=",".join(ENTRIES), help="first the one that is compared (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=allowed_cpus(), help="default: the CPUs of this container")
    asked = parser.parse_args()
    names = asked.engines.split(",")
    if unknown := [name for name in names if name not in ENTRIES]:
        parser.error(f"no engine {', '.join(unknown)}; there are: {', '.join(ENTRIES)}")
    model = environment.WORK / "model"
    if not (model / "config.json").is_file():
        part = model.with_suffix(".part")
        reference_model.make(part).rename(model)
    for workload in [asked.workload] if asked.workload else WORKLOADS:
        try:
            found = compare(names, model, workload, rounds=asked.rounds, threads=asked.threads)
        except EngineFailedError as error:
            sys.exit(f"{names[0]}, which all are compared with, failed: {error}")
        file = report.write(
            f"peers_{workload.lower()}",
            {
                "workload": workload,
                "rounds": asked.rounds,
                "threads": asked.threads,
                "ratio": f"{names[0]}'s output tokens per second / the engine's: above 1, {names[0]} is faster",
                **found,
            },
        )
        _print(workload, found["engines"], found["failed"])
        _draw(workload, found["engines"], file.with_suffix(".png"))
    return 0


def _print(workload: str, engines: Mapping[str, Mapping[str, Any]], failed: Mapping[str, str]) -> None:
    table = Table("engine", "precision", title=workload)
    for column in (
        "tok/s",
        "decode tok/s",
        "first tokens [ms]",
        "RSS [MB]",
        "ratio",
        "decode ratio",
        "equal precision",
        "same first",
    ):
        table.add_column(column, justify="right")
    for name, found in engines.items():
        table.add_row(
            name,
            found["precision"],
            f"{found['output_tokens_per_s']:.0f}",
            f"{found['decode_tokens_per_s']:.0f}",
            f"{found['first_tokens_ms']:.0f}",
            str(found["peak_rss_mb"]),
            f"{found['ratio']:.2f}x",
            f"{found['decode_ratio']:.2f}x",
            f"{found['equal_precision']['ratio']:.2f}x" if "equal_precision" in found else "",
            f"{found['same_first_tokens']:.0%}",
        )
    console = Console()
    console.print(table)
    for name, reason in failed.items():
        console.print(f"{name} failed: {reason}", markup=False)


def _draw(workload: str, engines: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    names = list(engines)
    speeds = [engines[name]["output_tokens_per_s"] for name in names]
    figure = Figure(figsize=(7.2, 0.8 + 0.35 * len(names)), dpi=110, layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(names, speeds, color=[_OURS if ENTRIES[name].ours else _THEIRS for name in names])
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="output tokens per second", title=f"{workload}: {WORKLOADS[workload].requests} requests at once")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(file, metadata={"Software": None})


if __name__ == "__main__":
    sys.exit(main())
