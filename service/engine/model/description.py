"""What a decoder is made of, read from ``config.json``: one description for all architectures that run here.

The families differ in few places (biases, norms, windows, rotary frequencies, experts). Those are fields here, so that
the decoder itself knows no family's name. What a field can't express is refused by name, never approximated.
"""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transformers import AutoConfig

from service.engine.interface import ModelLoadError
from service.engine.model.rotary import Rotary, rotary_of

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PretrainedConfig


class Activation(enum.StrEnum):
    """The gate of a feed-forward layer."""

    SILU = "silu"
    GELU_TANH = "gelu_pytorch_tanh"


class ExpertNames(enum.Enum):
    """What the tensors of a mixture of experts are called: block, then gate, up and down projection."""

    QWEN3 = ("mlp", "gate_proj", "up_proj", "down_proj")
    MIXTRAL = ("block_sparse_moe", "w1", "w3", "w2")


@dataclass(frozen=True, slots=True)
class Experts:
    """A mixture of experts.

    Attributes:
        count: experts of a layer.
        active: experts that each token goes through.
        intermediate_size: of one expert.
        normalised: whether the active experts' weights are scaled to add up to 1.
        names: what the tensors are called.
    """

    count: int
    active: int
    intermediate_size: int
    normalised: bool
    names: ExpertNames


@dataclass(frozen=True, slots=True)
class LayerDescription:
    """What may differ between two layers of a model.

    Attributes:
        window: positions that a query sees, itself included; 0 means all.
        rotary: the frequencies of its rotary embedding.
        sparse: whether its feed-forward part is the model's mixture of experts.
    """

    window: int
    rotary: Rotary
    sparse: bool


@dataclass(frozen=True, slots=True)
class DecoderDescription:
    """A decoder-only transformer.

    Attributes:
        architecture: its name in ``config.json``.
        vocabulary_size: rows of the embedding.
        hidden_size: width of the residual stream.
        intermediate_size: width of a dense feed-forward layer.
        heads: query heads.
        kv_heads: key and value heads.
        head_dim: width of a head.
        context_tokens: most positions.
        norm_eps: of all RMS norms.
        norm_offset: added to the norms' stored weights (Gemma stores the difference from 1).
        activation: of the feed-forward gate.
        qkv_bias: whether query, key and value projections have biases.
        output_bias: whether the attention's output projection has one.
        mlp_bias: whether the feed-forward projections have biases.
        qk_norm: whether each head's queries and keys are normalised before rotation.
        norms_after: whether attention and feed-forward outputs are normalised too, before they are added (Gemma 3).
        tied: whether the output projection is the embedding.
        embedding_scale: the embedding is multiplied by this.
        attention_scale: of the scores.
        logit_cap: logits are squeezed into (-cap, cap) by tanh; 0 leaves them alone.
        end_token_ids: tokens that end a text, as far as ``config.json`` says.
        experts: the mixture that sparse layers use.
        layers: first to last.
    """

    architecture: str
    vocabulary_size: int
    hidden_size: int
    intermediate_size: int
    heads: int
    kv_heads: int
    head_dim: int
    context_tokens: int
    norm_eps: float
    norm_offset: float
    activation: Activation
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool
    norms_after: bool
    tied: bool
    embedding_scale: float
    attention_scale: float
    logit_cap: float
    end_token_ids: frozenset[int]
    experts: Experts | None
    layers: tuple[LayerDescription, ...]


@dataclass(frozen=True, slots=True)
class _Family:
    """What an architecture's name says beyond its configuration."""

    qkv_bias: bool | None = None  # None: attention_bias says
    qk_norm: bool = False
    gemma: bool = False
    norms_after: bool = False
    expert_names: ExpertNames | None = None


_FAMILIES = {
    "LlamaForCausalLM": _Family(),
    "MistralForCausalLM": _Family(),
    "Qwen2ForCausalLM": _Family(qkv_bias=True),
    "Qwen3ForCausalLM": _Family(qk_norm=True),
    "GemmaForCausalLM": _Family(gemma=True),
    "Gemma3ForCausalLM": _Family(gemma=True, qk_norm=True, norms_after=True),
    "Qwen3MoeForCausalLM": _Family(qk_norm=True, expert_names=ExpertNames.QWEN3),
    "MixtralForCausalLM": _Family(expert_names=ExpertNames.MIXTRAL),
}
# The class without a head -> the one with it. Gemma 3's has another name, because Gemma3Model also sees.
_OF_BODY = {name.replace("ForCausalLM", "Model"): name for name in _FAMILIES if name != "Gemma3ForCausalLM"}
_OF_BODY["Gemma3TextModel"] = "Gemma3ForCausalLM"


def read_description(folder: Path, *, pools: bool = False) -> DecoderDescription:
    """The description of the model in a folder.

    Args:
        folder: holds ``config.json``.
        pools: whether the model makes vectors of texts, so that it needs no head.

    Raises:
        ModelLoadError: ``config.json`` is missing, malformed, or asks for what this engine can't run; names it.
    """
    architecture = _architecture(folder / "config.json", pools=pools)
    if pools:
        _refuse_own_code(folder / "config.json")
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # noqa: BLE001 - transformers' config classes raise many kinds
        raise ModelLoadError(f"config.json: {error}") from None
    return describe(config, architecture)


def _architecture(path: Path, *, pools: bool) -> str:
    try:
        content = json.loads(path.read_text("utf-8"))
        (architecture,) = content["architectures"]
    except FileNotFoundError:
        raise ModelLoadError("config.json: missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelLoadError(f"config.json: one entry in `architectures` is expected: {error}") from None
    if pools:
        architecture = _OF_BODY.get(architecture, architecture)
    if architecture not in _FAMILIES:
        raise ModelLoadError(
            f"config.json: architecture {architecture} is not supported; supported are {', '.join(sorted(_FAMILIES))}"
        )
    return architecture


def _refuse_own_code(path: Path) -> None:
    """Embedding models that bring code of their own mostly do so to attend in both directions.

    Their architecture is called as the one that they changed. One that brings none, or says that it attends to what
    came before only, is what its architecture says.
    """
    content = json.loads(path.read_text("utf-8"))
    if content.get("auto_map") and content.get("is_causal") is not True:
        raise ModelLoadError(
            "config.json: auto_map is not supported: the model brings code of its own, which may attend in both "
            "directions; state `is_causal: true` where it doesn't"
        )


def describe(config: PretrainedConfig, architecture: str) -> DecoderDescription:
    """The description of a configuration; raises as `read_description`."""
    family = _FAMILIES[architecture]
    read = _Reader(config)
    heads, hidden_size = read.count("num_attention_heads"), read.count("hidden_size")
    head_dim = read.count("head_dim", hidden_size // heads)
    kv_heads = read.count("num_key_value_heads", heads)
    if heads % kv_heads:
        raise ModelLoadError(f"config.json: {heads} heads can't share {kv_heads} key and value heads evenly")
    if head_dim % 2:
        raise ModelLoadError(f"config.json: head_dim {head_dim} is odd, which rotary embeddings can't be")
    read.refuse("attn_logit_softcapping", "use_bidirectional_attention")
    if read.value("is_causal", default=True) is False:
        raise ModelLoadError("config.json: is_causal false is not supported")
    biased = bool(read.value("attention_bias", default=False))
    return DecoderDescription(
        architecture=architecture,
        vocabulary_size=read.count("vocab_size"),
        hidden_size=hidden_size,
        intermediate_size=read.count("intermediate_size"),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        context_tokens=read.count("max_position_embeddings"),
        norm_eps=float(read.value("rms_norm_eps", default=1e-6)),
        norm_offset=1.0 if family.gemma else 0.0,
        activation=_activation(read),
        qkv_bias=biased if family.qkv_bias is None else family.qkv_bias,
        output_bias=biased,
        mlp_bias=bool(read.value("mlp_bias", default=False)),
        qk_norm=family.qk_norm,
        norms_after=family.norms_after,
        tied=bool(read.value("tie_word_embeddings", default=False)),
        embedding_scale=math.sqrt(hidden_size) if family.gemma else 1.0,
        attention_scale=float(read.value("query_pre_attn_scalar", default=head_dim)) ** -0.5,
        logit_cap=float(read.value("final_logit_softcapping", default=0.0)),
        end_token_ids=token_ids(read.value("eos_token_id", default=None)),
        experts=_experts(read, family),
        layers=_layers(read, family, head_dim),
    )


def token_ids(found: int | list[int] | None) -> frozenset[int]:
    """Token ids as configuration files write them: none, one or several."""
    if found is None:
        return frozenset()
    return frozenset(found if isinstance(found, list) else [found])


class _Reader:
    """Typed access to a configuration."""

    def __init__(self, config: PretrainedConfig) -> None:
        self._config = config

    def value(self, name: str, *, default: Any) -> Any:
        """A value; absent and null both give the default."""
        found = getattr(self._config, name, None)
        return default if found is None else found

    def count(self, name: str, default: int | None = None) -> int:
        """A positive whole number."""
        found = self.value(name, default=default)
        if not isinstance(found, int) or found < 1:
            raise ModelLoadError(f"config.json: {name} has to be a positive whole number, not {found!r}")
        return found

    def refuse(self, *names: str) -> None:
        """Refuses a model that uses any of these."""
        for name in names:
            if self.value(name, default=False):
                raise ModelLoadError(f"config.json: {name} is not supported")


def _activation(read: _Reader) -> Activation:
    name = read.value("hidden_activation", default=None) or read.value("hidden_act", default="silu")
    try:
        return Activation(name)
    except ValueError:
        known = ", ".join(Activation)
        raise ModelLoadError(f"config.json: activation {name!r} is not supported; supported are {known}") from None


def _experts(read: _Reader, family: _Family) -> Experts | None:
    match family.expert_names:
        case None:
            return None
        case ExpertNames.QWEN3:
            size, normalised = read.count("moe_intermediate_size"), bool(read.value("norm_topk_prob", default=False))
        case ExpertNames.MIXTRAL:
            size, normalised = read.count("intermediate_size"), True
    return Experts(read.count("num_experts"), read.count("num_experts_per_tok"), size, normalised, family.expert_names)


def _layers(read: _Reader, family: _Family, head_dim: int) -> tuple[LayerDescription, ...]:
    count = read.count("num_hidden_layers")
    window = int(read.value("sliding_window", default=0))
    kinds = read.value("layer_types", default=None) or ["sliding_attention" if window else "full_attention"] * count
    if unknown := sorted(set(kinds) - {"sliding_attention", "full_attention"}):
        raise ModelLoadError(f"config.json: layer type {unknown[0]!r} is not supported")
    if len(kinds) != count:
        raise ModelLoadError(f"config.json: {len(kinds)} layer_types for {count} layers")
    parameters = read.value("rope_parameters", default={})
    rotaries = {kind: rotary_of(parameters.get(kind) or parameters, head_dim) for kind in set(kinds)}
    dense = set(read.value("mlp_only_layers", default=()))
    step = int(read.value("decoder_sparse_step", default=1))
    return tuple(
        LayerDescription(
            window=window if kind == "sliding_attention" else 0,
            rotary=rotaries[kind],
            sparse=family.expert_names is not None and index not in dense and (index + 1) % step == 0,
        )
        for index, kind in enumerate(kinds)
    )
