"""Linear layers over packed weights, in fp32, bf16 or int8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch.nn import functional

from service.engine.reference import LinearMode

if TYPE_CHECKING:
    from service.engine.kernels.native import Library

PANEL: Final = 16
"""Output columns that are packed together (kPanel in native/kernels.h)."""

MOST_INT8_INPUTS: Final = 65_536
"""Up to here a sum of products of bytes fits 32 bits in every variant: 255 x 127 x 65,536 < 2^31."""

_NUMBERS: Final = {LinearMode.FP32: 0, LinearMode.BF16: 1, LinearMode.INT8: 2}
_STORED: Final = {LinearMode.FP32: torch.float32, LinearMode.BF16: torch.bfloat16}
_INT8_MAX: Final = 127.0


class PackedLinear:
    """``x @ weight.T + bias``, with weights in the order in which a variant's kernel reads them.

    A row's result doesn't depend on the other rows: every sum runs over the inputs in order.

    Attributes:
        inputs: size of a row of x.
        outputs: size of a row of the result.
        packed: the weights.
        mode: the number of its mode (enum Mode in native/kernels.h).
        pointers: to packed weights, scales, row sums and bias; None where there are none.
    """

    def __init__(
        self, library: Library, variant: int, weight: torch.Tensor, bias: torch.Tensor | None, mode: LinearMode
    ) -> None:
        """Packs the weights.

        Args:
            library: the kernels.
            variant: number of the one to use.
            weight: (outputs, inputs), any float type, on the CPU.
            bias: (outputs,) or None.
            mode: of the stored weights. INT8: symmetric, one scale per output; activations are quantised per token.

        Raises:
            ValueError: shapes don't fit together, or too many inputs for int8.
        """
        if weight.ndim != 2 or 0 in weight.shape or (bias is not None and bias.shape != weight.shape[:1]):
            found = f"{tuple(weight.shape)} and bias {None if bias is None else tuple(bias.shape)}"
            raise ValueError(f"weight has to be (outputs, inputs) and bias (outputs,) or None, not {found}")
        self.outputs, self.inputs = weight.shape
        if mode is LinearMode.INT8 and self.inputs > MOST_INT8_INPUTS:
            raise ValueError(f"int8 takes at most {MOST_INT8_INPUTS} inputs, this weight has {self.inputs}")
        self._linear = library.linear
        self._variant = variant
        self.mode = _NUMBERS[mode]
        self._scales: torch.Tensor | None = None
        self._row_sums: torch.Tensor | None = None
        if mode is LinearMode.INT8:
            weight = weight.float()
            scales = weight.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / _INT8_MAX
            stored = (weight / scales[:, None]).round().to(torch.int8)
            self._scales = _padded(scales)
            self._row_sums = _padded(stored.sum(dim=1, dtype=torch.int32))
        else:
            stored = weight.to(_STORED[mode])
        stored = stored.contiguous()
        self._bias = None if bias is None else _padded(bias.float())
        size = library.packed_bytes(variant, self.mode, self.inputs, self.outputs)
        self.packed = torch.empty(size, dtype=torch.uint8)
        library.pack(variant, self.mode, stored.data_ptr(), self.inputs, self.outputs, self.packed.data_ptr())
        self.pointers = (
            self.packed.data_ptr(),
            *(None if t is None else t.data_ptr() for t in (self._scales, self._row_sums, self._bias)),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Inputs and outputs."""
        return self.inputs, self.outputs

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Computes the layer.

        Args:
            x: (tokens, inputs), any float type.

        Returns:
            (tokens, outputs) of the same type.

        Raises:
            ValueError: x has another size.
        """
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(f"x has to be (tokens, {self.inputs}), not {tuple(x.shape)}")
        rows = x if x.dtype is torch.float32 and x.stride(1) == 1 else x.float().contiguous()
        out = torch.empty((len(rows), self.outputs))
        self._linear(
            self._variant,
            torch.get_num_threads(),
            self.mode,
            rows.data_ptr(),
            rows.stride(0),
            len(rows),
            *self.pointers,
            self.inputs,
            self.outputs,
            out.data_ptr(),
            self.outputs,
        )
        return out if x.dtype is torch.float32 else out.to(x.dtype)


def _padded(values: torch.Tensor) -> torch.Tensor:
    """Whole panels: the kernels read a vector of values at a time."""
    return functional.pad(values, (0, -len(values) % PANEL)).contiguous()
