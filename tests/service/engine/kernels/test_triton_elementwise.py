"""The CUDA kernels on the device, or on the CPU by Triton's interpreter (which tests/conftest.py switches on)."""

from __future__ import annotations

import pytest
import torch

from service.engine import reference
from service.engine.kernels import triton_elementwise as kernels

_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(_DEVICE)


def _assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def _packed(tokens: int, heads: int, kv_heads: int, head_dim: int) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values as one projection leaves them: rows with gaps."""
    qkv = _random(tokens, heads + 2 * kv_heads, head_dim)
    return qkv.split((heads, kv_heads, kv_heads), dim=1)


@pytest.mark.parametrize("width", [16, 48, 200])
def test_norms_are_the_reference(width: int) -> None:
    x, weight = _random(5, width), _random(width, seed=1)
    _assert_close(kernels.rms_norm(x, weight, 1e-6), reference.rms_norm(x, weight, 1e-6))
    q, k, _ = _packed(3, 4, 2, width)
    for heads in (q, k):
        _assert_close(kernels.rms_norm(heads, weight, 1e-6), reference.rms_norm(heads, weight, 1e-6))
    columns = _random(width, 5).t()  # no dense rows
    _assert_close(kernels.rms_norm(columns, weight, 1e-6), reference.rms_norm(columns, weight, 1e-6))


@pytest.mark.parametrize("head_dim", [16, 80])
def test_rotations_are_the_reference(head_dim: int) -> None:
    q, k, _ = _packed(3, 4, 2, head_dim)
    angles = _random(3, head_dim // 2, seed=2)
    found = kernels.rope(q, k, angles.cos(), angles.sin())
    for ours, expected in zip(found, reference.rope(q, k, angles.cos(), angles.sin()), strict=True):
        _assert_close(ours, expected)


@pytest.mark.parametrize("width", [8, 1500])
def test_gates_are_the_reference(width: int) -> None:
    gate_up = _random(3, 2 * width) * 4
    _assert_close(kernels.silu_mul(gate_up), reference.silu_mul(gate_up))
    _assert_close(kernels.gelu_mul(gate_up), reference.gelu_mul(gate_up))


def test_keys_and_values_go_where_the_reference_puts_them() -> None:
    _, k, v = _packed(6, 4, 2, 48)
    slots = torch.tensor([17, 3, 40, 8, 9, 31]).to(_DEVICE)
    ours, expected = (torch.zeros((2, 6, 2, 8, 48), device=_DEVICE) for _ in range(2))
    kernels.store_kv(k, v, ours, slots)
    reference.store_kv(k, v, expected, slots)
    assert torch.equal(ours, expected)


def test_what_is_not_finite_is_kept_where_it_belongs() -> None:
    _, k, v = _packed(2, 4, 2, 16)
    k[0, 0, 0] = torch.nan
    cache = torch.zeros((2, 2, 2, 8, 16), device=_DEVICE)
    kernels.store_kv(k, v, cache, torch.tensor([0, 1]).to(_DEVICE))
    assert cache[0, 0, 0, 0, 0].isnan()
    assert int(cache.isnan().sum()) == 1


def test_half_precision_is_computed_in_single() -> None:
    x, weight = (_random(4, 64) * 3).half(), _random(64, seed=1)
    found = kernels.rms_norm(x, weight, 1e-6)
    assert found.dtype is torch.float16
    torch.testing.assert_close(found, reference.rms_norm(x, weight, 1e-6), rtol=1e-3, atol=1e-3)
