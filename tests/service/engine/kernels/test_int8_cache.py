from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from service.engine import reference
from service.engine.int8_cache import Int8Cache

if TYPE_CHECKING:
    from service.engine.kernels.operations import NativeKernels

HEADS, KV_HEADS, BLOCK_SIZE = 6, 2, 16


def _filled(kernels: NativeKernels, *, head_dim: int) -> tuple[Int8Cache, torch.Tensor, torch.Tensor]:
    """Sixty tokens in blocks 3, 0, 5 and 1: their cache, and keys and values as they were."""
    generator = torch.Generator().manual_seed(1)
    cache = Int8Cache.empty(6, KV_HEADS, BLOCK_SIZE, head_dim)
    keys, values = torch.randn((2, 60, KV_HEADS, head_dim), generator=generator)
    keys *= torch.logspace(-3, 3, 60)[:, None, None]
    places = torch.arange(60)
    slots = torch.tensor([3, 0, 5, 1])[places // BLOCK_SIZE] * BLOCK_SIZE + places % BLOCK_SIZE
    kernels.store_kv(keys[:40], values[:40], cache, slots[:40])
    kernels.store_kv(keys[40:], values[40:], cache, slots[40:])
    return cache, keys, values


@pytest.mark.parametrize("head_dim", [16, 24, 64])
def test_what_is_stored_is_within_half_a_step(kernels: NativeKernels, head_dim: int) -> None:
    cache, *stored = _filled(kernels, head_dim=head_dim)
    for part, given in enumerate(stored):
        found = cache.floats()[part, [3, 0, 5, 1]].transpose(1, 2).reshape(64, KV_HEADS, head_dim)
        step = given.abs().amax(dim=-1, keepdim=True) / 127
        assert ((found[:60] - given).abs() <= 0.501 * step).all()
        assert found[60:].count_nonzero() == 0
    assert cache.floats()[:, [2, 4]].count_nonzero() == 0


@pytest.mark.parametrize("window", [0, 20])
@pytest.mark.parametrize("head_dim", [16, 24, 64])
def test_attention_is_that_of_the_stored_floats(kernels: NativeKernels, head_dim: int, window: int) -> None:
    cache, _, _ = _filled(kernels, head_dim=head_dim)
    q = torch.randn((5, HEADS, head_dim), generator=torch.Generator().manual_seed(2)) * 0.01
    tables = torch.tensor([[3, 0, 5, 1], [3, 0, 5, 1]], dtype=torch.int32)
    lengths, starts = (torch.tensor(numbers, dtype=torch.int32) for numbers in ([60, 33], [0, 1, 5]))
    ours = kernels.paged_attention(q, cache, tables, lengths, starts, scale=1.0, window=window)
    theirs = reference.paged_attention(q, cache.floats(), tables, lengths, starts, scale=1.0, window=window)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_key_that_is_not_a_number_spoils_what_sees_it_alone(kernels: NativeKernels) -> None:
    cache, keys, values = _filled(kernels, head_dim=64)
    before = cache.floats()
    keys[7, 0, 5] = float("nan")
    kernels.store_kv(keys[7:8], values[7:8], cache, torch.tensor([3 * BLOCK_SIZE + 7]))
    after = cache.floats()
    spoilt = after.isnan().any(dim=-1).nonzero().tolist()
    assert spoilt == [[0, 3, 0, 7]]
    assert torch.equal(after.nan_to_num()[1], before[1])
