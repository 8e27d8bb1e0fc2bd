"""What the prefix cache gives where it hits, and what it costs where it doesn't.

Hit: time to the first token of a prompt of 1,000 tokens, 900 of which another request of the same tenant has sent
before, beside a prompt that nobody has sent. Cost: prompts that share nothing, with the cache on and off, in turn; by
the processor time of the whole process, which other programs disturb least.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import report
from loadtest import reference_model
from loadtest.randomness import seeded
from service.engine.batching_engine import BatchingEngine
from service.engine.interface import GenerationRequest, SamplingParams
from service.engine.loading import BatchingEngineOptions
from service.engine.reference import LinearMode

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMPT_TOKENS = 1000
SHARED_TOKENS = 900
HIT_BAR = 0.2
"""Time to the first token of a hit, in multiples of a miss."""
COST_BAR = 1.01
"""Processor time with the cache on, in multiples of that with it off, where nothing is found."""

_STRANGERS, _STRANGERS_TOKENS, _NEW_TOKENS = 16, 128, 16


@dataclass
class Rounds:
    """What each round has measured, in seconds.

    Attributes:
        hit_s: to the first token of a prompt whose beginning is known.
        found_tokens: of it in the cache, as the engine counts them.
        miss_s: to the first token of a prompt that nobody has sent.
        with_s: processor time of prompts that share nothing, with the cache.
        without_s: the same without it.
    """

    hit_s: list[float] = field(default_factory=list)
    found_tokens: list[int] = field(default_factory=list)
    miss_s: list[float] = field(default_factory=list)
    with_s: list[float] = field(default_factory=list)
    without_s: list[float] = field(default_factory=list)


class Prompts:
    """Prompts that nobody has sent before."""

    def __init__(self) -> None:
        self._random = seeded("prefix cache")

    def new(self, tokens: int) -> tuple[int, ...]:
        """One of that many tokens."""
        return tuple(self._random.randrange(1, reference_model.VOCABULARY_SIZE) for _ in range(tokens))


def main(arguments: Sequence[str] = ()) -> int:
    """Measure, print and write; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prefix_cache", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory() as name:
        measured = asyncio.run(_measure(reference_model.make(Path(name) / "model"), rounds))
    hit = statistics.median(measured.hit_s) / statistics.median(measured.miss_s)
    cost = statistics.median(
        with_it / without for with_it, without in zip(measured.with_s, measured.without_s, strict=True)
    )
    report.write(
        "prefix_cache",
        {
            "rounds": rounds,
            "hit": {
                "prompt_tokens": PROMPT_TOKENS,
                "shared_tokens": SHARED_TOKENS,
                "found_tokens": measured.found_tokens,
                "first_token_hit": report.spread(measured.hit_s),
                "first_token_miss": report.spread(measured.miss_s),
                "ratio": round(hit, 3),
                "bar": f"at most {HIT_BAR:g}",
            },
            "cost": {
                "prompts": _STRANGERS,
                "processor_time_on": report.spread(measured.with_s),
                "processor_time_off": report.spread(measured.without_s),
                "ratio": round(cost, 4),
                "bar": f"at most {COST_BAR:g}",
            },
        },
    )
    print(f"first token of a hit: {hit:.3f} of a miss's time (bar {HIT_BAR:g})")  # noqa: T201
    print(f"cost where nothing is found: {cost:.4f} (bar {COST_BAR:g})")  # noqa: T201
    return 0 if hit <= HIT_BAR and cost <= COST_BAR else 1


async def _measure(model: Path, rounds: int) -> Rounds:
    prompts = Prompts()
    engines = [
        BatchingEngine(
            model, name="prefix", options=BatchingEngineOptions(linear_mode=LinearMode.INT8, prefix_cache=kept)
        )
        for kept in (True, False)
    ]
    for engine in engines:
        await engine.start()
    measured = Rounds()
    try:
        for number in range(rounds):
            known = prompts.new(PROMPT_TOKENS)
            measured.miss_s.append(await _first_token_s(engines[0], known))
            hit = (*known[:SHARED_TOKENS], *prompts.new(PROMPT_TOKENS - SHARED_TOKENS))
            found = engines[0].stats().prefix_hits
            measured.hit_s.append(await _first_token_s(engines[0], hit))
            measured.found_tokens.append(engines[0].stats().prefix_hits - found)
            # Each goes first every second time.
            turns = ((engines[0], measured.with_s), (engines[1], measured.without_s))
            for engine, times in turns if number % 2 else reversed(turns):
                strangers = [prompts.new(_STRANGERS_TOKENS) for _ in range(_STRANGERS)]
                started = time.process_time()
                await asyncio.gather(*(_ask(engine, prompt, _NEW_TOKENS) for prompt in strangers))
                times.append(time.process_time() - started)
    finally:
        for engine in engines:
            await engine.stop()
    return measured


_NUMBERS = itertools.count()


async def _ask(engine: BatchingEngine, prompt: tuple[int, ...], tokens: int) -> None:
    sampling = SamplingParams(temperature=0.0, max_tokens=tokens, ignore_eos=True)
    asked = GenerationRequest(f"request-{next(_NUMBERS)}", prompt, sampling, prefix_salt="tenant")
    async for _ in await engine.generate(asked):
        pass


async def _first_token_s(engine: BatchingEngine, prompt: tuple[int, ...]) -> float:
    started = time.perf_counter()
    await _ask(engine, prompt, 1)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
