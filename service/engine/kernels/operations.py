"""Which kernels this machine gets, as the engine's `Operations`.

The choice depends on the processor's instructions alone, so that it is the same on every start. Tensors that a kernel
wasn't made for (another type or device, an unusual head size) go to `service.engine.reference`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import torch

from service.engine import reference
from service.engine.int8_cache import Int8Cache
from service.engine.kernels import native
from service.engine.kernels.joined_layers import CACHE_TYPES, GATES, JoinedLayers, can_join
from service.engine.kernels.linear import PackedLinear
from service.engine.model.description import Activation
from service.engine.operations import REFERENCE, Operations
from service.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from service.engine.kernels.native import Library
    from service.engine.model.description import DecoderDescription
    from service.engine.model.layer import Layer
    from service.engine.model.rotary import Rotary
    from service.engine.reference import LinearMode

_log = logs.get("engine")
_HEAD_MULTIPLE: Final = 16
_MOST_HEAD_DIM: Final = 256
_MOST_FOLDED: Final = 32
"""Query heads of a key head (kMostRows in native/attention.h)."""

_SMALL: Final = 16_384
"""Floats that one thread handles sooner than a second one wakes up."""


def native_operations(variant: str | None = None, library: Library | None = None) -> Operations:
    """The operations on this processor.

    Args:
        variant: of the kernels; by default the best one that the processor can run.
        library: by default the built one.

    Raises:
        KernelsUnavailableError: the library isn't built, or the processor can't run the variant.
    """
    library = native.load() if library is None else library
    variant = next(iter(library.variants)) if variant is None else variant
    if variant not in library.variants:
        raise native.KernelsUnavailableError(
            f"this processor can't run the kernels' variant {variant!r}, only {', '.join(library.variants)}"
        )
    return operations_of(NativeKernels(library, library.variants[variant]))


def operations_of(kernels: NativeKernels) -> Operations:
    """One variant's kernels as the engine's operations."""
    return Operations(
        prepare_linear=kernels.prepare_linear,
        paged_attention=kernels.paged_attention,
        store_kv=kernels.store_kv,
        rms_norm=kernels.rms_norm,
        rope=kernels.rope,
        silu_mul=kernels.silu_mul,
        gelu_mul=kernels.gelu_mul,
        join_layers=kernels.join_layers,
    )


def best_operations(device: torch.device | None = None) -> Operations:
    """The operations on a device, by default the CPU; plain torch's where the compiled ones aren't built."""
    if device is not None and device.type == "cuda":
        return cuda_operations()
    if device is not None and device.type != "cpu":
        return REFERENCE
    try:
        return native_operations()
    except native.KernelsUnavailableError as error:
        _log.warning("computing without compiled kernels, which is several times slower", reason=str(error))
        return REFERENCE


def cuda_operations() -> Operations:
    """The operations on a CUDA device: torch's products, and Triton kernels for all that stands between them."""
    from service.engine.kernels import triton_elementwise as ours  # noqa: PLC0415 - a CPU server does without Triton

    return dataclasses.replace(
        REFERENCE,
        paged_attention=cuda_paged_attention,
        store_kv=ours.store_kv,
        rms_norm=ours.rms_norm,
        rope=ours.rope,
        silu_mul=ours.silu_mul,
        gelu_mul=ours.gelu_mul,
    )


def cuda_paged_attention(
    q: torch.Tensor,
    kv_cache: torch.Tensor,
    block_tables: torch.Tensor,
    context_lens: torch.Tensor,
    query_starts: torch.Tensor,
    *,
    scale: float,
    window: int = 0,
) -> torch.Tensor:
    """See `reference.paged_attention`: our Triton kernel for whoever decodes, torch's for pieces of prompts.

    Whether a step has such pieces shows in its shapes; where it has none, nothing waits for the device.
    """
    from service.engine.kernels.triton_decode import paged_decode  # noqa: PLC0415 - a CPU server does without Triton

    if len(q) != len(context_lens):
        return reference.paged_attention(
            q, kv_cache, block_tables, context_lens, query_starts, scale=scale, window=window, decode=paged_decode
        )
    return paged_decode(q, kv_cache, block_tables, context_lens, scale=scale, window=window)


class NativeKernels:
    """The operations of `service.engine.reference` by one variant of the compiled kernels.

    Their arguments and results are described there; a cache may also be an `Int8Cache`. All compute in fp32, and share
    torch's threads.
    """

    def __init__(self, library: Library, variant: int) -> None:
        self._library = library
        self._variant = variant

    def prepare_linear(
        self, weight: torch.Tensor, bias: torch.Tensor | None, mode: LinearMode
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """See `reference.prepare_linear`."""
        if weight.device.type != "cpu":
            return reference.prepare_linear(weight, bias, mode)
        return PackedLinear(self._library, self._variant, weight, bias, mode)

    def paged_attention(
        self,
        q: torch.Tensor,
        kv_cache: torch.Tensor | Int8Cache,
        block_tables: torch.Tensor,
        context_lens: torch.Tensor,
        query_starts: torch.Tensor,
        *,
        scale: float,
        window: int = 0,
    ) -> torch.Tensor:
        """See `reference.paged_attention`.

        Raises:
            ValueError: the tensors' shapes or types don't fit together.
        """
        tokens, heads, head_dim = q.shape
        _, blocks, kv_heads, block_size, width = kv_cache.shape
        if width != head_dim or heads % kv_heads != 0 or len(query_starts) != len(context_lens) + 1:
            raise ValueError(
                f"q {tuple(q.shape)}, cache {tuple(kv_cache.shape)}, {len(context_lens)} context lengths and "
                f"{len(query_starts)} query starts don't fit together"
            )
        _require_int32(block_tables, context_lens, query_starts)
        values, scales = _parts(kv_cache)
        if not (_is_plain(q) and _takes(values) and heads // kv_heads <= _MOST_FOLDED):
            return reference.paged_attention(
                q, kv_cache, block_tables, context_lens, query_starts, scale=scale, window=window
            )
        q = q if _rows_are_dense(q) else q.contiguous()
        out = torch.empty((tokens, heads, head_dim))
        self._library.attention(
            self._variant,
            torch.get_num_threads(),
            q.data_ptr(),
            q.stride(0),
            values.data_ptr(),
            None if scales is None else scales.data_ptr(),
            CACHE_TYPES[values.dtype],
            block_tables.data_ptr(),
            block_tables.stride(0),
            context_lens.data_ptr(),
            query_starts.data_ptr(),
            len(context_lens),
            heads,
            kv_heads,
            head_dim,
            blocks,
            block_size,
            scale,
            window,
            out.data_ptr(),
        )
        return out

    def store_kv(
        self, k: torch.Tensor, v: torch.Tensor, kv_cache: torch.Tensor | Int8Cache, slots: torch.Tensor
    ) -> None:
        """See `reference.store_kv`; what isn't finite is kept.

        Raises:
            ValueError: the tensors' shapes or types don't fit together.
        """
        tokens, kv_heads, head_dim = k.shape
        _, blocks, cache_heads, block_size, width = kv_cache.shape
        if (cache_heads, width) != (kv_heads, head_dim) or v.shape != k.shape or len(slots) != tokens:
            raise ValueError(
                f"k {tuple(k.shape)}, v {tuple(v.shape)}, cache {tuple(kv_cache.shape)} and {len(slots)} slots "
                "don't fit together"
            )
        values, scales = _parts(kv_cache)
        if isinstance(kv_cache, Int8Cache):
            k, v, slots = k.float(), v.float(), slots.long()
        elif not (_is_plain(k) and _is_plain(v) and _takes(kv_cache) and slots.dtype is torch.int64):
            reference.store_kv(k, v, kv_cache, slots)
            return
        k = k if _rows_are_dense(k) else k.contiguous()
        v = v if _rows_are_dense(v) else v.contiguous()
        slots = slots.contiguous()
        self._library.store_kv(
            self._variant,
            _threads(2 * k.numel()),
            k.data_ptr(),
            v.data_ptr(),
            k.stride(0),
            v.stride(0),
            values.data_ptr(),
            None if scales is None else scales.data_ptr(),
            CACHE_TYPES[values.dtype],
            slots.data_ptr(),
            tokens,
            kv_heads,
            head_dim,
            blocks,
            block_size,
        )

    def rms_norm(self, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        """See `reference.rms_norm`.

        Raises:
            ValueError: the weight has another size than x's rows.
        """
        if weight.shape != x.shape[-1:]:
            raise ValueError(f"weight has to be ({x.shape[-1]},), not {tuple(weight.shape)}")
        if not (_is_plain(x) and _is_plain(weight) and x.ndim in {2, 3} and weight.is_contiguous()):
            return reference.rms_norm(x, weight, eps)
        x = x if _rows_are_dense(x) else x.contiguous()
        out = torch.empty(x.shape)
        heads = x.shape[1] if x.ndim == 3 else 1
        self._library.rms_norm(
            self._variant,
            _threads(x.numel()),
            x.data_ptr(),
            x.stride(0),
            weight.data_ptr(),
            eps,
            len(x),
            heads,
            x.shape[-1],
            out.data_ptr(),
        )
        return out

    def rope(
        self, q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `reference.rope`.

        Raises:
            ValueError: cosines or sines have another shape than (tokens, head_dim / 2).
        """
        wanted = (len(q), q.shape[-1] // 2)
        if cos.shape != wanted or sin.shape != wanted:
            raise ValueError(f"cos and sin have to be {wanted}, not {tuple(cos.shape)} and {tuple(sin.shape)}")
        if not all(_is_plain(t) for t in (q, k, cos, sin)):
            return reference.rope(q, k, cos, sin)
        cos, sin = cos.contiguous(), sin.contiguous()
        return self._rotate(q, cos, sin), self._rotate(k, cos, sin)

    def _rotate(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x if _rows_are_dense(x) else x.contiguous()
        tokens, heads, head_dim = x.shape
        out = torch.empty((tokens, heads, head_dim))
        self._library.rope(
            self._variant,
            _threads(x.numel()),
            x.data_ptr(),
            x.stride(0),
            tokens,
            heads,
            head_dim,
            cos.data_ptr(),
            sin.data_ptr(),
            out.data_ptr(),
        )
        return out

    def silu_mul(self, gate_up: torch.Tensor) -> torch.Tensor:
        """See `reference.silu_mul`."""
        return self._gated(GATES[Activation.SILU], gate_up) if _is_plain(gate_up) else reference.silu_mul(gate_up)

    def gelu_mul(self, gate_up: torch.Tensor) -> torch.Tensor:
        """See `reference.gelu_mul`."""
        return self._gated(GATES[Activation.GELU_TANH], gate_up) if _is_plain(gate_up) else reference.gelu_mul(gate_up)

    def join_layers(
        self,
        description: DecoderDescription,
        layers: Sequence[Layer],
        rotations: Mapping[Rotary, tuple[torch.Tensor, torch.Tensor]],
    ) -> JoinedLayers | None:
        """See `service.engine.operations.JoinLayers`."""
        fits = description.head_dim <= _MOST_HEAD_DIM and can_join(
            description, layers, head_multiple=_HEAD_MULTIPLE, most_folded=_MOST_FOLDED
        )
        return JoinedLayers(self._library, self._variant, description, layers, rotations) if fits else None

    def _gated(self, gate: int, gate_up: torch.Tensor) -> torch.Tensor:
        rows = gate_up.contiguous()
        width = rows.shape[-1] // 2
        out = torch.empty((len(rows), width))
        self._library.gated(
            self._variant, _threads(rows.numel()), gate, rows.data_ptr(), len(rows), width, out.data_ptr()
        )
        return out


def _threads(floats: int) -> int:
    return 1 if floats <= _SMALL else torch.get_num_threads()


def _is_plain(x: torch.Tensor) -> bool:
    return x.dtype is torch.float32 and x.device.type == "cpu"


def _parts(kv_cache: torch.Tensor | Int8Cache) -> tuple[torch.Tensor, torch.Tensor | None]:
    return (kv_cache.values, kv_cache.scales) if isinstance(kv_cache, Int8Cache) else (kv_cache, None)


def _takes(kv_cache: torch.Tensor) -> bool:
    return (
        kv_cache.dtype in CACHE_TYPES
        and kv_cache.device.type == "cpu"
        and kv_cache.is_contiguous()
        and kv_cache.shape[-1] % _HEAD_MULTIPLE == 0
        and kv_cache.shape[-1] <= _MOST_HEAD_DIM
    )


def _rows_are_dense(x: torch.Tensor) -> bool:
    """Whether only the first dimension may have gaps: a slice of the packed queries, keys and values."""
    return x.stride(-1) == 1 and (x.ndim == 2 or x.stride(1) == x.shape[2])


def _require_int32(*tensors: torch.Tensor) -> None:
    for tensor in tensors:
        if tensor.dtype is not torch.int32 or tensor.stride(-1) != 1:
            raise ValueError(f"block tables, context lengths and query starts have to be int32, not {tensor.dtype}")
