from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
import torch

from service.engine.kernels.joined_layers import JoinedLayers
from service.engine.kernels.operations import NativeKernels, operations_of
from service.engine.model.decoder import Decoder, PackedTokens
from service.engine.model.description import read_description
from service.engine.model.tensor_files import TensorFiles
from service.engine.operations import REFERENCE
from service.engine.reference import LinearMode
from tests.service.engine.tiny_models import CONTEXT_TOKENS, VOCABULARY, tiny_model

if TYPE_CHECKING:
    from service.engine.operations import Operations

BLOCK_SIZE = 8
DENSE = ["llama", "llama-biased-one-kv-head", "mistral-window", "qwen3", "gemma", "gemma3"]


def _decoder(shape: str, operations: Operations, mode: LinearMode) -> Decoder:
    folder, _ = tiny_model(shape)
    return Decoder(
        read_description(folder),
        TensorFiles(folder),
        operations,
        mode=mode,
        dtype=torch.float32,
        device=torch.device("cpu"),
        context_tokens=CONTEXT_TOKENS,
    )


def _step(requests: list[tuple[int, int]]) -> PackedTokens:
    """Requests are pairs of positions before this step and tokens of it; each has blocks of its own."""
    generator = torch.Generator().manual_seed(sum(before for before, _ in requests))
    most = 64 // BLOCK_SIZE
    tables = torch.arange(1, 1 + most * len(requests), dtype=torch.int32).flip(0).view(len(requests), most)
    places = [torch.arange(before, before + count) for before, count in requests]
    slots = [
        table[at // BLOCK_SIZE].long() * BLOCK_SIZE + at % BLOCK_SIZE for table, at in zip(tables, places, strict=True)
    ]
    counts = torch.tensor([count for _, count in requests])
    ends = counts.cumsum(0)
    return PackedTokens(
        token_ids=torch.randint(VOCABULARY, (int(ends[-1]),), generator=generator),
        positions=torch.cat(places),
        kv_slots=torch.cat(slots),
        query_starts=torch.cat([torch.zeros(1, dtype=torch.int64), ends]).int(),
        context_lens=torch.tensor([before + count for before, count in requests], dtype=torch.int32),
        block_tables=tables,
        logit_rows=ends - 1,
    )


@pytest.mark.parametrize("cache_type", [torch.float32, torch.bfloat16, torch.int8])
@pytest.mark.parametrize("mode", LinearMode)
@pytest.mark.parametrize("shape", DENSE)
def test_joined_layers_are_the_single_ones_to_the_last_bit(
    kernels: NativeKernels, shape: str, mode: LinearMode, cache_type: torch.dtype
) -> None:
    joined = operations_of(kernels)
    single = dataclasses.replace(joined, join_layers=None)
    decoders = [_decoder(shape, operations, mode) for operations in (joined, single)]
    assert isinstance(decoders[0]._all_layers, JoinedLayers)
    assert decoders[1]._all_layers is None
    caches = [decoder.new_cache(40, BLOCK_SIZE, cache_type) for decoder in decoders]
    for step in (_step([(0, 40), (0, 3)]), _step([(40, 1), (3, 1)]), _step([(41, 9), (4, 1), (0, 20)])):
        ours, theirs = (decoder(step, cache) for decoder, cache in zip(decoders, caches, strict=True))
        assert ours.isfinite().all()
        assert torch.equal(ours, theirs)


def test_a_mixture_of_experts_is_not_joined(kernels: NativeKernels) -> None:
    decoder = _decoder("qwen3-moe", operations_of(kernels), LinearMode.FP32)
    assert decoder._all_layers is None
    cache = decoder.new_cache(20, BLOCK_SIZE, torch.float32)
    assert decoder(_step([(0, 10)]), cache).isfinite().all()


@pytest.mark.parametrize("unfit", [{"head_dim": 24}, {"head_dim": 272}, {"heads": 66}])
def test_heads_that_the_attention_kernel_does_not_take_are_not_joined(
    kernels: NativeKernels, unfit: dict[str, int]
) -> None:
    decoder = _decoder("llama", operations_of(kernels), LinearMode.FP32)
    assert decoder.description.kv_heads == 2
    taken, refused = (
        kernels.join_layers(description, decoder._layers, decoder._rotations)
        for description in (decoder.description, dataclasses.replace(decoder.description, **unfit))
    )
    assert isinstance(taken, JoinedLayers)
    assert refused is None


def test_layers_of_other_operations_are_not_joined(kernels: NativeKernels) -> None:
    decoder = _decoder("llama", REFERENCE, LinearMode.FP32)
    assert decoder._all_layers is None
    assert kernels.join_layers(decoder.description, decoder._layers, decoder._rotations) is None


def test_a_cache_of_another_engine_is_not_mixed_up(kernels: NativeKernels) -> None:
    decoder = _decoder("qwen3", operations_of(kernels), LinearMode.FP32)
    assert isinstance(decoder._all_layers, JoinedLayers)
    first, second = (decoder.new_cache(20, BLOCK_SIZE, torch.float32) for _ in range(2))
    expected = decoder(_step([(0, 10)]), first)
    assert torch.equal(decoder(_step([(0, 10)]), second), expected)
    for a, b in zip(first, second, strict=True):
        assert isinstance(a, torch.Tensor)
        assert isinstance(b, torch.Tensor)
        assert torch.equal(a, b)
