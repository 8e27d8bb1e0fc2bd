from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import reference
from service.engine.kernels.linear import MOST_INT8_INPUTS, PackedLinear
from service.engine.reference import LinearMode

if TYPE_CHECKING:
    from service.engine.kernels.operations import NativeKernels


MODES = list(LinearMode)
# Around the tiles' heights (2, 6, 12, 16), rows that meet parts of the inputs (48), blocks of rows (96), panels (16),
# groups of inputs (2, 4), tiles of groups (64), and parts of the inputs (96 to 384).
ROWS = st.sampled_from([0, 1, 2, 3, 5, 6, 7, 12, 13, 16, 25, 33, 48, 49, 95, 97, 200])
OUTPUTS = st.sampled_from([1, 15, 16, 17, 33, 64, 79, 300])
INPUTS = st.sampled_from([1, 2, 3, 7, 16, 31, 64, 130, 1000])


def _random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("mode", [LinearMode.FP32, LinearMode.BF16])
@given(rows=ROWS, outputs=OUTPUTS, inputs=INPUTS, biased=st.booleans(), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_products_are_those_of_doubles(
    *, kernels: NativeKernels, mode: LinearMode, rows: int, outputs: int, inputs: int, biased: bool, seed: int
) -> None:
    weight, bias = _random(outputs, inputs, seed=seed), _random(outputs, seed=seed + 1)
    x = _random(rows, inputs, seed=seed + 2)
    y = kernels.prepare_linear(weight, bias if biased else None, mode)(x)
    if mode is LinearMode.BF16:
        weight = weight.bfloat16()
    expected = x.double() @ weight.double().T + (bias.double() if biased else 0)
    # What rounding may add up to: of each sum, and of x where the processor multiplies bfloat16 alone.
    rounding = 2**-24 * (inputs + 2) + (2**-8 if mode is LinearMode.BF16 else 0)
    bound = rounding * (x.abs().double() @ weight.abs().double().T + 1)
    assert y.shape == (rows, outputs)
    assert ((y - expected).abs() <= bound).all()


@given(rows=ROWS, outputs=OUTPUTS, inputs=INPUTS, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_int8_sums_are_exact(kernels: NativeKernels, rows: int, outputs: int, inputs: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    # Whole numbers whose largest is 127 have a scale of exactly 1. Mostly extremes, where narrow sums would overflow.
    x = torch.randint(-127, 128, (rows, inputs), generator=generator)
    weight = 127 * torch.randint(0, 2, (outputs, inputs), generator=generator) * 2 - 127
    x[:, 0], weight[:, 0] = 127, -127
    y = kernels.prepare_linear(weight.float(), None, LinearMode.INT8)(x.float())
    assert torch.equal(y, (x @ weight.T).float())


def test_int8_sums_of_the_most_inputs_do_not_overflow(kernels: NativeKernels) -> None:
    ones = torch.ones(3, MOST_INT8_INPUTS)
    y = kernels.prepare_linear(ones, None, LinearMode.INT8)(ones[:1])
    assert y[0].tolist() == pytest.approx([MOST_INT8_INPUTS] * 3)
    with pytest.raises(ValueError, match="at most 65536 inputs, this weight has 65537"):
        kernels.prepare_linear(torch.ones(1, MOST_INT8_INPUTS + 1), None, LinearMode.INT8)


@given(rows=st.integers(1, 40), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_int8_is_as_close_as_the_reference(kernels: NativeKernels, rows: int, seed: int) -> None:
    weight, bias, x = _random(48, 96, seed=seed), _random(48, seed=seed + 1), _random(rows, 96, seed=seed + 2)
    x *= torch.logspace(-20, 20, rows)[:, None]  # every row has its own scale
    y = kernels.prepare_linear(weight, bias, LinearMode.INT8)(x)
    expected = reference.prepare_linear(weight, bias, LinearMode.INT8)(x)
    # A number half-way between two steps may be rounded to either.
    step = x.abs().amax(dim=1, keepdim=True) / 127 * weight.abs().amax(dim=1)
    assert ((y - expected).abs() <= 2 * step + 1e-5 * expected.abs()).all()
    exact = x @ weight.T + bias
    assert (y - exact).norm() <= 0.02 * exact.norm()


@pytest.mark.parametrize("mode", MODES)
def test_a_row_does_not_depend_on_the_others(kernels: NativeKernels, mode: LinearMode) -> None:
    for inputs in (130, 1000):
        weight, x = _random(70, inputs, seed=1), _random(200, inputs, seed=2)
        linear = kernels.prepare_linear(weight, None, mode)
        whole = linear(x)
        for rows in (1, 2, 5, 7, 13, 48, 49, 100):
            assert torch.equal(linear(x[50 : 50 + rows]), whole[50 : 50 + rows])


@pytest.mark.parametrize("mode", MODES)
def test_threads_change_nothing(kernels: NativeKernels, mode: LinearMode) -> None:
    linear, x = kernels.prepare_linear(_random(300, 64, seed=1), None, mode), _random(120, 64, seed=2)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = linear(x)
        torch.set_num_threads(3)
        assert torch.equal(linear(x), alone)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("mode", MODES)
def test_a_poisoned_row_is_poisoned_alone(kernels: NativeKernels, mode: LinearMode) -> None:
    linear, x = kernels.prepare_linear(_random(20, 64, seed=1), None, mode), _random(3, 64, seed=2)
    healthy = linear(x)
    for poison in (float("nan"), float("inf")):
        for place in (0, 63):
            x[1, place] = poison
            y = linear(x)
            assert not y[1].isfinite().any()
            assert torch.equal(y[0::2], healthy[0::2])
            x[1, place] = 0.5


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_zeros_and_tiny_numbers(kernels: NativeKernels, mode: LinearMode) -> None:
    linear = kernels.prepare_linear(torch.stack([torch.ones(64), torch.zeros(64)]), None, mode)
    assert linear(torch.zeros(2, 64)).tolist() == [[0, 0], [0, 0]]
    tiny = linear(torch.full((1, 64), 1e-42))
    assert tiny.abs().max() <= 1e-40


@pytest.mark.parametrize("mode", MODES)
def test_rows_may_be_apart_and_of_another_type(kernels: NativeKernels, mode: LinearMode) -> None:
    linear, wide = kernels.prepare_linear(_random(20, 64, seed=1), None, mode), _random(9, 100, seed=2)
    assert torch.equal(linear(wide[:, 10:74]), linear(wide[:, 10:74].contiguous()))
    assert torch.equal(linear(wide[:, ::2][:, :50].repeat(1, 2)[:, :64]), linear(wide[:, ::2].repeat(1, 2)[:, :64]))
    half = wide[:, :64].bfloat16()
    y = linear(half)
    assert y.dtype is torch.bfloat16
    assert torch.equal(y, linear(half.float()).bfloat16())


def test_shapes_that_do_not_fit_are_refused(kernels: NativeKernels) -> None:
    with pytest.raises(ValueError, match=r"bias \(outputs,\) or None, not \(4, 3\) and bias \(3,\)"):
        kernels.prepare_linear(torch.ones(4, 3), torch.ones(3), LinearMode.FP32)
    with pytest.raises(ValueError, match=r"not \(0, 3\)"):
        kernels.prepare_linear(torch.ones(0, 3), None, LinearMode.FP32)
    linear = kernels.prepare_linear(torch.ones(4, 3), None, LinearMode.FP32)
    with pytest.raises(ValueError, match=r"x has to be \(tokens, 3\), not \(2, 4\)"):
        linear(torch.ones(2, 4))


def test_weights_take_the_memory_of_their_type(kernels: NativeKernels) -> None:
    sizes = {}
    for mode in MODES:
        linear = kernels.prepare_linear(_random(64, 128, seed=1), None, mode)
        assert isinstance(linear, PackedLinear)
        sizes[mode] = linear.packed.numel()
    assert sizes == {LinearMode.FP32: 4 * 8192, LinearMode.BF16: 2 * 8192, LinearMode.INT8: 8192}
