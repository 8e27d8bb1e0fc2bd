"""The engine as its users see it: requests in, deltas out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import Qwen3ForCausalLM

from service.engine.batching_engine import BatchingEngine
from service.engine.interface import Delta, GenerationRequest, SamplingParams
from service.engine.loading import BatchingEngineOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PROMPTS = [tuple(range(start, start + length)) for start, length in ((5, 1), (20, 7), (40, 60), (3, 130))]
_GREEDY = SamplingParams(temperature=0.0, max_tokens=24)


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[BatchingEngine]:
    options = BatchingEngineOptions(max_running=4, token_budget=64, cache_tokens=1024, threads=1, check_when_idle=True)
    engine = BatchingEngine(model_folder, name="tiny", options=options)
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.stop())


async def collect(engine: BatchingEngine, request: GenerationRequest) -> list[Delta]:
    return [delta async for delta in await engine.generate(request)]


def tokens(deltas: list[Delta]) -> list[int]:
    return [token for delta in deltas for token in delta.token_ids]


async def test_greedy_tokens_equal_those_of_transformers(engine: BatchingEngine, model_folder: Path) -> None:
    oracle: Any = Qwen3ForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    answers = await asyncio.gather(
        *(collect(engine, GenerationRequest(f"r{n}", prompt, _GREEDY)) for n, prompt in enumerate(_PROMPTS))
    )
    for prompt, deltas in zip(_PROMPTS, answers, strict=True):
        expected = oracle.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False)[0, len(prompt) :]
        assert tokens(deltas) == expected.tolist()
