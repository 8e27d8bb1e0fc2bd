"""`python -m benchmarks.soak`: see the package."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import Progress

from benchmarks import report
from benchmarks.soak import in_process, over_http
from benchmarks.soak.cases import SHAPE, cases, questions
from loadtest import reference_model
from service.engine.kernels.build import build

REQUESTS = 10_000
HTTP_SHARE = 0.05
# A leak of one small object a request is 56 bytes or more; allocators' own noise over thousands of requests is less.
RSS_SLOPE_BAR_BYTES = 1024
OBJECT_SLOPE_BAR = 0.01


def main(requests: int = REQUESTS, seed: int = 1) -> int:
    """Run, print and write; 1 when something is not as it should be."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    build()
    asked = questions(seed)
    drawn = cases(requests, asked, seed)
    http_drawn = cases(max(1, round(requests * HTTP_SHARE)), asked, seed + 1)
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True)) as progress:
        model = reference_model.make(Path(folder) / "soak", seed=seed, **SHAPE)
        bars = {
            name: progress.add_task(name, total=total)
            for name, total in (("alone", len(asked)), ("engine", len(drawn)), ("HTTP", len(http_drawn)))
        }
        expected = asyncio.run(in_process.answers_alone(model, asked, lambda: progress.advance(bars["alone"])))
        engine = asyncio.run(in_process.soak(model, asked, expected, drawn, lambda: progress.advance(bars["engine"])))
        server = asyncio.run(over_http.soak(model, asked, expected, http_drawn, lambda: progress.advance(bars["HTTP"])))
    leaks = [
        f"{name}: {slope:.3g} {unit} a request, the bar is {bar}"
        for name, slope, bar, unit in (
            ("engine", engine.rss_slope, RSS_SLOPE_BAR_BYTES, "bytes"),
            ("engine", engine.object_slope, OBJECT_SLOPE_BAR, "objects"),
            ("server", server.rss_slope, RSS_SLOPE_BAR_BYTES, "bytes"),
        )
        if slope is not None and slope > bar
    ]
    file = report.write(
        "soak",
        {
            "requests": requests,
            "http_requests": len(http_drawn),
            "seed": seed,
            "bar": f"no wrong answer, no block lost, memory within {RSS_SLOPE_BAR_BYTES} bytes a request",
            "engine": engine.as_json(),
            "server": server.as_json(),
        },
    )
    for name, verdict in (("engine", engine), ("server", server)):
        slope = "unknown" if verdict.rss_slope is None else f"{verdict.rss_slope:.0f} bytes a request"
        print(f"{name}: {verdict.wrong} wrong of {verdict.counts.total() + verdict.wrong}; memory {slope}")  # noqa: T201
        for example in verdict.examples:
            print(f"  {example}")  # noqa: T201
    for leak in leaks:
        print(leak)  # noqa: T201
    print(file)  # noqa: T201
    return int(bool(engine.wrong or server.wrong or leaks))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(main(given.requests, given.seed))
