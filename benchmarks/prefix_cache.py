"""What the prefix cache gives where it hits, and what it costs where it doesn't.

Hit: time to the first token of a prompt of 1,000 tokens, 900 of which another request of the same tenant has sent
before, beside a prompt that nobody has sent.

Cost: prompts that share nothing, with the cache on and off, by processor time, in two ways. The whole engine, in pairs
of short turns (on, off, off, on) of one thread each, because a team of threads also counts its waiting; the pools are
so small that blocks are taken from the cache all the time. The median of the pairs' ratios comes with its interval of
95 %, so that a result says what it can't see. And the bookkeeping by itself, planning and keeping without a model, as a
share of what the model takes for the same tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import itertools
import math
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
from service.engine.block_pool import BlockPool
from service.engine.delta_queue import DeltaQueue
from service.engine.interface import GenerationRequest, SamplingParams
from service.engine.kernels.build import build
from service.engine.loading import BatchingEngineOptions
from service.engine.prefix_hash import PrefixHasher
from service.engine.reference import LinearMode
from service.engine.request import Request
from service.engine.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

PROMPT_TOKENS = 1000
SHARED_TOKENS = 900
HIT_BAR = 0.2
"""Time to the first token of a hit, in multiples of a miss."""
COST_BAR = 1.01
"""Processor time with the cache on, in multiples of that with it off, where nothing is found."""

_STRANGERS, _STRANGERS_TOKENS, _NEW_TOKENS = 8, 128, 8
_POOL_TOKENS = 4096
_BLOCK_TOKENS = 16
_BOOKKEEPING_REQUESTS = 2000
# Of the standard normal distribution: 95 % lie within.
_Z = 1.96


@dataclass
class Rounds:
    """What each round has measured, in seconds.

    Attributes:
        hit_s: to the first token of a prompt whose beginning is known.
        found_tokens: of it in the cache, as the engine counts them.
        miss_s: to the first token of a prompt that nobody has sent.
        with_s: processor time of prompts that share nothing, with the cache; two turns.
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
    parser.add_argument("--rounds", type=int, default=7, help="of hit and miss")
    parser.add_argument("--pairs", type=int, default=60, help="of turns with the cache on and off")
    asked = parser.parse_args(arguments)
    build()
    rounds = asked.rounds
    with tempfile.TemporaryDirectory() as name:
        measured = asyncio.run(_measure(reference_model.make(Path(name) / "model"), rounds, asked.pairs))
    hit = statistics.median(measured.hit_s) / statistics.median(measured.miss_s)
    ratios = [with_it / without for with_it, without in zip(measured.with_s, measured.without_s, strict=True)]
    low, cost, high = median_interval(ratios)
    tokens = 2 * _STRANGERS * (_STRANGERS_TOKENS + _NEW_TOKENS)
    kept_s, plain_s = (_bookkeeping_token_s(prompts=Prompts(), kept=kept) for kept in (True, False))
    share = (kept_s - plain_s) / (statistics.median(measured.without_s) / tokens)
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
                "pairs": asked.pairs,
                "ratio": round(cost, 4),
                "ratio_from_to": [round(low, 4), round(high, 4)],
                "bookkeeping_us_per_token": {"on": round(kept_s * 1e6, 3), "off": round(plain_s * 1e6, 3)},
                "bookkeeping_share": round(share, 5),
                "bar": f"at most {COST_BAR:g}",
            },
        },
    )
    print(f"first token of a hit: {hit:.3f} of a miss's time (bar {HIT_BAR:g})")  # noqa: T201
    print(f"cost where nothing is found: {cost:.4f}, {low:.4f} to {high:.4f} (bar {COST_BAR:g})")  # noqa: T201
    print(f"  of it bookkeeping: {share:.3%}")  # noqa: T201
    return 0 if hit <= HIT_BAR and low <= COST_BAR else 1


def median_interval(samples: Sequence[float]) -> tuple[float, float, float]:
    """The median between the ends of its 95 % interval, whatever the samples' distribution.

    The ends are the samples of the ranks that a binomial distribution with p = 1/2 gives (Conover, Practical
    Nonparametric Statistics, section 3.2), by its normal approximation; of few samples, the least and the greatest.
    """
    ordered = sorted(samples)
    count = len(ordered)
    rank = max(0, math.floor((count - _Z * math.sqrt(count)) / 2))
    return ordered[rank], statistics.median(ordered), ordered[count - 1 - rank]


async def _measure(model: Path, rounds: int, pairs: int) -> Rounds:
    prompts, measured = Prompts(), Rounds()
    async with _started(model, BatchingEngineOptions(linear_mode=LinearMode.INT8)) as engine:
        for _ in range(rounds):
            known = prompts.new(PROMPT_TOKENS)
            measured.miss_s.append(await _first_token_s(engine, known))
            hit = (*known[:SHARED_TOKENS], *prompts.new(PROMPT_TOKENS - SHARED_TOKENS))
            found = engine.stats().prefix_hits
            measured.hit_s.append(await _first_token_s(engine, hit))
            measured.found_tokens.append(engine.stats().prefix_hits - found)
    options = BatchingEngineOptions(linear_mode=LinearMode.INT8, threads=1, cache_tokens=_POOL_TOKENS)
    async with (
        _started(model, options) as kept,
        _started(model, dataclasses.replace(options, prefix_cache=False)) as plain,
    ):
        for _ in range(-(-_POOL_TOKENS // (_STRANGERS * _STRANGERS_TOKENS))):  # until the pool is full
            await _turn_s(kept, prompts)
            await _turn_s(plain, prompts)
        for number in range(pairs):
            outer, inner = (kept, plain) if number % 2 else (plain, kept)
            turns_s = [await _turn_s(engine, prompts) for engine in (outer, inner, inner, outer)]
            times = {outer: turns_s[0] + turns_s[3], inner: turns_s[1] + turns_s[2]}
            measured.with_s.append(times[kept])
            measured.without_s.append(times[plain])
    return measured


@contextlib.asynccontextmanager
async def _started(model: Path, options: BatchingEngineOptions) -> AsyncGenerator[BatchingEngine]:
    engine = BatchingEngine(model, name="prefix", options=options)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def _turn_s(engine: BatchingEngine, prompts: Prompts) -> float:
    """Processor time of prompts that share nothing."""
    strangers = [prompts.new(_STRANGERS_TOKENS) for _ in range(_STRANGERS)]
    started_s = time.process_time()
    await asyncio.gather(*(_ask(engine, prompt, _NEW_TOKENS) for prompt in strangers))
    return time.process_time() - started_s


def _bookkeeping_token_s(prompts: Prompts, *, kept: bool) -> float:
    """Processor time of planning a token's step and keeping its block, without computing it."""
    pool = BlockPool(_POOL_TOKENS // _BLOCK_TOKENS + 1)
    scheduler = Scheduler(pool, block_size=_BLOCK_TOKENS, max_running=_STRANGERS, token_budget=512)
    hasher = PrefixHasher(_BLOCK_TOKENS, secret=b"benchmark")
    loop = asyncio.new_event_loop()
    asked = [GenerationRequest("r", prompts.new(_STRANGERS_TOKENS)) for _ in range(_BOOKKEEPING_REQUESTS)]
    started_s = time.thread_time()
    for one in asked:
        chain = hasher.chain(one.prompt_token_ids, "tenant") if kept else None
        request = Request(one, DeltaQueue(loop), chain, max_tokens=_NEW_TOKENS, seed=0, rank=0.0)
        scheduler.add(request.choices)
        while not scheduler.idle:
            for share in scheduler.plan():
                samples = share.samples
                scheduler.computed(share)
                if samples:
                    share.choice.tokens.append(1)
                if share.choice.generated > _NEW_TOKENS:
                    scheduler.finish(share.choice)
    spent_s = time.thread_time() - started_s
    loop.close()
    return spent_s / (_BOOKKEEPING_REQUESTS * (_STRANGERS_TOKENS + _NEW_TOKENS))


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
