"""What stands between the linear layers, for CUDA: norm, rotary positions, gates, and keys and values into the cache.

Plain torch takes some sixty launches for this in a layer, and each costs a GPU more than what it computes in a decode
step. Here each operation is one. Meaning and shapes are those of `service.engine.reference`; all compute in fp32.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
import triton.language as tl

_GATE_COLUMNS: Final = 1024
"""Columns of a gate that one program computes."""


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """See `reference.rms_norm`."""
    x = _dense_rows(x)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    heads, width = (x.shape[1] if x.ndim == 3 else 1), x.shape[-1]
    # A kernel's launcher takes tensors and numbers where the kernel itself has Triton's own types.
    launch: Any = _norm_row[len(x), heads]
    launch(x, weight, out, eps, x.stride(0), WIDTH=width, PADDED_WIDTH=triton.next_power_of_2(width))
    return out


def rope(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """See `reference.rope`."""
    cos, sin = cos.contiguous(), sin.contiguous()
    return _rotated(q, cos, sin), _rotated(k, cos, sin)


def _rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    x = _dense_rows(x)
    tokens, heads, head_dim = x.shape
    half = head_dim // 2
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    launch: Any = _rotate_head[tokens, heads]
    launch(x, cos, sin, out, x.stride(0), HALF=half, PADDED_HALF=triton.next_power_of_2(half))
    return out


def silu_mul(gate_up: torch.Tensor) -> torch.Tensor:
    """See `reference.silu_mul`."""
    return _gated(gate_up, gelu=False)


def gelu_mul(gate_up: torch.Tensor) -> torch.Tensor:
    """See `reference.gelu_mul`."""
    return _gated(gate_up, gelu=True)


def _gated(gate_up: torch.Tensor, *, gelu: bool) -> torch.Tensor:
    gate_up = gate_up.contiguous()
    rows, width = len(gate_up), gate_up.shape[1] // 2
    out = torch.empty((rows, width), dtype=gate_up.dtype, device=gate_up.device)
    launch: Any = _gate_row[rows, triton.cdiv(width, _GATE_COLUMNS)]
    launch(gate_up, out, width, GELU=gelu, COLUMNS=_GATE_COLUMNS)
    return out


def store_kv(k: torch.Tensor, v: torch.Tensor, kv_cache: torch.Tensor, slots: torch.Tensor) -> None:
    """See `reference.store_kv`; what isn't finite is kept."""
    k, v = _dense_rows(k), _dense_rows(v)
    tokens, kv_heads, head_dim = k.shape
    launch: Any = _store_head[tokens, kv_heads]
    launch(
        k,
        v,
        kv_cache,
        slots,
        k.stride(0),
        v.stride(0),
        *kv_cache.stride()[:3],
        BLOCK_SIZE=kv_cache.shape[3],
        WIDTH=head_dim,
        PADDED_WIDTH=triton.next_power_of_2(head_dim),
    )


def _dense_rows(x: torch.Tensor) -> torch.Tensor:
    """Only the first dimension may have gaps, as in a slice of the packed queries, keys and values."""
    dense = x.stride(-1) == 1 and (x.ndim == 2 or x.stride(1) == x.shape[2])
    return x if dense else x.contiguous()


@triton.jit
def _norm_row(  # noqa: PLR0917 - launched by place, as pointers are
    x: tl.tensor,
    weight: tl.tensor,
    out: tl.tensor,
    eps: tl.tensor,
    token_stride: tl.tensor,
    WIDTH: tl.constexpr,  # noqa: N803 - compile-time constants are upper case in Triton
    PADDED_WIDTH: tl.constexpr,  # noqa: N803
) -> None:
    """One row, or one head of a row."""
    token, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    column = tl.arange(0, PADDED_WIDTH)
    inside = column < WIDTH
    values = tl.load(x + token * token_stride + head * WIDTH + column, mask=inside, other=0.0).to(tl.float32)
    factor = 1.0 / tl.sqrt(tl.sum(values * values, axis=0) / WIDTH + eps)
    normed = values * factor * tl.load(weight + column, mask=inside, other=0.0)
    at = (token * tl.num_programs(1) + head) * WIDTH
    tl.store(out + at + column, normed.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _rotate_head(  # noqa: PLR0917
    x: tl.tensor,
    cos: tl.tensor,
    sin: tl.tensor,
    out: tl.tensor,
    token_stride: tl.tensor,
    HALF: tl.constexpr,  # noqa: N803
    PADDED_HALF: tl.constexpr,  # noqa: N803
) -> None:
    """One head of a token."""
    token, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    column = tl.arange(0, PADDED_HALF)
    inside = column < HALF
    cosines = tl.load(cos + token * HALF + column, mask=inside, other=0.0)
    sines = tl.load(sin + token * HALF + column, mask=inside, other=0.0)
    row = x + token * token_stride + head * 2 * HALF + column
    first = tl.load(row, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(row + HALF, mask=inside, other=0.0).to(tl.float32)
    to = out + (token * tl.num_programs(1) + head) * 2 * HALF + column
    tl.store(to, (first * cosines - second * sines).to(out.dtype.element_ty), mask=inside)
    tl.store(to + HALF, (second * cosines + first * sines).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _gate_row(
    gate_up: tl.tensor,
    out: tl.tensor,
    width: tl.tensor,
    GELU: tl.constexpr,  # noqa: N803
    COLUMNS: tl.constexpr,  # noqa: N803
) -> None:
    """Some columns of a row; gelu(x) with its tanh is x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = column < width
    gate = tl.load(gate_up + row * 2 * width + column, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(gate_up + row * 2 * width + width + column, mask=inside, other=0.0).to(tl.float32)
    steep = gate
    if GELU:
        steep = 1.5957691216057308 * (gate + 0.044715 * gate * gate * gate)
    tl.store(out + row * width + column, (gate * tl.sigmoid(steep) * up).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _store_head(  # noqa: PLR0917
    k: tl.tensor,
    v: tl.tensor,
    kv_cache: tl.tensor,
    slots: tl.tensor,
    k_stride: tl.tensor,
    v_stride: tl.tensor,
    value_offset: tl.tensor,
    block_stride: tl.tensor,
    head_stride: tl.tensor,
    BLOCK_SIZE: tl.constexpr,  # noqa: N803
    WIDTH: tl.constexpr,  # noqa: N803
    PADDED_WIDTH: tl.constexpr,  # noqa: N803
) -> None:
    """One head's key and value of a token."""
    token, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    slot = tl.load(slots + token)
    column = tl.arange(0, PADDED_WIDTH)
    inside = column < WIDTH
    to = kv_cache + slot // BLOCK_SIZE * block_stride + head * head_stride + slot % BLOCK_SIZE * WIDTH + column
    key = tl.load(k + token * k_stride + head * WIDTH + column, mask=inside, other=0.0)
    value = tl.load(v + token * v_stride + head * WIDTH + column, mask=inside, other=0.0)
    tl.store(to, key.to(kv_cache.dtype.element_ty), mask=inside)
    tl.store(to + value_offset, value.to(kv_cache.dtype.element_ty), mask=inside)
