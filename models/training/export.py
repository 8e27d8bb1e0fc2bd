"""A trained network as a model folder in Hugging Face layout: what a model server loads.

Weights are stored as bfloat16: half the bytes of float32 for a change of perplexity that the card states. Files
are written by us rather than by `save_pretrained`, so that the same run gives the same bytes (no library versions
inside) and the tokenizer's file says all there is to say about it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save

from models.training import architecture
from models.training.tokenizer import END_OF_TEXT, END_OF_TEXT_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

STORED = torch.bfloat16
TIED = "lm_head.weight"
"""The same tensor as the embedding; loaders tie it again from config.json."""

CHAT_TEMPLATE = "{{ messages[-1]['content'] }}"
"""The model completes code and knows no conversation: the last message is the prompt, as it stands."""

REPETITION_PENALTY = 1.2
"""Keskar et al. 2019, "CTRL"; the value that they found. Greedy completion by so small a model falls into repetition
without: of 30 held-out prefixes, 21 came to an end, 28 with it."""


def export(
    weights: dict[str, torch.Tensor], tokenizer: Tokenizer, folder: Path, *, dtype: torch.dtype = STORED
) -> None:
    """Write config, generation config, weights and tokenizer; each file whole or not at all.

    Raises:
        OSError: disk full or no permission.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = {
        name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in sorted(weights.items()) if name != TIED
    }
    _write(folder / "config.json", _json(_config(tokenizer.get_vocab_size(), END_OF_TEXT_ID, dtype)))
    _write(folder / "generation_config.json", _json(_generation(END_OF_TEXT_ID)))
    _write(folder / "tokenizer.json", (tokenizer.to_str(pretty=True) + "\n").encode())
    _write(folder / "tokenizer_config.json", _json(_tokenizer_config()))
    _write(folder / "model.safetensors", save(kept, metadata={"format": "pt"}))


def _config(vocabulary: int, end: int, dtype: torch.dtype) -> dict[str, Any]:
    shape = architecture.config(vocabulary)
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": end,
        "dtype": str(dtype).removeprefix("torch."),
        "eos_token_id": end,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.hidden_size,
        "initializer_range": shape.initializer_range,
        "intermediate_size": shape.intermediate_size,
        "max_position_embeddings": shape.max_position_embeddings,
        "model_type": "qwen3",
        "num_attention_heads": shape.num_attention_heads,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_key_value_heads": shape.num_key_value_heads,
        "pad_token_id": end,
        "rms_norm_eps": shape.rms_norm_eps,
        "rope_parameters": {"rope_theta": architecture.ROPE_THETA, "rope_type": "default"},
        "rope_theta": architecture.ROPE_THETA,
        "tie_word_embeddings": True,
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": vocabulary,
    }


def _generation(end: int) -> dict[str, Any]:
    return {
        "bos_token_id": end,
        "do_sample": False,
        "eos_token_id": end,
        "pad_token_id": end,
        "repetition_penalty": REPETITION_PENALTY,
    }


def _tokenizer_config() -> dict[str, Any]:
    return {
        "add_prefix_space": False,
        "bos_token": END_OF_TEXT,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": END_OF_TEXT,
        "model_max_length": architecture.CONTEXT,
        "pad_token": END_OF_TEXT,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def _write(file: Path, content: bytes) -> None:
    unfinished = file.with_name(f".{file.name}.new")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
