"""The CUDA kernel on the device, or on the CPU by Triton's interpreter (which tests/conftest.py switches on)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import reference
from service.engine.kernels.operations import best_operations
from service.engine.kernels.triton_decode import paged_decode

_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def _batch(
    lengths: list[int], *, kv_heads: int, group: int, head_dim: int, block_size: int = 16, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    counts = [-(-length // block_size) for length in lengths]
    order = torch.randperm(sum(counts) + 2, generator=generator).int()
    tables = torch.zeros((len(lengths), max(counts, default=0) + 1), dtype=torch.int32)
    for row, count in enumerate(counts):
        tables[row, :count] = order[sum(counts[:row]) :][:count]
    cache = torch.randn((2, len(order), kv_heads, block_size, head_dim), generator=generator)
    q = torch.randn((len(lengths), kv_heads * group, head_dim), generator=generator) * 3
    return q.to(_DEVICE), cache.to(_DEVICE), tables.to(_DEVICE), torch.tensor(lengths, dtype=torch.int32).to(_DEVICE)


def _expected(
    q: torch.Tensor, cache: torch.Tensor, tables: torch.Tensor, lengths: torch.Tensor, *, window: int = 0
) -> torch.Tensor:
    starts = torch.arange(len(q) + 1, dtype=torch.int32, device=q.device)
    return reference.paged_attention(q, cache, tables, lengths, starts, scale=0.2, window=window)


@given(
    lengths=st.lists(st.sampled_from([1, 2, 15, 16, 17, 63, 64, 65, 130, 200]), max_size=3),
    kv_heads=st.sampled_from([1, 2]),
    group=st.sampled_from([1, 2, 4, 8, 3, 20]),
    head_dim=st.sampled_from([16, 64, 80]),
    block_size=st.sampled_from([8, 16, 64]),
    window=st.sampled_from([0, 0, 1, 16, 70]),
    splits=st.sampled_from([None, 1, 2, 3, 8]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_decode_is_the_reference(
    *,
    lengths: list[int],
    kv_heads: int,
    group: int,
    head_dim: int,
    block_size: int,
    window: int,
    splits: int | None,
    seed: int,
) -> None:
    batch = _batch(lengths, kv_heads=kv_heads, group=group, head_dim=head_dim, block_size=block_size, seed=seed)
    out = paged_decode(*batch, scale=0.2, window=window, splits=splits)
    torch.testing.assert_close(out, _expected(*batch, window=window), rtol=1e-5, atol=1e-5)


def test_more_parts_than_tiles_change_nothing() -> None:
    batch = _batch([1, 40, 300], kv_heads=1, group=4, head_dim=16)
    for splits in (1, 5, 16):
        out = paged_decode(*batch, scale=0.2, splits=splits)
        torch.testing.assert_close(out, _expected(*batch), rtol=1e-5, atol=1e-5)


def test_what_is_not_seen_is_not_read() -> None:
    q, cache, tables, lengths = _batch([90], kv_heads=1, group=2, head_dim=16)
    expected = paged_decode(q, cache, tables, lengths, scale=0.2, window=10)
    poisoned = torch.full_like(cache, float("nan"))
    seen = tables[0, 80 // 16].long()
    poisoned[:, seen, :, :10] = cache[:, seen, :, :10]
    assert torch.equal(paged_decode(q, poisoned, tables, lengths, scale=0.2, window=10), expected)


def test_on_cuda_pieces_of_prompts_are_torchs_and_who_decodes_is_ours() -> None:
    attention = best_operations(torch.device("cuda")).paged_attention
    q, cache, tables, lengths = _batch([5, 90], kv_heads=1, group=2, head_dim=16)
    starts = torch.arange(3, dtype=torch.int32, device=q.device)
    assert torch.equal(
        attention(q, cache, tables, lengths, starts, scale=0.2), paged_decode(q, cache, tables, lengths, scale=0.2)
    )
    prompts = torch.cat([q, q])
    starts = torch.tensor([0, 3, 4], dtype=torch.int32, device=q.device)
    mixed = attention(prompts, cache, tables, lengths, starts, scale=0.2)
    plain = reference.paged_attention(prompts, cache, tables, lengths, starts, scale=0.2)
    assert torch.equal(mixed[:3], plain[:3])
    assert torch.equal(mixed[3:], paged_decode(prompts[3:], cache, tables[1:], lengths[1:], scale=0.2))


# The interpreter multiplies bfloat16 as the whole numbers that its bits spell.
@pytest.mark.parametrize("dtype", [torch.float16, *([torch.bfloat16] if _DEVICE == "cuda" else [])])
def test_half_precision_stays_close(dtype: torch.dtype) -> None:
    q, cache, tables, lengths = _batch([5, 200], kv_heads=2, group=2, head_dim=64)
    q, cache = q.to(dtype), cache.to(dtype)
    out = paged_decode(q, cache, tables, lengths, scale=0.2)
    assert out.dtype is dtype
    expected = _expected(q.float(), cache.float(), tables, lengths)
    torch.testing.assert_close(out.float(), expected, rtol=0.03, atol=0.03)


def test_shapes_that_do_not_fit_are_refused() -> None:
    q, cache, tables, lengths = _batch([5, 7], kv_heads=2, group=2, head_dim=16)
    with pytest.raises(ValueError, match=r"1 context lengths and 2 block tables don't fit together"):
        paged_decode(q, cache, tables, lengths[:1], scale=1.0)
