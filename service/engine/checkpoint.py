"""A model folder in Hugging Face layout, loaded whole or refused with the name of what is wrong.

transformers fills a missing tensor with random numbers and logs a warning. A server that did the same would
answer nonsense with a straight face, so here anything missing, left over or of another shape is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from service.engine.chat_template import ChatTemplate
from service.engine.generation_config import GenerationConfig
from service.engine.interface import ModelLoadError
from service.engine.model.description import token_ids
from service.engine.model.tensor_files import TensorFiles
from service.engine.model_folder import read_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

DTypeChoice = Literal["auto", "float32", "bfloat16", "float16"]
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model.

    Attributes:
        model: in evaluation mode.
        tokenizer: safe to use from several threads.
        chat_template: how conversations become prompts.
        end_token_ids: tokens that end a text.
        context_tokens: most tokens of prompt and completion together.
    """

    model: PreTrainedModel
    tokenizer: Tokenizer
    chat_template: ChatTemplate
    end_token_ids: frozenset[int]
    context_tokens: int


def load_checkpoint(folder: Path, *, dtype: DTypeChoice = "auto") -> Checkpoint:
    """Loads a model and what belongs to it.

    Args:
        folder: holds ``config.json``, ``tokenizer.json`` and safetensors files.
        dtype: of the weights in memory; ``auto`` is float32 on a CPU, whose bfloat16 is slow more often than
            not, and the checkpoint's own on a GPU.

    Raises:
        ModelLoadError: something is missing, damaged or doesn't fit; names the file or tensor.
    """
    tokenizer = read_tokenizer(folder)
    TensorFiles(folder)  # checks them
    model = _load_model(folder, dtype)
    config = model.config
    context_tokens = getattr(config, "max_position_embeddings", None)
    if not isinstance(context_tokens, int) or context_tokens < 1:
        raise ModelLoadError("config.json: max_position_embeddings (the context's length) is missing")
    # Some checkpoints pad the model's vocabulary; a tokenizer larger than the model is a mismatch.
    if tokenizer.get_vocab_size() > config.vocab_size:
        raise ModelLoadError(
            f"tokenizer.json: {tokenizer.get_vocab_size()} tokens, but config.json says vocab_size {config.vocab_size}"
        )
    return Checkpoint(
        model=model,
        tokenizer=tokenizer,
        chat_template=ChatTemplate.of_folder(folder),
        end_token_ids=GenerationConfig.read(folder).end_token_ids or token_ids(config.eos_token_id),
        context_tokens=context_tokens,
    )


def _load_model(folder: Path, dtype: DTypeChoice) -> PreTrainedModel:
    on_gpu = torch.cuda.is_available()
    wanted: Any = dtype if dtype != "auto" else ("auto" if on_gpu else torch.float32)
    # What it would warn about is checked below and raised.
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=wanted,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            # Reported like the others below, by name; by default it names none.
            ignore_mismatched_sizes=True,
        )
    except Exception as error:  # noqa: BLE001 - transformers and its config classes raise many kinds
        raise ModelLoadError(f"{folder.name}: {error}") from None
    model: PreTrainedModel
    loading: dict[str, Any]
    model, loading = loaded
    for kind, means in (
        ("missing_keys", "not in the weights files"),
        ("unexpected_keys", "in the weights files, but not in the model that config.json describes"),
        ("mismatched_keys", "of another shape than config.json describes"),
    ):
        if names := sorted(str(name[0] if isinstance(name, tuple) else name) for name in loading[kind]):
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise ModelLoadError(f"{folder.name}: tensor {', '.join(names[:_SHOWN])}{more}: {means}")
    return model.eval().to("cuda") if on_gpu else model.eval()
