"""Whatever happens around a request, its text is what transformers itself would have written.

Small caches, small budgets and few places make requests wait, share prefixes, be computed in pieces, be preempted and
computed again, while others are cancelled around them.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service.engine.batching_engine import BatchingEngine
from service.engine.int8_cache import Int8Cache
from service.engine.interface import GenerationRequest, Priority, SamplingParams
from service.engine.loading import BatchingEngineOptions
from service.engine.local_runner import LocalRunner
from service.engine.reference import CacheType
from tests.service.engine.tiny_models import SHAPES, VOCABULARY, greedy, tiny_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.engine.engine_loop import EngineStats

_NEW_TOKENS = 30
# Prompts of two families: those of one begin alike.
_LENGTHS = (1, 7, 16, 17, 33, 48, 63, 90)
_LONGEST = max(_LENGTHS) + _NEW_TOKENS


@functools.cache
def prompts() -> list[tuple[int, ...]]:
    generator = torch.Generator().manual_seed(3)
    families = [torch.randint(1, VOCABULARY, (max(_LENGTHS),), generator=generator).tolist() for _ in range(2)]
    return [tuple(family[:length]) for family in families for length in _LENGTHS]


@functools.cache
def expected(shape: str, prompt: int) -> list[int]:
    return greedy(tiny_model(shape)[1], prompts()[prompt], _NEW_TOKENS)


@dataclass(frozen=True)
class Work:
    """A request of a workload; `leaves_after` tokens its client is gone."""

    prompt: int
    tokens: int = _NEW_TOKENS
    choices: int = 1
    priority: Priority = Priority.NORMAL
    tenant: str = "a"
    leaves_after: int | None = None
    arrives_after: int = 0


async def answer(engine: BatchingEngine, work: Work) -> list[list[int]]:
    for _ in range(work.arrives_after):
        await asyncio.sleep(0)  # let others go first
    sampling = SamplingParams(temperature=0.0, max_tokens=work.tokens, ignore_eos=True, n=work.choices)
    asked = GenerationRequest("r", prompts()[work.prompt], sampling, priority=work.priority, prefix_salt=work.tenant)
    stream = await engine.generate(asked)
    texts: list[list[int]] = [[] for _ in range(work.choices)]
    async for delta in stream:
        texts[delta.index] += delta.token_ids
        if work.leaves_after is not None and sum(map(len, texts)) >= work.leaves_after:
            break
    await stream.aclose()
    return texts


def run(shape: str, works: list[Work], options: BatchingEngineOptions) -> EngineStats:
    """Runs a workload, compares every text, and checks that nothing is left behind."""

    async def all_of_it() -> EngineStats:
        engine = BatchingEngine(tiny_model(shape)[0], name=shape, options=options)
        await engine.start()
        try:
            texts = await asyncio.gather(*(answer(engine, work) for work in works))
            await engine.check_integrity()
            stats, health = engine.stats(), engine.health()
        finally:
            await engine.stop()
        assert stats.cache_usage == health.running == health.waiting == 0
        for work, choices in zip(works, texts, strict=True):
            sure = expected(shape, work.prompt)[: work.tokens]
            for tokens in choices:
                assert tokens[: len(sure)] == sure[: len(tokens)]
                assert len(tokens) == work.tokens or work.leaves_after is not None
        return stats

    return asyncio.run(all_of_it())


def cache_of(engine: BatchingEngine) -> Sequence[torch.Tensor | Int8Cache]:
    """What the engine keeps keys and values in, layer by layer."""
    assert engine._loaded is not None
    runner = engine._loaded.loop._runner
    assert isinstance(runner, LocalRunner)
    assert runner._cache
    return runner._cache


_OPTIONS = st.builds(
    BatchingEngineOptions,
    max_running=st.integers(1, 6),
    token_budget=st.sampled_from([8, 30, 200]),
    block_size=st.sampled_from([4, 8, 16]),
    cache_tokens=st.sampled_from([_LONGEST + 16, 2 * _LONGEST, 1024]),
    prefix_cache=st.booleans(),
    check_when_idle=st.just(value=True),
    threads=st.just(1),
)
# Shrinking a failure that depends on timing would take minutes and find nothing.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
_WORKS = st.lists(
    st.builds(
        Work,
        prompt=st.integers(0, 2 * len(_LENGTHS) - 1),
        tokens=st.integers(1, _NEW_TOKENS),
        choices=st.integers(1, 3),
        priority=st.sampled_from(Priority),
        tenant=st.sampled_from("ab"),
        leaves_after=st.none() | st.integers(0, 20),
        arrives_after=st.integers(0, 300),
    ),
    min_size=2,
    max_size=8,
)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=4, deadline=None, phases=_PHASES, suppress_health_check=list(HealthCheck), derandomize=True)
@given(works=_WORKS, options=_OPTIONS)
def test_every_text_is_exact(shape: str, works: list[Work], options: BatchingEngineOptions) -> None:
    run(shape, works, options)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=60, deadline=None, phases=_PHASES, suppress_health_check=list(HealthCheck))
@given(works=_WORKS, options=_OPTIONS)
def test_every_text_is_exact_at_length(shape: str, works: list[Work], options: BatchingEngineOptions) -> None:
    run(shape, works, options)


@pytest.mark.parametrize("shape", ["qwen3", "mistral-window", "qwen3-moe"])
def test_requests_that_gave_their_blocks_back_are_exact(shape: str) -> None:
    options = BatchingEngineOptions(
        max_running=6, block_size=4, cache_tokens=_LONGEST + 16, token_budget=16, threads=1, check_when_idle=True
    )
    stats = run(shape, [Work(prompt) for prompt in (1, 2, 3, 9, 10, 11)], options)
    assert stats.preemptions > 0


def test_with_an_int8_cache_a_text_is_the_same_alone_and_among_others() -> None:
    folder, _ = tiny_model("qwen3")
    works = [Work(prompt) for prompt in (1, 4, 6, 9, 12)]

    async def texts(options: BatchingEngineOptions, *, together: bool) -> list[list[list[int]]]:
        engine = BatchingEngine(folder, name="int8", options=options)
        await engine.start()
        assert all(isinstance(layer, Int8Cache) for layer in cache_of(engine))
        try:
            if together:
                return await asyncio.gather(*(answer(engine, work) for work in works))
            return [await answer(engine, work) for work in works]
        finally:
            await engine.stop()

    options = BatchingEngineOptions(
        block_size=4, cache_tokens=1024, token_budget=16, threads=1, cache_type=CacheType.INT8, prefix_cache=False
    )
    together = asyncio.run(texts(options, together=True))
    assert together == asyncio.run(texts(options, together=False))
    assert all(len(tokens) == _NEW_TOKENS for choices in together for tokens in choices)


@pytest.mark.parametrize("shape", ["llama", "qwen2-late-windows", "gemma3"])
def test_found_prefixes_are_exact(shape: str) -> None:
    options = BatchingEngineOptions(block_size=8, cache_tokens=1024, threads=1, check_when_idle=True)
    later = [Work(prompt, arrives_after=2000) for prompt in (3, 5, 6, 7)]
    stats = run(shape, [Work(7), *later], options)
    assert stats.prefix_hits >= 16 + 24 + 56 + 80
