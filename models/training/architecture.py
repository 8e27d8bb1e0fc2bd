"""The network: Qwen3's architecture (grouped-query attention, QK norm, SwiGLU, RMSNorm, RoPE) at a few million weights.

The size follows from the compute at hand. Two CPU cores that do nothing else see seven to ten million tokens an hour
with these weights; more weights would see too few, fewer would stop learning too early (Hoffmann et al. 2022,
"Training Compute-Optimal Large Language Models").
"""

from __future__ import annotations

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from models.training.tokenizer import END_OF_TEXT_ID

CONTEXT = 512
"""Tokens."""
ROPE_THETA = 10_000.0
"""Base of the rotary embedding's wavelengths; the usual value for short contexts."""


def config(vocabulary: int) -> Qwen3Config:
    """The demo model's shape for this number of tokens of vocabulary."""
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        tie_word_embeddings=True,
        attention_bias=False,
        bos_token_id=END_OF_TEXT_ID,
        eos_token_id=END_OF_TEXT_ID,
        pad_token_id=END_OF_TEXT_ID,
        initializer_range=0.02,
        use_cache=True,
        dtype=torch.float32,
    )


def network(vocabulary: int, *, seed: int) -> Qwen3ForCausalLM:
    """A freshly initialised network, in float32; the seed decides its weights."""
    torch.manual_seed(seed)
    return Qwen3ForCausalLM._from_config(config(vocabulary), attn_implementation="sdpa")  # noqa: SLF001  the public way reads files
