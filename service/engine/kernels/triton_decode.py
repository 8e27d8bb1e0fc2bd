"""Attention of one query a request over a paged cache, for CUDA: split over the keys, then combined.

A decode step has few queries and long contexts: a program for each request and key head would leave most of a device
idle. So the keys are split as well; each program gives its part's weighted values, maximum and sum, and a second
kernel combines the parts (Flash-Decoding, Dao et al., 2023; the softmax's parts as in FlashAttention,
https://arxiv.org/abs/2205.14135; paged blocks, https://arxiv.org/abs/2309.06180).

How many parts there are depends on shapes alone, not on the lengths: nothing waits for the device, and a CUDA graph
that captured the two kernels stays right while requests grow.
"""

from __future__ import annotations

import math
from typing import Any, Final

import torch
import triton
import triton.language as tl

_TILE: Final = 64
"""Keys that a program loads at a time."""

_LEAST_ROWS: Final = 16
"""Rows of the smallest matrix product (tl.dot): the heads that share a key head are padded to it."""

_SPLIT_TOKENS: Final = 256
_PROGRAMS: Final = 528
"""Programs that fill a large device: four for each of 132 multiprocessors."""


def paged_decode(
    q: torch.Tensor,
    kv_cache: torch.Tensor,
    block_tables: torch.Tensor,
    context_lens: torch.Tensor,
    *,
    scale: float,
    window: int = 0,
    splits: int | None = None,
) -> torch.Tensor:
    """Attention where each request has one query, its last position.

    Args:
        q: (requests, heads, head_dim).
        kv_cache: (2, blocks, kv_heads, block_size, head_dim); keys, then values. Only what is seen is read.
        block_tables: (requests, most blocks) int32.
        context_lens: (requests,) int32, at least 1, with this step's token.
        scale: of the scores, before softmax.
        window: a query sees this many positions, itself included; 0 means all before it.
        splits: parts of the keys; by default as many as the shapes make worth while.

    Returns:
        (requests, heads, head_dim), as ``q``.

    Raises:
        ValueError: shapes don't fit together.
    """
    requests, heads, head_dim = q.shape
    _, _, kv_heads, block_size, width = kv_cache.shape
    if width != head_dim or heads % kv_heads != 0 or len(context_lens) != requests or len(block_tables) != requests:
        raise ValueError(
            f"q {tuple(q.shape)}, cache {tuple(kv_cache.shape)}, {len(context_lens)} context lengths and "
            f"{len(block_tables)} block tables don't fit together"
        )
    group = heads // kv_heads
    most_tokens = block_tables.shape[1] * block_size
    if window:
        most_tokens = min(most_tokens, window)
    if splits is None:
        splits = _worthwhile_splits(requests * kv_heads, most_tokens)
    q = q.contiguous()
    out = torch.empty_like(q)
    if requests == 0:
        return out
    parts = torch.empty((requests, heads, splits, head_dim), dtype=torch.float32, device=q.device)
    maxima = torch.empty((requests, heads, splits), dtype=torch.float32, device=q.device)
    sums = torch.empty_like(maxima)
    padded_width = triton.next_power_of_2(head_dim)
    # A kernel's launcher takes tensors and numbers where the kernel itself has Triton's own types.
    decode_part: Any = _decode_part[requests, kv_heads, splits]
    combine_parts: Any = _combine_parts[requests, heads]
    decode_part(
        q,
        kv_cache,
        block_tables,
        context_lens,
        parts,
        maxima,
        sums,
        scale * math.log2(math.e),
        window,
        kv_cache.stride(0),
        kv_cache.stride(1),
        kv_cache.stride(2),
        block_tables.stride(0),
        splits,
        GROUP=group,
        ROWS=max(_LEAST_ROWS, triton.next_power_of_2(group)),
        WIDTH=head_dim,
        PADDED_WIDTH=padded_width,
        BLOCK_SIZE=block_size,
        TILE=_TILE,
    )
    combine_parts(
        parts,
        maxima,
        sums,
        out,
        splits,
        WIDTH=head_dim,
        PADDED_WIDTH=padded_width,
        PADDED_SPLITS=triton.next_power_of_2(splits),
    )
    return out


def _worthwhile_splits(programs: int, most_tokens: int) -> int:
    """Enough to fill the device, and no part shorter than its start and end are worth."""
    wanted = -(-_PROGRAMS // max(programs, 1))
    return max(1, min(wanted, -(-most_tokens // _SPLIT_TOKENS)))


@triton.jit
def _decode_part(  # noqa: PLR0917 - launched by place, as pointers are
    q: tl.tensor,
    kv_cache: tl.tensor,
    block_tables: tl.tensor,
    context_lens: tl.tensor,
    parts: tl.tensor,
    maxima: tl.tensor,
    sums: tl.tensor,
    log2_scale: tl.tensor,
    window: tl.tensor,
    value_offset: tl.tensor,
    block_stride: tl.tensor,
    head_stride: tl.tensor,
    table_stride: tl.tensor,
    splits: tl.tensor,
    GROUP: tl.constexpr,  # noqa: N803 - compile-time constants are upper case in Triton
    ROWS: tl.constexpr,  # noqa: N803
    WIDTH: tl.constexpr,  # noqa: N803
    PADDED_WIDTH: tl.constexpr,  # noqa: N803
    BLOCK_SIZE: tl.constexpr,  # noqa: N803
    TILE: tl.constexpr,  # noqa: N803
) -> None:
    """One part of one request's keys, for the query heads of one key head."""
    request = tl.program_id(0)
    kv_head = tl.program_id(1)
    split = tl.program_id(2)
    heads = tl.num_programs(1) * GROUP
    row = tl.arange(0, ROWS)
    column = tl.arange(0, PADDED_WIDTH)
    head = kv_head * GROUP + row
    valid = (row < GROUP)[:, None] & (column < WIDTH)[None, :]
    query = tl.load(q + (request * heads + head)[:, None] * WIDTH + column[None, :], mask=valid, other=0.0)

    end = tl.load(context_lens + request)
    start = tl.where(window > 0, tl.maximum(end - window, 0), 0)
    # Whole tiles, so that no tile is shared by two parts.
    tokens = tl.cdiv(tl.cdiv(end - start, splits), TILE) * TILE
    first = start + split * tokens
    last = tl.minimum(first + tokens, end)

    most = tl.full((ROWS,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((ROWS,), dtype=tl.float32)
    weighted = tl.zeros((ROWS, PADDED_WIDTH), dtype=tl.float32)
    for tile in range(first, last, TILE):
        token = tile + tl.arange(0, TILE)
        seen = token < last
        block = tl.load(block_tables + request * table_stride + token // BLOCK_SIZE, mask=seen, other=0).to(tl.int64)
        place = block * block_stride + kv_head * head_stride + (token % BLOCK_SIZE) * WIDTH
        stored = kv_cache + place[:, None] + column[None, :]
        loaded = seen[:, None] & (column < WIDTH)[None, :]
        keys = tl.load(stored, mask=loaded, other=0.0)
        # "ieee": the products of fp32 stay fp32, instead of being cut to TF32.
        scores = tl.dot(query, tl.trans(keys).to(query.dtype), input_precision="ieee") * log2_scale
        scores = tl.where(seen[None, :], scores, float("-inf"))
        highest = tl.maximum(most, tl.max(scores, axis=1))
        weights = tl.exp2(scores - highest[:, None])
        factor = tl.exp2(most - highest)
        total = total * factor + tl.sum(weights, axis=1)
        values = tl.load(stored + value_offset, mask=loaded, other=0.0)
        product = tl.dot(weights.to(query.dtype), values.to(query.dtype), input_precision="ieee")
        weighted = weighted * factor[:, None] + product
        most = highest

    at = (request * heads + head) * splits + split
    tl.store(parts + at[:, None] * WIDTH + column[None, :], weighted, mask=valid)
    tl.store(maxima + at, most, mask=row < GROUP)
    tl.store(sums + at, total, mask=row < GROUP)


@triton.jit
def _combine_parts(  # noqa: PLR0917
    parts: tl.tensor,
    maxima: tl.tensor,
    sums: tl.tensor,
    out: tl.tensor,
    splits: tl.tensor,
    WIDTH: tl.constexpr,  # noqa: N803
    PADDED_WIDTH: tl.constexpr,  # noqa: N803
    PADDED_SPLITS: tl.constexpr,  # noqa: N803
) -> None:
    """One head's parts; a part that saw nothing has a maximum of -infinity and counts for nothing."""
    at = tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)
    split = tl.arange(0, PADDED_SPLITS)
    column = tl.arange(0, PADDED_WIDTH)
    most = tl.load(maxima + at * splits + split, mask=split < splits, other=float("-inf"))
    factor = tl.exp2(most - tl.max(most, axis=0))
    total = tl.sum(tl.load(sums + at * splits + split, mask=split < splits, other=0.0) * factor, axis=0)
    valid = (split < splits)[:, None] & (column < WIDTH)[None, :]
    weighted = tl.load(parts + (at * splits + split)[:, None] * WIDTH + column[None, :], mask=valid, other=0.0)
    combined = tl.sum(weighted * factor[:, None], axis=0) / total
    tl.store(out + at * WIDTH + column, combined.to(out.dtype.element_ty), mask=column < WIDTH)
