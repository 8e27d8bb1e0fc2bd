"""Rounds of several engines in turn, so that all have the same of what else the machine does."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.peers import environment
from benchmarks.peers.engine import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROOT = Path(__file__).parents[2]


@dataclass
class Worker:
    """An engine's process, and what it has measured.

    Attributes:
        name: of the engine, in `ENTRIES`.
        rounds: what it has answered so far.
        log: what it has printed.
    """

    name: str
    log: Path
    process: subprocess.Popen[str]
    prompt_tokens: int = 0
    new_tokens: int = 0
    rounds: list[Mapping[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, name: str, model: Path, workload: str, threads: int) -> Self:
        """Starts an engine and waits until it is loaded.

        Raises:
            SystemExit: it failed; names its log.
        """
        work = environment.WORK / "converted"
        work.mkdir(parents=True, exist_ok=True)
        program = sys.executable if ENTRIES[name].ours else str(environment.python())
        log = environment.WORK / f"{name}.log"
        variables = {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(_ROOT)}
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [program, "-m", "benchmarks.peers.worker", name, str(model), str(work), workload, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=_ROOT,
                env={**os.environ, **variables},
            )
        worker = cls(name, log, process)
        loaded = worker._answer()
        worker.prompt_tokens, worker.new_tokens = loaded["prompt_tokens"], loaded["new_tokens"]
        return worker

    def run(self) -> None:
        """One round."""
        if self.process.stdin is not None:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.rounds.append(self._answer())

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()

    def figures(self) -> dict[str, Any]:
        """Medians over the rounds."""
        entry = ENTRIES[self.name]
        first_s = statistics.median(found["first_tokens_s"] for found in self.rounds)
        all_s = statistics.median(found["all_s"] for found in self.rounds)
        requests = len(self.rounds[-1]["first_tokens"])
        return {
            "precision": entry.precision,
            "setup": entry.setup,
            "output_tokens_per_s": round(requests * self.new_tokens / all_s, 1),
            "decode_tokens_per_s": round(requests * (self.new_tokens - 1) / (all_s - first_s), 1),
            "first_tokens_ms": round(first_s * 1e3, 1),
            "peak_rss_mb": max(found["peak_rss_mb"] for found in self.rounds),
            "rounds_s": [round(found["all_s"], 3) for found in self.rounds],
        }

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if not line:
            raise SystemExit(f"{self.name} failed: see {self.log}")
        return json.loads(line)


def compare(names: Sequence[str], model: Path, workload: str, *, rounds: int, threads: int) -> dict[str, Any]:
    """Measures engines in turn.

    Args:
        names: of `ENTRIES`; the first is the one that the others are compared with.
        model: its folder.
        workload: its name.
        rounds: of each.
        threads: of each.

    Returns:
        By engine: its figures, the first engine's throughput in multiples of its own, and how many of its first
        tokens are those of the first engine (near ties fall differently from one precision to another).
    """
    workers: list[Worker] = []
    try:
        workers.extend(Worker.start(name, model, workload, threads) for name in names)
        for number in range(rounds):
            for worker in workers:
                worker.run()
                sys.stderr.write(f"round {number + 1}: {worker.name} {worker.rounds[-1]['all_s']:.2f} s\n")
        figures = {worker.name: worker.figures() for worker in workers}
        ours, own_tokens = figures[names[0]], workers[0].rounds[-1]["first_tokens"]
        for worker in workers:
            found, tokens = figures[worker.name], worker.rounds[-1]["first_tokens"]
            found["ratio"] = round(ours["output_tokens_per_s"] / found["output_tokens_per_s"], 2)
            found["decode_ratio"] = round(ours["decode_tokens_per_s"] / found["decode_tokens_per_s"], 2)
            found["same_first_tokens"] = sum(a == b for a, b in zip(tokens, own_tokens, strict=True)) / len(tokens)
        return {"prompt_tokens": workers[0].prompt_tokens, "new_tokens": workers[0].new_tokens, "engines": figures}
    finally:
        for worker in workers:
            worker.stop()
