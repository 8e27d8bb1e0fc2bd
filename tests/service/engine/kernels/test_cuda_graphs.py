"""Steps that are replayed over the same tensors give what computing them anew gives.

On a CUDA device they are graphs; elsewhere a replay computes again, which shows all but the capture itself.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import torch

from service.engine.kernels.cuda_graphs import Captured, GraphedDecoder, batch_sizes
from service.engine.kernels.operations import best_operations
from service.engine.model.decoder import Decoder, PackedTokens
from service.engine.model.description import read_description
from service.engine.model.tensor_files import TensorFiles
from service.engine.operations import REFERENCE
from service.engine.reference import LinearMode
from tests.service.engine.tiny_models import CONTEXT_TOKENS, VOCABULARY, tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable

_DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
_BLOCK, _BLOCKS, _MOST_REQUESTS, _MOST_BLOCKS = 4, 60, 7, 8


def _computed_again(compute: Callable[[], torch.Tensor]) -> Captured:
    logits = compute()
    return Captured(lambda: logits.copy_(compute()), logits)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    folder, _ = tiny_model("qwen3")
    return Decoder(
        read_description(folder),
        TensorFiles(folder),
        best_operations(_DEVICE) if _DEVICE.type == "cuda" else REFERENCE,
        mode=LinearMode.FP32,
        dtype=torch.float32,
        device=_DEVICE,
        context_tokens=CONTEXT_TOKENS,
    )


def _step(contexts: list[int], tables: torch.Tensor, generator: torch.Generator) -> PackedTokens:
    """A token for each of some requests, after what their contexts hold."""
    count, positions = len(contexts), torch.tensor(contexts)
    # As wide as the longest request needs, which changes from step to step.
    used = tables[:count, : max(contexts) // _BLOCK + 1]
    places = used[torch.arange(count), positions // _BLOCK] * _BLOCK + positions % _BLOCK
    return PackedTokens(
        *(
            tensor.to(_DEVICE)
            for tensor in (
                torch.randint(VOCABULARY, (count,), generator=generator),
                positions,
                places,
                torch.arange(count + 1, dtype=torch.int32),
                (positions + 1).int(),
                used.int(),
                torch.arange(count),
            )
        )
    )


def test_replayed_steps_are_those_computed_anew(decoder: Decoder) -> None:
    generator = torch.Generator().manual_seed(5)
    caches = [decoder.new_cache(_BLOCKS, _BLOCK, torch.float32) for _ in range(2)]
    tables = (torch.randperm(_BLOCKS - 1, generator=generator) + 1)[: _MOST_REQUESTS * _MOST_BLOCKS]
    tables = tables.view(_MOST_REQUESTS, _MOST_BLOCKS)
    capture = None if _DEVICE.type == "cuda" else _computed_again
    graphed = GraphedDecoder(
        decoder, caches[0], most_requests=_MOST_REQUESTS, most_blocks=_MOST_BLOCKS, capture=capture
    )
    contexts = [0] * _MOST_REQUESTS
    # Fewer requests after more: the rows that are spare then still know where the others' keys were kept.
    for count in (7, 2, 5, 1, 6, 3, 4, 7, 1, 1, 5):
        step = _step(contexts[:count], tables, generator)
        found, expected = graphed(step, caches[0]), decoder(step, caches[1])
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        for ours, plain in zip(caches[0], caches[1], strict=True):
            assert isinstance(ours, torch.Tensor)
            assert isinstance(plain, torch.Tensor)
            torch.testing.assert_close(ours[:, 1:], plain[:, 1:], rtol=1e-5, atol=1e-5)  # all but the null block
        contexts[:count] = [context + 1 for context in contexts[:count]]


def test_rows_that_nobody_asks_for_are_left_out_and_prompts_are_not_replayed(decoder: Decoder) -> None:
    generator = torch.Generator().manual_seed(6)
    cache = decoder.new_cache(_BLOCKS, _BLOCK, torch.float32)
    replays: list[int] = []

    def counted(compute: Callable[[], torch.Tensor]) -> Captured:
        replay, logits = _computed_again(compute)
        return Captured(lambda: (replays.append(len(logits)), replay()), logits)

    graphed = GraphedDecoder(decoder, cache, most_requests=3, most_blocks=_MOST_BLOCKS, capture=counted)
    tables = torch.arange(1, 1 + 3 * _MOST_BLOCKS).view(3, _MOST_BLOCKS)
    step = _step([0, 0], tables, generator)
    whole = graphed(step, cache).clone()
    last = PackedTokens(
        step.token_ids, step.positions, step.kv_slots, step.query_starts, step.context_lens, step.block_tables,
        logit_rows=torch.tensor([1], device=_DEVICE),
    )  # fmt: skip
    torch.testing.assert_close(graphed(last, cache), whole[1:])
    assert replays == [2, 2]
    prompt = PackedTokens(
        token_ids=torch.tensor([1, 2], device=_DEVICE),
        positions=torch.arange(2, device=_DEVICE),
        kv_slots=torch.arange(_BLOCK, _BLOCK + 2, device=_DEVICE),
        query_starts=torch.tensor([0, 2], dtype=torch.int32, device=_DEVICE),
        context_lens=torch.tensor([2], dtype=torch.int32, device=_DEVICE),
        block_tables=torch.ones((1, 1), dtype=torch.int32, device=_DEVICE),
        logit_rows=torch.tensor([1], device=_DEVICE),
    )
    assert graphed(prompt, cache).shape == (1, VOCABULARY)
    assert replays == [2, 2]


def test_batch_sizes_waste_at_most_half_and_end_with_the_most() -> None:
    assert batch_sizes(1) == [1]
    assert batch_sizes(20) == [1, 2, 3, 4, 6, 8, 12, 16, 20]
    for most in range(1, 300):
        sizes = batch_sizes(most)
        assert sizes[-1] == most
        assert all(later <= 1.5 * (earlier + 1) for earlier, later in itertools.pairwise(sizes))
