"""The engine's operations in plain torch: what they mean, and the fallback where no kernel of ours fits.

`service.engine.kernels` offers the same names with the same signatures. Shapes follow one convention: a step's
tokens are packed without padding, one request's tokens behind the other's; keys and values live in blocks of
``block_size`` positions (paged attention, https://arxiv.org/abs/2309.06180).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.nn import functional

from service.engine.int8_cache import Int8Cache

if TYPE_CHECKING:
    from collections.abc import Callable

# Symmetric quantisation to 8 bits uses -127..127; -128 has no positive counterpart.
_INT8_MAX = 127.0


class Decode(Protocol):
    """Attention of requests that have one query each."""

    def __call__(
        self,
        q: torch.Tensor,
        kv_cache: Any,
        block_tables: torch.Tensor,
        context_lens: torch.Tensor,
        *,
        scale: float,
        window: int,
    ) -> torch.Tensor:
        """See `paged_attention`, but for ``query_starts``: row r of ``q`` is request r's."""
        ...


class LinearMode(enum.StrEnum):
    """How a linear layer's weights are kept and multiplied."""

    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"
    """8-bit weights per output channel, activations quantised to 8 bits per token as they come (W8A8)."""


class CacheType(enum.StrEnum):
    """How keys and values are kept."""

    MODEL = "model"
    """As the model computes: bf16 where its layers are, otherwise fp32."""
    INT8 = "int8"
    """8 bits and a scale for each position and head; on CPUs."""


def prepare_linear(
    weight: torch.Tensor, bias: torch.Tensor | None, mode: LinearMode
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A linear layer that is ready to run.

    Args:
        weight: (outputs, inputs), any float type.
        bias: (outputs,) or None.
        mode: of the stored weights.

    Returns:
        Takes (tokens, inputs) of any float type and gives (tokens, outputs) of the same type.
    """
    match mode:
        case LinearMode.FP32 | LinearMode.BF16:
            stored = torch.float32 if mode is LinearMode.FP32 else torch.bfloat16
            return _linear(weight.to(stored), None if bias is None else bias.to(stored))
        case LinearMode.INT8:
            return _linear_int8(weight, bias)


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> Callable[[torch.Tensor], torch.Tensor]:
    def apply(x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x.to(weight.dtype), weight, bias).to(x.dtype)

    return apply


def _linear_int8(weight: torch.Tensor, bias: torch.Tensor | None) -> Callable[[torch.Tensor], torch.Tensor]:
    scales, quantised = _quantise(weight.float())
    # Whole numbers in floats: torch's product of floats is faster than its product of integers.
    quantised = quantised.t().contiguous()
    scales = scales.t()

    def apply(x: torch.Tensor) -> torch.Tensor:
        x_scales, x_quantised = _quantise(x.float())
        y = (x_quantised @ quantised) * (x_scales * scales)
        return (y if bias is None else y + bias.float()).to(x.dtype)

    return apply


def _quantise(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scales = rows.abs().amax(dim=-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / _INT8_MAX
    return scales, (rows / scales).round()


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Root-mean-square normalisation over the last dimension (https://arxiv.org/abs/1910.07467).

    Args:
        x: (..., size).
        weight: (size,).
        eps: added to the mean square.

    Returns:
        As ``x``.
    """
    wide = x.float()
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return (normed * weight.float()).to(x.dtype)


def rope(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotary position embedding, dimension i paired with i + head_dim / 2 (https://arxiv.org/abs/2104.09864).

    Args:
        q: (tokens, heads, head_dim).
        k: (tokens, kv_heads, head_dim).
        cos: (tokens, head_dim / 2), float32.
        sin: (tokens, head_dim / 2), float32.

    Returns:
        Both rotated; as ``q`` and ``k``.
    """
    return _rotate(q, cos, sin), _rotate(k, cos, sin)


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = x.float().chunk(2, dim=-1)
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


def silu_mul(gate_up: torch.Tensor) -> torch.Tensor:
    """SwiGLU's gate (https://arxiv.org/abs/2002.05202).

    Args:
        gate_up: (tokens, 2 x size): gate, then up.

    Returns:
        silu(gate) x up, (tokens, size).
    """
    gate, up = gate_up.chunk(2, dim=-1)
    return functional.silu(gate) * up


def gelu_mul(gate_up: torch.Tensor) -> torch.Tensor:
    """GeGLU's gate with the tanh approximation; shapes as in `silu_mul`."""
    gate, up = gate_up.chunk(2, dim=-1)
    return functional.gelu(gate, approximate="tanh") * up


def store_kv(k: torch.Tensor, v: torch.Tensor, kv_cache: torch.Tensor | Int8Cache, slots: torch.Tensor) -> None:
    """Writes keys and values to their places; what isn't finite becomes zero.

    The compiled kernels keep what isn't finite, so that it spoils the request that it belongs to for all to see. Nobody
    else sees it either way: attention has to keep out what a request doesn't see, whatever the cache holds there.

    Args:
        k: (tokens, kv_heads, head_dim).
        v: as ``k``.
        kv_cache: (2, blocks, kv_heads, block_size, head_dim); keys, then values. Or an `Int8Cache`.
        slots: (tokens,) int64, block x block_size + offset; all different.
    """
    block_size = kv_cache.shape[3]
    blocks, offsets = slots // block_size, slots % block_size
    if isinstance(kv_cache, Int8Cache):
        for part, rows in enumerate((k, v)):
            scales, quantised = _quantise(rows.float().nan_to_num(0.0, 0.0, 0.0))
            kv_cache.values[part][blocks, :, offsets] = quantised.to(torch.int8)
            kv_cache.scales[part][blocks, :, offsets] = scales[..., 0]
        return
    kv_cache[0][blocks, :, offsets] = k.nan_to_num(0.0, 0.0, 0.0).to(kv_cache.dtype)
    kv_cache[1][blocks, :, offsets] = v.nan_to_num(0.0, 0.0, 0.0).to(kv_cache.dtype)


def paged_attention(
    q: torch.Tensor,
    kv_cache: torch.Tensor | Int8Cache,
    block_tables: torch.Tensor,
    context_lens: torch.Tensor,
    query_starts: torch.Tensor,
    *,
    scale: float,
    window: int = 0,
    decode: Decode | None = None,
) -> torch.Tensor:
    """Causal attention of each request's queries over its own blocks.

    A request's queries are its last positions: query i of n stands at ``context_len - n + i``.

    Args:
        q: (tokens, heads, head_dim), packed; ``heads`` is a multiple of ``kv_heads`` (grouped queries,
            https://arxiv.org/abs/2305.13245): head h reads key head ``h // (heads / kv_heads)``.
        kv_cache: (2, blocks, kv_heads, block_size, head_dim). Behind a request's positions it may hold anything, as
            another request has left it.
        block_tables: (requests, most blocks) int32; places behind a request's blocks hold any valid block.
        context_lens: (requests,) int32, length including this step's tokens.
        query_starts: (requests + 1,) int32, where each request's queries begin; each has at least one.
        scale: of the scores, before softmax.
        window: a query sees this many positions, itself included; 0 means all before it.
        decode: computes the requests that have one query; by default plain torch.

    Returns:
        (tokens, heads, head_dim), as ``q``.
    """
    decode = _one_query_each if decode is None else decode
    lengths = query_starts[1:] - query_starts[:-1]
    output = torch.empty_like(q)
    decoding = (lengths == 1).nonzero().flatten()
    if len(decoding):
        at = query_starts[decoding].long()
        output[at] = decode(q[at], kv_cache, block_tables[decoding], context_lens[decoding], scale=scale, window=window)
    for row in (lengths > 1).nonzero().flatten().tolist():
        start, end = int(query_starts[row]), int(query_starts[row + 1])
        output[start:end] = _many_queries(
            q[start:end], kv_cache, block_tables[row], int(context_lens[row]), scale=scale, window=window
        )
    return output


def _one_query_each(
    q: torch.Tensor,
    kv_cache: torch.Tensor | Int8Cache,
    block_tables: torch.Tensor,
    context_lens: torch.Tensor,
    *,
    scale: float,
    window: int,
) -> torch.Tensor:
    """One query a request; the group of heads that shares a key head is folded into the query dimension."""
    requests, heads, head_dim = q.shape
    _, _, kv_heads, block_size, _ = kv_cache.shape
    most = int(context_lens.max())
    blocks = block_tables[:, : -(-most // block_size)]
    keys, values = _gather(kv_cache, blocks, q.dtype)
    positions = torch.arange(keys.shape[2], device=q.device)
    seen = positions < context_lens[:, None]
    # A weight of zero isn't enough: zero times what another request may have left there, a NaN say, is NaN.
    others = ~seen[:, None, :, None]
    keys.masked_fill_(others, 0.0)
    values.masked_fill_(others, 0.0)
    if window:
        seen &= positions >= context_lens[:, None] - window
    folded = q.view(requests, kv_heads, heads // kv_heads, head_dim)
    attended = functional.scaled_dot_product_attention(
        folded, keys, values, attn_mask=seen[:, None, None, :], scale=scale
    )
    return attended.reshape(requests, heads, head_dim)


def _many_queries(
    q: torch.Tensor,
    kv_cache: torch.Tensor | Int8Cache,
    block_table: torch.Tensor,
    context_len: int,
    *,
    scale: float,
    window: int,
) -> torch.Tensor:
    """A piece of one request's prompt."""
    queries, heads, head_dim = q.shape
    _, _, kv_heads, block_size, _ = kv_cache.shape
    group = heads // kv_heads
    keys, values = _gather(kv_cache, block_table[None, : -(-context_len // block_size)], q.dtype)
    keys, values = keys[:, :, :context_len], values[:, :, :context_len]
    behind = torch.arange(context_len - queries, context_len, device=q.device)[:, None] - torch.arange(
        context_len, device=q.device
    )
    seen = behind >= 0
    if window:
        seen &= behind < window
    folded = q.view(queries, kv_heads, group, head_dim).permute(1, 2, 0, 3).reshape(1, kv_heads, group * queries, -1)
    attended = functional.scaled_dot_product_attention(
        folded, keys, values, attn_mask=seen.repeat(group, 1), scale=scale
    )
    return attended.view(kv_heads, group, queries, head_dim).permute(2, 0, 1, 3).reshape(queries, heads, head_dim)


def _gather(
    kv_cache: torch.Tensor | Int8Cache, blocks: torch.Tensor, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of some blocks, (requests, kv_heads, positions, head_dim) each, copied."""
    _, _, kv_heads, block_size, head_dim = kv_cache.shape
    requests, count = blocks.shape
    rows = blocks.long()[:, None, :] * kv_heads + torch.arange(kv_heads, device=blocks.device)[None, :, None]
    rows = rows.flatten()

    def gather(part: int) -> torch.Tensor:
        if isinstance(kv_cache, Int8Cache):
            values = kv_cache.values[part].view(-1, block_size, head_dim).index_select(0, rows)
            taken = values * kv_cache.scales[part].view(-1, block_size, 1).index_select(0, rows)
        else:
            taken = kv_cache[part].view(-1, block_size, head_dim).index_select(0, rows)
        return taken.view(requests, kv_heads, count * block_size, head_dim).to(dtype)

    return gather(0), gather(1)
