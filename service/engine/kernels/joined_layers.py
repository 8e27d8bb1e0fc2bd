"""All layers of a dense decoder as one call of the compiled kernels (native/layers.h)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

import torch

from service.engine.int8_cache import Int8Cache
from service.engine.kernels.linear import PackedLinear
from service.engine.model.description import Activation
from service.engine.model.layer import GatedFeedForward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.engine.kernels.native import Library
    from service.engine.model.decoder import PackedTokens
    from service.engine.model.description import DecoderDescription
    from service.engine.model.layer import Layer
    from service.engine.model.rotary import Rotary

CACHE_TYPES: Final = {torch.float32: 0, torch.bfloat16: 1, torch.int8: 2}
GATES: Final = {Activation.SILU: 0, Activation.GELU_TANH: 1}


class _LinearWeights(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("packed", "scales", "row_sums", "bias")),
        *((name, ctypes.c_int64) for name in ("inputs", "outputs")),
    )


_LAYER_POINTERS: Final = (
    *("norm", "after_norm", "feed_forward_norm", "after_feed_forward_norm"),
    *("q_norm", "k_norm", "cosines", "sines"),
)


class _LayerWeights(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _LAYER_POINTERS),
        *((name, _LinearWeights) for name in ("qkv", "output", "gate_up", "down")),
        ("window", ctypes.c_int64),
    )


class LayersCall(ctypes.Structure):
    """native/kernels.h has the same."""

    _fields_ = (
        ("layers", ctypes.POINTER(_LayerWeights)),
        ("layer_count", ctypes.c_int64),
        *((name, ctypes.c_int32) for name in ("mode", "gate")),
        *((name, ctypes.c_float) for name in ("epsilon", "attention_scale")),
        *((name, ctypes.c_int64) for name in ("hidden", "heads", "kv_heads", "head_dim")),
        ("x", ctypes.c_void_p),
        ("tokens", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("positions", "caches", "cache_scales")),
        ("cache_type", ctypes.c_int32),
        *((name, ctypes.c_int64) for name in ("blocks", "block_size")),
        *((name, ctypes.c_void_p) for name in ("slots", "block_tables")),
        ("table_stride", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("context_lens", "query_starts")),
        ("requests", ctypes.c_int64),
    )


class JoinedLayers:
    """Runs all layers at once. Works on fp32 activations; a cache is one that the attention kernel takes."""

    def __init__(
        self,
        library: Library,
        variant: int,
        description: DecoderDescription,
        layers: Sequence[Layer],
        rotations: Mapping[Rotary, tuple[torch.Tensor, torch.Tensor]],
    ) -> None:
        """Takes layers that `can_join` says yes to."""
        self._library = library
        self._variant = variant
        self._layers = tuple(layers)  # whose memory the call points at
        self._rotations = {rotary: tuple(t.contiguous() for t in pair) for rotary, pair in rotations.items()}
        self._weights = (_LayerWeights * len(layers))(*(self._weights_of(layer) for layer in layers))
        self._caches: Sequence[torch.Tensor | Int8Cache] = ()
        self._cache_pointers = (ctypes.c_void_p * len(layers))()
        self._scale_pointers = (ctypes.c_void_p * len(layers))()
        feed_forward = layers[0].feed_forward
        self._call = LayersCall(
            layers=self._weights,
            layer_count=len(layers),
            mode=_packed(layers[0].qkv).mode,
            gate=GATES[feed_forward.activation] if isinstance(feed_forward, GatedFeedForward) else 0,
            epsilon=description.norm_eps,
            attention_scale=description.attention_scale,
            hidden=description.hidden_size,
            heads=description.heads,
            kv_heads=description.kv_heads,
            head_dim=description.head_dim,
            caches=ctypes.addressof(self._cache_pointers),
            cache_scales=ctypes.addressof(self._scale_pointers),
        )

    def __call__(self, x: torch.Tensor, step: PackedTokens, cache: Sequence[torch.Tensor | Int8Cache]) -> torch.Tensor:
        """See `service.engine.operations.JoinLayers`.

        Raises:
            ValueError: a tensor has a type or a layout that the kernel can't read.
        """
        if cache is not self._caches:
            self._use(cache)
        tables, slots, positions = step.block_tables, step.kv_slots.contiguous(), step.positions.contiguous()
        if tables.dtype is not torch.int32 or tables.stride(-1) != 1 or x.dtype is not torch.float32:
            raise ValueError(f"block tables have to be int32 and x float32, not {tables.dtype} and {x.dtype}")
        x = x.contiguous()
        call = self._call
        call.x, call.tokens = x.data_ptr(), len(x)
        call.positions, call.slots = positions.data_ptr(), slots.data_ptr()
        call.block_tables, call.table_stride = tables.data_ptr(), tables.stride(0)
        call.context_lens, call.query_starts = step.context_lens.data_ptr(), step.query_starts.data_ptr()
        call.requests = len(step.context_lens)
        self._library.layers(self._variant, torch.get_num_threads(), ctypes.byref(call))
        return x

    def _use(self, cache: Sequence[torch.Tensor | Int8Cache]) -> None:
        for index, kept in enumerate(cache):
            values = kept.values if isinstance(kept, Int8Cache) else kept
            self._cache_pointers[index] = values.data_ptr()
            self._scale_pointers[index] = kept.scales.data_ptr() if isinstance(kept, Int8Cache) else None
            self._call.cache_type = CACHE_TYPES[values.dtype]
            _, self._call.blocks, _, self._call.block_size, _ = values.shape
        self._caches = cache

    def _weights_of(self, layer: Layer) -> _LayerWeights:
        before, after, before_feed_forward, after_feed_forward = (
            layer.norms if len(layer.norms) == 4 else (layer.norms[0], None, layer.norms[1], None)
        )
        cosines, sines = self._rotations[layer.description.rotary]
        tensors = (before, after, before_feed_forward, after_feed_forward, layer.q_norm, layer.k_norm, cosines, sines)
        feed_forward = layer.feed_forward
        if not isinstance(feed_forward, GatedFeedForward):
            raise TypeError("a layer with a mixture of experts can't be joined")
        linears = (layer.qkv, layer.output, feed_forward.gate_up, feed_forward.down)
        return _LayerWeights(
            *(None if tensor is None else tensor.data_ptr() for tensor in tensors),
            *(_LinearWeights(*_packed(linear).pointers, *_packed(linear).shape) for linear in linears),
            layer.description.window,
        )


def can_join(description: DecoderDescription, layers: Sequence[Layer], *, head_multiple: int, most_folded: int) -> bool:
    """Whether the layers are dense, packed for the same kernels and of heads that the attention kernel takes.

    Args:
        description: what the model is made of.
        layers: first to last.
        head_multiple: of which the attention kernel takes head sizes.
        most_folded: query heads of a key head that it takes.
    """
    return (
        description.head_dim % head_multiple == 0
        and description.heads // description.kv_heads <= most_folded
        and all(
            isinstance(layer.feed_forward, GatedFeedForward)
            and all(
                isinstance(linear, PackedLinear)
                for linear in (layer.qkv, layer.output, layer.feed_forward.gate_up, layer.feed_forward.down)
            )
            for layer in layers
        )
    )


def _packed(linear: object) -> PackedLinear:
    if not isinstance(linear, PackedLinear):
        raise TypeError("a linear layer that isn't packed can't be joined")
    return linear
