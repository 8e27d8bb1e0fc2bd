from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import reference
from service.engine.int8_cache import Int8Cache

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.engine.kernels.operations import NativeKernels


@dataclass(frozen=True)
class Batch:
    q: torch.Tensor
    kv_cache: torch.Tensor
    block_tables: torch.Tensor
    context_lens: torch.Tensor
    query_starts: torch.Tensor
    scale: float
    window: int

    def run(self, attention: Callable[..., torch.Tensor], **changed: torch.Tensor) -> torch.Tensor:
        tensors: dict[str, Any] = {
            name: changed.get(name, getattr(self, name))
            for name in ("q", "kv_cache", "block_tables", "context_lens", "query_starts")
        }
        return attention(**tensors, scale=self.scale, window=self.window)

    def in_doubles(self) -> torch.Tensor:
        """By the definition, one query and head at a time."""
        out = torch.empty(self.q.shape, dtype=torch.float64)
        block_size, group = self.kv_cache.shape[3], self.q.shape[1] // self.kv_cache.shape[2]
        for request, context_len in enumerate(self.context_lens.tolist()):
            places = torch.arange(context_len)
            blocks = self.block_tables[request, places // block_size].long()
            keys, values = self.kv_cache[:, blocks, :, places % block_size].double().unbind(1)
            start, end = self.query_starts[request : request + 2].tolist()
            for token in range(start, end):
                position = context_len - end + token
                first = max(0, position + 1 - self.window) if self.window else 0
                for head in range(self.q.shape[1]):
                    seen = slice(first, position + 1)
                    scores = keys[seen, head // group] @ self.q[token, head].double() * self.scale
                    out[token, head] = scores.softmax(0) @ values[seen, head // group]
        return out


def make_batch(
    requests: list[tuple[int, int]],
    *,
    kv_heads: int = 2,
    group: int = 2,
    head_dim: int = 16,
    block_size: int = 16,
    window: int = 0,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Batch:
    """Requests are pairs of tokens in the cache before this step, and tokens of this step."""
    generator = torch.Generator().manual_seed(seed)
    lengths = [cached + queries for cached, queries in requests]
    counts = [math.ceil(length / block_size) for length in lengths]
    spare = 2
    order = torch.randperm(sum(counts) + spare, generator=generator).int()
    # What no request may read is poison. The tables' unused places hold any valid block.
    tables = torch.zeros((len(requests), max(counts, default=0) + 1), dtype=torch.int32)
    cache = torch.full((2, len(order), kv_heads, block_size, head_dim), float("nan"))
    taken = 0
    for row, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        blocks = order[taken : taken + count]
        taken += count
        tables[row, :count] = blocks
        places = torch.arange(length)
        keys_values = torch.randn((2, length, kv_heads, head_dim), generator=generator)
        cache[:, blocks[places // block_size].long(), :, places % block_size] = keys_values.transpose(0, 1)
    queries = [count for _, count in requests]
    return Batch(
        q=torch.randn((sum(queries), kv_heads * group, head_dim), generator=generator) * 3,
        kv_cache=cache.to(dtype),
        block_tables=tables,
        context_lens=torch.tensor(lengths, dtype=torch.int32),
        query_starts=torch.tensor([sum(queries[:row]) for row in range(len(requests) + 1)], dtype=torch.int32),
        scale=head_dim**-0.5,
        window=window,
    )


REQUESTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 15, 16, 17, 63, 64, 70, 130]), st.sampled_from([1, 1, 1, 2, 9, 33, 65])),
    min_size=0,
    max_size=4,
)


@given(
    requests=REQUESTS,
    kv_heads=st.sampled_from([1, 2, 3]),
    group=st.sampled_from([1, 2, 3, 4, 8]),
    head_dim=st.sampled_from([16, 48, 64, 80, 128, 256]),
    block_size=st.sampled_from([1, 5, 16, 64, 100]),
    window=st.sampled_from([0, 0, 1, 7, 16, 64, 100]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_attention_is_the_definition(
    *,
    kernels: NativeKernels,
    requests: list[tuple[int, int]],
    kv_heads: int,
    group: int,
    head_dim: int,
    block_size: int,
    window: int,
    dtype: torch.dtype,
    seed: int,
) -> None:
    batch = make_batch(
        requests,
        kv_heads=kv_heads,
        group=group,
        head_dim=head_dim,
        block_size=block_size,
        window=window,
        dtype=dtype,
        seed=seed,
    )
    out = batch.run(kernels.paged_attention)
    assert out.shape == batch.q.shape
    torch.testing.assert_close(out.double(), batch.in_doubles(), rtol=1e-5, atol=1e-5)


def test_attention_is_the_reference(kernels: NativeKernels) -> None:
    batch = make_batch([(40, 1), (0, 50), (7, 3), (100, 1)], kv_heads=4, group=3, head_dim=64, window=30)
    torch.testing.assert_close(
        batch.run(kernels.paged_attention), batch.run(reference.paged_attention), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("window", [0, 20])
def test_a_token_does_not_depend_on_how_its_request_was_cut(kernels: NativeKernels, window: int) -> None:
    whole = make_batch([(0, 150)], kv_heads=2, group=3, head_dim=64, window=window)
    expected = whole.run(kernels.paged_attention)
    start = 0
    for end in (1, 2, 40, 77, 149, 150):
        piece = whole.run(
            kernels.paged_attention,
            q=whole.q[start:end],
            context_lens=torch.tensor([end], dtype=torch.int32),
            query_starts=torch.tensor([0, end - start], dtype=torch.int32),
        )
        assert torch.equal(piece, expected[start:end])
        start = end


def test_a_request_does_not_depend_on_the_others(kernels: NativeKernels) -> None:
    batch = make_batch([(30, 1), (5, 40), (90, 1)], kv_heads=2, group=4, head_dim=32)
    together = batch.run(kernels.paged_attention)
    alone = batch.run(
        kernels.paged_attention,
        q=batch.q[1:41],
        block_tables=batch.block_tables[1:2],
        context_lens=batch.context_lens[1:2],
        query_starts=torch.tensor([0, 40], dtype=torch.int32),
    )
    assert torch.equal(alone, together[1:41])


def test_blocks_before_the_window_are_not_read(kernels: NativeKernels) -> None:
    batch = make_batch([(100, 1)], window=16)
    expected = batch.run(kernels.paged_attention)
    tables = batch.block_tables.clone()
    tables[0, :5] = 1_000_000_000  # positions 0 to 79; the window is 85 to 100
    assert torch.equal(batch.run(kernels.paged_attention, block_tables=tables), expected)


def test_queries_may_be_a_slice_of_the_packed_projections(kernels: NativeKernels) -> None:
    batch = make_batch([(3, 5), (9, 1)], head_dim=32)
    qkv = torch.cat([batch.q, torch.full((6, 4, 32), float("nan"))], dim=1)
    assert torch.equal(batch.run(kernels.paged_attention, q=qkv[:, :4]), batch.run(kernels.paged_attention))


def test_large_scores_do_not_overflow(kernels: NativeKernels) -> None:
    batch = make_batch([(200, 1), (0, 20)])
    huge = Batch(batch.q * 1e4, *(getattr(batch, name) for name in list(Batch.__annotations__)[1:]))
    torch.testing.assert_close(huge.run(kernels.paged_attention).double(), huge.in_doubles(), rtol=1e-4, atol=1e-4)


def test_a_poisoned_request_is_poisoned_alone(kernels: NativeKernels) -> None:
    batch = make_batch([(30, 1), (30, 2), (30, 1)])
    healthy = batch.run(kernels.paged_attention)
    q = batch.q.clone()
    q[1] = float("nan")
    out = batch.run(kernels.paged_attention, q=q)
    assert out[1].isnan().all()
    assert torch.equal(out[[0, 2, 3]], healthy[[0, 2, 3]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
@pytest.mark.parametrize(("head_dim", "group"), [(16, 2), (24, 2), (16, 33)])
def test_what_another_request_left_in_a_block_is_never_seen(
    kernels: NativeKernels, head_dim: int, group: int, dtype: torch.dtype
) -> None:
    """Whether a kernel attends or, for heads that none fits, the reference: blocks are not cleared between requests."""
    generator = torch.Generator().manual_seed(0)
    # A request that decodes its third token, one that decodes its fortieth, a prompt of five.
    tables = torch.tensor([[3, 6, 6], [0, 5, 1], [4, 6, 6]], dtype=torch.int32)
    lengths, starts = torch.tensor([3, 40, 5], dtype=torch.int32), torch.tensor([0, 1, 2, 7], dtype=torch.int32)
    places = [torch.arange(length) for length in lengths.tolist()]
    slots = torch.cat([row[at // 16].long() * 16 + at % 16 for row, at in zip(tables, places, strict=True)])
    k, v = torch.randn((2, len(slots), 1, head_dim), generator=generator)
    q = torch.randn((7, group, head_dim), generator=generator)
    found = []
    for left in (0.0, math.nan, math.inf):
        if dtype is torch.int8:
            cache: torch.Tensor | Int8Cache = Int8Cache.empty(7, 1, 16, head_dim)
        else:
            cache = torch.zeros((2, 7, 1, 16, head_dim), dtype=dtype)
        kernels.store_kv(*torch.full((2, 7 * 16, 1, head_dim), left), cache, torch.arange(7 * 16))
        kernels.store_kv(k, v, cache, slots)
        found.append(kernels.paged_attention(q, cache, tables, lengths, starts, scale=0.25))
    assert found[0].isfinite().all()
    assert torch.equal(found[1], found[0])
    assert torch.equal(found[2], found[0])


@pytest.mark.parametrize("unfit", ["head size", "double", "many heads"])
def test_what_no_kernel_fits_goes_to_the_reference(kernels: NativeKernels, unfit: str) -> None:
    batch = make_batch([(5, 2)], head_dim=24 if unfit == "head size" else 16, group=33 if unfit == "many heads" else 2)
    dtype = torch.float64 if unfit == "double" else torch.float32
    changed = {"kv_cache": batch.kv_cache.to(dtype), "q": batch.q.to(dtype)}
    assert torch.equal(batch.run(kernels.paged_attention, **changed), batch.run(reference.paged_attention, **changed))


def test_shapes_and_types_that_do_not_fit_are_refused(kernels: NativeKernels) -> None:
    batch = make_batch([(5, 2)])
    with pytest.raises(ValueError, match=r"have to be int32, not torch.int64"):
        batch.run(kernels.paged_attention, block_tables=batch.block_tables.long())
    with pytest.raises(ValueError, match=r"1 context lengths and 3 query starts don't fit together"):
        batch.run(kernels.paged_attention, query_starts=torch.zeros(3, dtype=torch.int32))
    with pytest.raises(ValueError, match=r"q \(2, 3, 16\), cache \(2, 3, 2, 16, 16\)"):
        batch.run(kernels.paged_attention, q=batch.q[:, :3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@given(tokens=st.sampled_from([0, 1, 5, 40]), block_size=st.sampled_from([1, 5, 16]), seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_keys_and_values_go_to_their_slots(
    *, kernels: NativeKernels, dtype: torch.dtype, tokens: int, block_size: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    qkv = torch.randn((tokens, 9, 48), generator=generator)
    slots = torch.randperm(50 * block_size, generator=generator)[:tokens]
    ours = torch.randn((2, 50, 3, block_size, 48), generator=generator).to(dtype)
    theirs = ours.clone()
    kernels.store_kv(qkv[:, 3:6], qkv[:, 6:], ours, slots)
    reference.store_kv(qkv[:, 3:6], qkv[:, 6:], theirs, slots)
    assert torch.equal(ours, theirs)


def test_keys_that_do_not_fit_the_cache_are_refused(kernels: NativeKernels) -> None:
    cache, k = torch.zeros(2, 4, 3, 16, 48), torch.zeros(5, 3, 48)
    with pytest.raises(ValueError, match=r"v \(5, 3, 48\), cache \(2, 4, 3, 16, 48\) and 4 slots don't fit together"):
        kernels.store_kv(k, k, cache, torch.arange(4))
    with pytest.raises(ValueError, match=r"k \(5, 3, 32\)"):
        kernels.store_kv(k[..., :32], k[..., :32], cache, torch.arange(5))
