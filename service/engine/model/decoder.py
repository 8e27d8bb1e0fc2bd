"""A decoder over packed tokens and paged keys and values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from service.engine.int8_cache import Int8Cache
from service.engine.model.description import Activation, DecoderDescription, LayerDescription
from service.engine.model.experts import MixtureOfExperts
from service.engine.model.layer import GatedFeedForward, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.engine.model.layer import Apply
    from service.engine.model.rotary import Rotary
    from service.engine.model.tensor_files import Shape, TensorFiles
    from service.engine.operations import Operations
    from service.engine.reference import LinearMode

_EMBEDDING = "model.embed_tokens.weight"
_FINAL_NORM = "model.norm.weight"
_HEAD = "lm_head.weight"


@dataclass(frozen=True, slots=True)
class PackedTokens:
    """What the decoder computes in one step; tensors on its device.

    Attributes:
        token_ids: (tokens,) int64, one request's tokens behind the other's.
        positions: (tokens,) int64, each token's place in its request.
        kv_slots: (tokens,) int64, where each token's key and value are stored: block x block_size + offset.
        query_starts: (requests + 1,) int32, where each request's tokens begin.
        context_lens: (requests,) int32, each request's length including this step's tokens.
        block_tables: (requests, most blocks) int32.
        logit_rows: (rows,) int64, the tokens whose logits are wanted.
    """

    token_ids: torch.Tensor
    positions: torch.Tensor
    kv_slots: torch.Tensor
    query_starts: torch.Tensor
    context_lens: torch.Tensor
    block_tables: torch.Tensor
    logit_rows: torch.Tensor


def expected_tensors(
    description: DecoderDescription, *, head: bool = True
) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Names and shapes of the tensors that a model of this description has: those it must have, those it may."""
    d = description
    width = {"q": d.heads * d.head_dim, "k": d.kv_heads * d.head_dim, "v": d.kv_heads * d.head_dim}
    vocabulary: Shape = (d.vocabulary_size, d.hidden_size)
    required: dict[str, Shape] = {_EMBEDDING: vocabulary, _FINAL_NORM: (d.hidden_size,)}
    for index, layer in enumerate(d.layers):
        prefix = f"model.layers.{index}"
        for norm in _norm_names(d):
            required[f"{prefix}.{norm}.weight"] = (d.hidden_size,)
        for name, outputs in width.items():
            required[f"{prefix}.self_attn.{name}_proj.weight"] = (outputs, d.hidden_size)
            if d.qkv_bias:
                required[f"{prefix}.self_attn.{name}_proj.bias"] = (outputs,)
        required[f"{prefix}.self_attn.o_proj.weight"] = (d.hidden_size, width["q"])
        if d.output_bias:
            required[f"{prefix}.self_attn.o_proj.bias"] = (d.hidden_size,)
        if d.qk_norm:
            required |= {f"{prefix}.self_attn.{name}_norm.weight": (d.head_dim,) for name in "qk"}
        required |= _feed_forward_tensors(d, layer, prefix)
    if d.tied or not head:
        return required, {_HEAD: vocabulary}
    return required | {_HEAD: vocabulary}, {}


def _norm_names(d: DecoderDescription) -> tuple[str, ...]:
    if d.norms_after:
        return (
            "input_layernorm",
            "post_attention_layernorm",
            "pre_feedforward_layernorm",
            "post_feedforward_layernorm",
        )
    return ("input_layernorm", "post_attention_layernorm")


def _feed_forward_tensors(d: DecoderDescription, layer: LayerDescription, prefix: str) -> dict[str, Shape]:
    if not (layer.sparse and d.experts):
        gate, up, down = (f"{prefix}.mlp.{name}_proj" for name in ("gate", "up", "down"))
        tensors: dict[str, Shape] = _gated_tensors(gate, up, down, d.hidden_size, d.intermediate_size)
        if d.mlp_bias:
            tensors |= {f"{gate}.bias": (d.intermediate_size,), f"{up}.bias": (d.intermediate_size,)}
            tensors[f"{down}.bias"] = (d.hidden_size,)
        return tensors
    block, gate, up, down = d.experts.names.value
    tensors = {f"{prefix}.{block}.gate.weight": (d.experts.count, d.hidden_size)}
    for expert in range(d.experts.count):
        names = (f"{prefix}.{block}.experts.{expert}.{name}" for name in (gate, up, down))
        tensors |= _gated_tensors(*names, d.hidden_size, d.experts.intermediate_size)
    return tensors


def _gated_tensors(gate: str, up: str, down: str, hidden: int, intermediate: int) -> dict[str, Shape]:
    return {
        f"{gate}.weight": (intermediate, hidden),
        f"{up}.weight": (intermediate, hidden),
        f"{down}.weight": (hidden, intermediate),
    }


class Decoder:
    """A loaded model.

    Attributes:
        description: what it is made of.
        device: where it computes.
    """

    def __init__(
        self,
        description: DecoderDescription,
        files: TensorFiles,
        operations: Operations,
        *,
        mode: LinearMode,
        dtype: torch.dtype,
        device: torch.device,
        context_tokens: int,
        head: bool = True,
    ) -> None:
        """Loads the weights.

        Args:
            description: what the model is made of.
            files: its tensors.
            operations: what it is computed with.
            mode: of the linear layers.
            dtype: of activations.
            device: where it computes.
            context_tokens: most positions of a request; the rotary tables are this long.
            head: whether it is to give logits; without one only `hidden_states` may be called.

        Raises:
            ModelLoadError: a tensor is missing, left over, of another shape or type; names it.
        """
        files.require(*expected_tensors(description, head=head))
        self.description = description
        self.device = device
        self._dtype = dtype
        self._ops = operations
        self._mode = mode
        self._files = files
        embedding = self._load(_EMBEDDING)
        self._embedding = embedding.to(dtype)
        self._layers = tuple(
            self._load_layer(f"model.layers.{index}", layer) for index, layer in enumerate(description.layers)
        )
        self._norm = self._load_norm(_FINAL_NORM)
        self._head: Apply | None = None
        if head:
            # A head that is stored beside a tied embedding is the same tensor twice.
            weight = embedding if description.tied else self._load(_HEAD)
            self._head = operations.prepare_linear(weight, None, mode)
        rotaries = {layer.rotary for layer in description.layers}
        self._rotations = {rotary: self._table(rotary, context_tokens) for rotary in rotaries}
        self._all_layers = (
            operations.join_layers(description, self._layers, self._rotations) if operations.join_layers else None
        )
        del self._files

    def new_cache(self, blocks: int, block_size: int, dtype: torch.dtype) -> list[torch.Tensor | Int8Cache]:
        """Empty keys and values: per layer (2, blocks, kv_heads, block_size, head_dim); of int8, with scales."""
        d = self.description
        if dtype is torch.int8:
            return [Int8Cache.empty(blocks, d.kv_heads, block_size, d.head_dim) for _ in d.layers]
        shape = (2, blocks, d.kv_heads, block_size, d.head_dim)
        return [torch.zeros(shape, dtype=dtype, device=self.device) for _ in d.layers]

    @torch.inference_mode()
    def __call__(self, step: PackedTokens, cache: Sequence[torch.Tensor | Int8Cache]) -> torch.Tensor:
        """Computes a step and stores its keys and values.

        Returns:
            (rows, vocabulary) float32: the logits of ``step.logit_rows``.
        """
        if self._head is None:
            raise ValueError("the model was loaded without a head")
        logits = self._head(self._normed(self._residuals(step, cache)[step.logit_rows])).float()
        if cap := self.description.logit_cap:
            logits = torch.tanh(logits / cap) * cap
        return logits

    @torch.inference_mode()
    def hidden_states(self, step: PackedTokens, cache: Sequence[torch.Tensor | Int8Cache]) -> torch.Tensor:
        """Computes a step and stores its keys and values.

        Returns:
            (tokens, hidden_size): the last hidden state of every token, normalised as for the head.
        """
        return self._normed(self._residuals(step, cache))

    def _normed(self, x: torch.Tensor) -> torch.Tensor:
        return self._ops.rms_norm(x, self._norm, self.description.norm_eps)

    def _residuals(self, step: PackedTokens, cache: Sequence[torch.Tensor | Int8Cache]) -> torch.Tensor:
        """The residual stream after all layers, (tokens, hidden_size)."""
        x = self._embedding[step.token_ids]
        if self.description.embedding_scale != 1.0:
            x *= torch.tensor(self.description.embedding_scale, dtype=x.dtype)
        return self._all_layers(x, step, cache) if self._all_layers else self._run_layers(x, step, cache)

    def _run_layers(
        self, x: torch.Tensor, step: PackedTokens, cache: Sequence[torch.Tensor | Int8Cache]
    ) -> torch.Tensor:
        rotations = {
            rotary: (cos[step.positions], sin[step.positions]) for rotary, (cos, sin) in self._rotations.items()
        }
        for layer, kv_cache in zip(self._layers, cache, strict=True):
            x = self._run_layer(layer, x, step, kv_cache, rotations[layer.description.rotary])
        return x

    def _run_layer(
        self,
        layer: Layer,
        x: torch.Tensor,
        step: PackedTokens,
        kv_cache: torch.Tensor | Int8Cache,
        rotation: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        eps, norm = self.description.norm_eps, self._ops.rms_norm
        if self.description.norms_after:
            before, after, before_feed_forward, after_feed_forward = layer.norms
            x = x + norm(self._attend(layer, norm(x, before, eps), step, kv_cache, rotation), after, eps)
            return x + norm(layer.feed_forward(norm(x, before_feed_forward, eps)), after_feed_forward, eps)
        before, before_feed_forward = layer.norms
        x = x + self._attend(layer, norm(x, before, eps), step, kv_cache, rotation)
        return x + layer.feed_forward(norm(x, before_feed_forward, eps))

    def _attend(
        self,
        layer: Layer,
        x: torch.Tensor,
        step: PackedTokens,
        kv_cache: torch.Tensor | Int8Cache,
        rotation: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        d, ops = self.description, self._ops
        qkv = layer.qkv(x).view(len(x), d.heads + 2 * d.kv_heads, d.head_dim)
        q, k, v = qkv.split((d.heads, d.kv_heads, d.kv_heads), dim=1)
        if layer.q_norm is not None and layer.k_norm is not None:
            q, k = ops.rms_norm(q, layer.q_norm, d.norm_eps), ops.rms_norm(k, layer.k_norm, d.norm_eps)
        q, k = ops.rope(q, k, *rotation)
        ops.store_kv(k, v, kv_cache, step.kv_slots)
        attended = ops.paged_attention(
            q,
            kv_cache,
            step.block_tables,
            step.context_lens,
            step.query_starts,
            scale=d.attention_scale,
            window=layer.description.window,
        )
        return layer.output(attended.view(len(x), d.heads * d.head_dim))

    def _load(self, name: str) -> torch.Tensor:
        return self._files.tensor(name).to(self.device)

    def _load_norm(self, name: str) -> torch.Tensor:
        return self._load(name).float() + self.description.norm_offset

    def _load_linear(self, *names: str, bias: bool) -> Apply:
        """Projections of the same input, as one."""
        weight = torch.cat([self._load(f"{name}.weight") for name in names])
        biases = torch.cat([self._load(f"{name}.bias") for name in names]) if bias else None
        return self._ops.prepare_linear(weight, biases, self._mode)

    def _load_layer(self, prefix: str, layer: LayerDescription) -> Layer:
        d, attention = self.description, f"{prefix}.self_attn"
        return Layer(
            description=layer,
            norms=tuple(self._load_norm(f"{prefix}.{norm}.weight") for norm in _norm_names(d)),
            qkv=self._load_linear(*(f"{attention}.{name}_proj" for name in "qkv"), bias=d.qkv_bias),
            q_norm=self._load_norm(f"{attention}.q_norm.weight") if d.qk_norm else None,
            k_norm=self._load_norm(f"{attention}.k_norm.weight") if d.qk_norm else None,
            output=self._load_linear(f"{attention}.o_proj", bias=d.output_bias),
            feed_forward=self._load_mixture(prefix) if layer.sparse else self._load_dense(prefix),
        )

    def _load_dense(self, prefix: str) -> GatedFeedForward:
        gate, up, down = (f"{prefix}.mlp.{name}_proj" for name in ("gate", "up", "down"))
        return self._load_gated(gate, up, down, bias=self.description.mlp_bias)

    def _load_mixture(self, prefix: str) -> MixtureOfExperts:
        experts = self.description.experts
        if experts is None:
            raise ValueError("a sparse layer without a mixture of experts")
        block, *names = experts.names.value
        return MixtureOfExperts(
            experts,
            self._load(f"{prefix}.{block}.gate.weight").to(self._dtype),
            [
                self._load_gated(*(f"{prefix}.{block}.experts.{expert}.{name}" for name in names), bias=False)
                for expert in range(experts.count)
            ],
        )

    def _load_gated(self, gate: str, up: str, down: str, *, bias: bool) -> GatedFeedForward:
        activation = self.description.activation
        return GatedFeedForward(
            gate_up=self._load_linear(gate, up, bias=bias),
            gated=self._ops.silu_mul if activation is Activation.SILU else self._ops.gelu_mul,
            activation=activation,
            down=self._load_linear(down, bias=bias),
        )

    def _table(self, rotary: Rotary, positions: int) -> tuple[torch.Tensor, torch.Tensor]:
        cos, sin = rotary.table(positions)
        return cos.to(self.device), sin.to(self.device)
