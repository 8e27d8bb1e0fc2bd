"""Our engine, through the same class as the server's: text included."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from service.engine.batching_engine import BatchingEngine
from service.engine.interface import GenerationRequest, SamplingParams
from service.engine.kernels.build import build
from service.engine.loading import BatchingEngineOptions
from service.engine.reference import CacheType, LinearMode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.workloads import Workload


class ModelfleetEngine:
    """Implements `benchmarks.peers.engine.Engine`."""

    def __init__(self, engine: BatchingEngine) -> None:
        self._loop = asyncio.new_event_loop()
        self._engine = engine
        self._loop.run_until_complete(engine.start())

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """See `Engine.generate`."""

        async def one(prompt: Sequence[int]) -> list[int]:
            sampling = SamplingParams(temperature=0.0, max_tokens=new_tokens, ignore_eos=True)
            stream = await self._engine.generate(GenerationRequest("r", tuple(prompt), sampling))
            return [token async for delta in stream for token in delta.token_ids]

        async def together() -> list[list[int]]:
            return await asyncio.gather(*(one(prompt) for prompt in prompts))

        return self._loop.run_until_complete(together())


def load(model: Path, _work: Path, _workload: Workload, threads: int, variant: str) -> ModelfleetEngine:
    """See `Entry.load`. No prefix cache: the rounds ask for the same prompts again."""
    build()
    options = BatchingEngineOptions(
        threads=threads,
        linear_mode=LinearMode(variant),
        cache_type=CacheType.INT8 if variant == "int8" else CacheType.MODEL,
        max_context_tokens=1024,
        prefix_cache=False,
    )
    return ModelfleetEngine(BatchingEngine(model, name="peer", options=options))
