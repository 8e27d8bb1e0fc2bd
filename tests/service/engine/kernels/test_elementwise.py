from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import reference

if TYPE_CHECKING:
    from service.engine.kernels.operations import NativeKernels

TOKENS = st.sampled_from([0, 1, 7, 300])
WIDTHS = st.sampled_from([1, 2, 15, 16, 64, 70, 129, 768])


def _random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(tokens=TOKENS, width=WIDTHS, seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_rms_norm(kernels: NativeKernels, tokens: int, width: int, seed: int) -> None:
    x, weight = _random(tokens, width, seed=seed) * 10, _random(width, seed=seed + 1)
    torch.testing.assert_close(kernels.rms_norm(x, weight, 1e-6), reference.rms_norm(x, weight, 1e-6))


@given(tokens=TOKENS, heads=st.sampled_from([1, 3]), width=WIDTHS, seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_rms_norm_of_heads_in_the_packed_projections(
    *, kernels: NativeKernels, tokens: int, heads: int, width: int, seed: int
) -> None:
    qkv, weight = _random(tokens, 3 * heads, width, seed=seed), _random(width, seed=seed + 1)
    k = qkv[:, heads : 2 * heads]
    torch.testing.assert_close(kernels.rms_norm(k, weight, 1e-5), reference.rms_norm(k, weight, 1e-5))


@given(
    tokens=TOKENS,
    heads=st.sampled_from([1, 4]),
    kv_heads=st.sampled_from([1, 2]),
    head_dim=st.sampled_from([2, 16, 30, 64, 80, 128]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_rope(*, kernels: NativeKernels, tokens: int, heads: int, kv_heads: int, head_dim: int, seed: int) -> None:
    qkv = _random(tokens, heads + 2 * kv_heads, head_dim, seed=seed)
    q, k = qkv[:, :heads], qkv[:, heads : heads + kv_heads]
    angles = _random(tokens, head_dim // 2, seed=seed + 1) * 100
    ours, theirs = (which(q, k, angles.cos(), angles.sin()) for which in (kernels.rope, reference.rope))
    torch.testing.assert_close(ours[0], theirs[0])
    torch.testing.assert_close(ours[1], theirs[1])


@pytest.mark.parametrize("name", ["silu_mul", "gelu_mul"])
@given(tokens=TOKENS, width=WIDTHS, spread=st.sampled_from([1, 30, 1000]), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_gates(*, kernels: NativeKernels, name: str, tokens: int, width: int, spread: int, seed: int) -> None:
    gate_up = _random(tokens, 2 * width, seed=seed) * spread
    expected = getattr(reference, name)(gate_up.double())
    torch.testing.assert_close(getattr(kernels, name)(gate_up).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["silu_mul", "gelu_mul"])
def test_gates_pass_on_what_is_not_a_number(kernels: NativeKernels, name: str) -> None:
    gate_up = torch.ones(3, 64)
    gate_up[1, 5] = float("nan")
    out = getattr(kernels, name)(gate_up)
    assert out.isnan().nonzero().tolist() == [[1, 5]]


def test_other_types_go_to_the_reference(kernels: NativeKernels) -> None:
    x, weight, angles = _random(4, 64, seed=1).bfloat16(), _random(64, seed=2), _random(4, 16, seed=3)
    heads = x.view(4, 2, 32)
    for ours, theirs in (
        (kernels.rms_norm(x, weight, 1e-6), reference.rms_norm(x, weight, 1e-6)),
        (kernels.silu_mul(x), reference.silu_mul(x)),
        (kernels.gelu_mul(x), reference.gelu_mul(x)),
        (kernels.rope(heads, heads, angles, angles)[1], reference.rope(heads, heads, angles, angles)[1]),
    ):
        assert ours.dtype is torch.bfloat16
        assert torch.equal(ours, theirs)


def test_sizes_that_do_not_fit_are_refused(kernels: NativeKernels) -> None:
    with pytest.raises(ValueError, match=r"weight has to be \(64,\), not \(63,\)"):
        kernels.rms_norm(torch.ones(2, 64), torch.ones(63), 1e-6)
    heads, angles = torch.ones(2, 1, 64), torch.ones(2, 32)
    with pytest.raises(ValueError, match=r"have to be \(2, 32\), not \(2, 32\) and \(1, 32\)"):
        kernels.rope(heads, heads, angles, angles[:1])
