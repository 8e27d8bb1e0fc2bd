"""The model that W1 to W3 are made for: 88 million random weights in the shape of Qwen3.

Random weights cost as much to compute as trained ones and can be had anywhere. The tokenizer knows one word for each
token id, so that peers that take text only get the very same prompts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY_SIZE = 16_384
CONTEXT_TOKENS = 1024
END_TOKEN_ID = 0
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY_SIZE,
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "max_position_embeddings": CONTEXT_TOKENS,
    "tie_word_embeddings": True,
    "bos_token_id": None,
    "eos_token_id": END_TOKEN_ID,
    "pad_token_id": END_TOKEN_ID,
}
"""Arguments of transformers' `Qwen3Config`."""


_TOKENIZER: dict[str, str] = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "w0",
    "eos_token": "w0",
    "unk_token": "w1",
}
"""Without it transformers gives a Qwen's tokenizer one more token for the end, which the weights know nothing of."""


def word(token_id: int) -> str:
    """Give the word of a token."""
    return f"w{token_id}"


def make(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write the model into a folder in Hugging Face layout, weights in bf16.

    Args:
        folder: is made where it is missing.
        seed: of the weights.
        changes: to `SHAPE`, for smaller models.

    Returns:
        The folder.
    """
    import torch  # noqa: PLC0415 - seconds, and only this needs it
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415
    from transformers import Qwen3Config, Qwen3ForCausalLM  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    shape = SHAPE | changes
    tokenizer = Tokenizer(models.WordLevel({word(token): token for token in range(shape["vocab_size"])}, word(1)))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(_TOKENIZER), encoding="utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        Qwen3ForCausalLM(Qwen3Config(**shape)).to(torch.bfloat16).save_pretrained(folder)
    return folder
