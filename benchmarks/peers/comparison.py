"""Rounds of several engines in turn, so that all have the same of what else the machine does.

A peer that fails, in its set-up or in a round, is left out and named with what it said; the others go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.peers import environment
from benchmarks.peers.engine import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

_ROOT = Path(__file__).parents[2]
# Conversions take minutes, and a round of the slowest engine on a busy machine takes some too.
_ANSWER_LIMIT_S = 1800.0
_LAST_WORDS = 300


class EngineFailedError(Exception):
    """An engine can't be measured; the message is what it said last."""


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
            EngineFailedError: it can't be loaded.
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
        try:
            loaded = worker._answer()
        except EngineFailedError:
            worker.stop()
            raise
        worker.prompt_tokens, worker.new_tokens = loaded["prompt_tokens"], loaded["new_tokens"]
        return worker

    def run(self) -> None:
        """One round.

        Raises:
            EngineFailedError: it has ended, or says nothing.
        """
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # its answer says why
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
        limit = threading.Timer(_ANSWER_LIMIT_S, self.process.kill)
        limit.start()
        try:
            line = self.process.stdout.readline() if self.process.stdout is not None else ""
        finally:
            limit.cancel()
        if not line:
            said = self.log.read_text("utf-8", "replace").strip()[-_LAST_WORDS:]
            raise EngineFailedError(f"{said.splitlines()[-1] if said else 'it said nothing'} (all of it: {self.log})")
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
        By engine: its figures, the first engine's speed in multiples of its own (median over the rounds' own ratios),
        the same for our engine of the same precision, and how many of its first tokens are those of the first engine
        (near ties fall differently from one precision to another). And what became of engines that failed.

    Raises:
        EngineFailedError: the first engine failed.
    """
    workers: dict[str, Worker] = {}
    failed: dict[str, str] = {}
    try:
        for name in names:
            with _survived(name, names[0], failed):
                workers[name] = Worker.start(name, model, workload, threads)
        for number in range(rounds):
            for name, worker in tuple(workers.items()):
                with _survived(name, names[0], failed):
                    worker.run()
                    sys.stderr.write(f"{workload} round {number + 1}: {name} {worker.rounds[-1]['all_s']:.2f} s\n")
                if name in failed:
                    workers.pop(name).stop()
        figures = {name: worker.figures() for name, worker in workers.items()}
        first = workers[names[0]]
        for name, worker in workers.items():
            tokens = zip(worker.rounds[-1]["first_tokens"], first.rounds[-1]["first_tokens"], strict=True)
            same = [one == other for one, other in tokens]
            figures[name] |= {**_ratios(first, worker), "same_first_tokens": sum(same) / len(same)}
            equal = workers.get(ENTRIES[name].equal)
            if equal is not None and equal is not worker:
                figures[name]["equal_precision"] = {"engine": equal.name, **_ratios(equal, worker)}
        return {
            "prompt_tokens": first.prompt_tokens,
            "new_tokens": first.new_tokens,
            "engines": figures,
            "failed": failed,
        }
    finally:
        for worker in workers.values():
            worker.stop()


@contextlib.contextmanager
def _survived(name: str, first: str, failed: dict[str, str]) -> Generator[None]:
    """Notes an engine's failure, unless it is the one that all are compared with."""
    try:
        yield
    except EngineFailedError as error:
        if name == first:
            raise
        failed[name] = str(error)
        sys.stderr.write(f"{name} failed: {error}\n")


def _ratios(ours: Worker, peer: Worker) -> dict[str, float]:
    """How much faster the one is than the other: over all, and while it decodes."""
    pairs = list(zip(ours.rounds, peer.rounds, strict=False))
    whole = statistics.median(theirs["all_s"] / own["all_s"] for own, theirs in pairs)
    decode = statistics.median(_decode_s(theirs) / _decode_s(own) for own, theirs in pairs)
    return {"ratio": round(whole, 2), "decode_ratio": round(decode, 2)}


def _decode_s(found: Mapping[str, Any]) -> float:
    return found["all_s"] - found["first_tokens_s"]
