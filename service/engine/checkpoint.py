"""A model folder in Hugging Face layout, loaded whole or refused with the name of what is wrong.

transformers fills a missing tensor with random numbers and logs a warning. A server that did the same would
answer nonsense with a straight face, so here anything missing, left over or of another shape is an error.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from service.engine.chat_template import ChatTemplate
from service.engine.interface import ModelLoadError

if TYPE_CHECKING:
    from pathlib import Path

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
    tokenizer = _load_tokenizer(folder / "tokenizer.json")
    _check_tensor_files(folder)
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
        end_token_ids=_end_token_ids(model),
        context_tokens=context_tokens,
    )


def _load_tokenizer(path: Path) -> Tokenizer:
    if not path.is_file():
        raise ModelLoadError("tokenizer.json: missing; only tokenizers in this format are supported")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the Rust library raises bare Exception
        raise ModelLoadError(f"tokenizer.json: {error}") from None


def _check_tensor_files(folder: Path) -> None:
    """Opens each safetensors file, which checks its header against its size."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelLoadError(f"{folder.name}: no .safetensors file; other formats can run code and are not loaded")
    present: dict[str, set[str]] = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as tensors:
                present[path.name] = set(tensors.keys())
        except (SafetensorError, OSError, struct.error) as error:
            raise ModelLoadError(f"{path.name}: damaged or truncated: {error}") from None
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    try:
        mapping: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelLoadError(f"{index.name}: malformed: {error}") from None
    for tensor, file in mapping.items():
        if tensor not in present.get(file, set()):
            raise ModelLoadError(f"{index.name}: tensor {tensor} should be in {file} and is not")


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


def _end_token_ids(model: PreTrainedModel) -> frozenset[int]:
    """The end tokens of ``generation_config.json``, else of ``config.json``."""
    generation = getattr(model, "generation_config", None)
    found = getattr(generation, "eos_token_id", None)
    if found is None:
        found = getattr(model.config, "eos_token_id", None)
    if found is None:
        return frozenset()
    return frozenset(found if isinstance(found, list) else [found])
