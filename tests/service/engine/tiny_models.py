"""Tiny models of random weights, one for each shape that the engine runs, made from transformers' own classes."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)
from transformers.utils import logging as transformers_logging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PretrainedConfig

VOCABULARY = 97
CONTEXT_TOKENS = 256
# Logits are of the order of 1; float32 sums in another order differ by about 1e-6 of that.
_CLOSE = 2e-4
_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": CONTEXT_TOKENS,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
_ONE_KV_HEAD: dict[str, Any] = {**_SIZES, "num_key_value_heads": 1}


def _rope(kind: str, **parameters: object) -> dict[str, object]:
    return {"rope_type": kind, "rope_theta": 10_000.0, **parameters}


_LLAMA3 = _rope("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
_YARN = _rope("yarn", factor=4.0, original_max_position_embeddings=64)

SHAPES: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**_SIZES, tie_word_embeddings=False),
    "llama-biased-one-kv-head": lambda: LlamaConfig(**_ONE_KV_HEAD, attention_bias=True, mlp_bias=True),
    "llama-linear": lambda: LlamaConfig(**_SIZES, rope_parameters=_rope("linear", factor=2.0)),
    "llama-llama3": lambda: LlamaConfig(**_SIZES, rope_parameters=_LLAMA3),
    "mistral-window": lambda: MistralConfig(**_SIZES, sliding_window=20),
    "qwen2-late-windows": lambda: Qwen2Config(
        **_SIZES, use_sliding_window=True, sliding_window=24, max_window_layers=1, tie_word_embeddings=True
    ),
    "qwen3": lambda: Qwen3Config(**_SIZES, tie_word_embeddings=True),
    "qwen3-yarn": lambda: Qwen3Config(**_SIZES, rope_parameters=_YARN),
    "gemma": lambda: GemmaConfig(**_SIZES),
    "gemma3": lambda: Gemma3TextConfig(
        **_SIZES,
        sliding_window=20,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        query_pre_attn_scalar=16,
        final_logit_softcapping=30.0,
    ),
    "qwen3-moe": lambda: Qwen3MoeConfig(
        **_SIZES,
        num_experts=6,
        num_experts_per_tok=2,
        moe_intermediate_size=24,
        norm_topk_prob=True,
        mlp_only_layers=[1],
    ),
    "mixtral-window": lambda: MixtralConfig(**_SIZES, num_local_experts=4, sliding_window=40),
}


def words() -> Tokenizer:
    """A tokenizer of as many words as the models know."""
    tokenizer = Tokenizer(models.WordLevel({f"w{token}": token for token in range(VOCABULARY)}, unk_token="w1"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


@functools.cache
def tiny_model(shape: str) -> tuple[Path, Any]:
    """A folder with the model, and the model as transformers runs it, in fp32."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.manual_seed(sorted(SHAPES).index(shape))
    model: Any = AutoModelForCausalLM.from_config(SHAPES[shape](), attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # The classes' own beginnings make all tokens alike, norms and biases without effect.
            scale = 0.3 if "norm" in name or "bias" in name else 6.0
            parameter.copy_(
                parameter * scale if parameter.ndim > 1 else parameter + scale * torch.randn_like(parameter)
            )
    folder = Path(tempfile.mkdtemp(prefix=f"tiny-{shape}-"))
    model.save_pretrained(folder)
    model.generation_config.eos_token_id = None  # the oracle goes on after it, as the requests here do
    words().save(str(folder / "tokenizer.json"))
    return folder, model


def greedy(model: Any, prompt: Sequence[int], tokens: int) -> list[int]:
    """What transformers itself continues with, up to where two tokens are so close that rounding decides."""
    output = model.generate(torch.tensor([list(prompt)]), max_new_tokens=tokens, do_sample=False, use_cache=True)
    with torch.inference_mode():
        logits = model(output[:, :-1]).logits[0, len(prompt) - 1 :]
    best = logits.topk(2, dim=-1).values
    close = torch.nonzero(best[:, 0] - best[:, 1] < _CLOSE).flatten().tolist()
    sure = close[0] if close else tokens
    return output[0, len(prompt) : len(prompt) + sure].tolist()
