"""What belongs to a model besides its weights: tokenizer, chat template, end tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from service.engine.chat_template import ChatTemplate
from service.engine.generation_config import GenerationConfig
from service.engine.interface import ModelLoadError, SamplingDefaults
from service.engine.model.description import DecoderDescription, read_description
from service.engine.model.pooling import Pooling, read_pooling

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model folder in Hugging Face layout, its weights aside.

    Attributes:
        description: what the decoder is made of.
        tokenizer: safe to use from several threads.
        chat_template: how conversations become prompts.
        end_token_ids: tokens that end a text.
        defaults: how its makers want it sampled.
        pooling: how it makes vectors of texts; None for a model that generates them.
    """

    description: DecoderDescription
    tokenizer: Tokenizer
    chat_template: ChatTemplate
    end_token_ids: frozenset[int]
    defaults: SamplingDefaults
    pooling: Pooling | None

    @classmethod
    def read(cls, folder: Path) -> ModelFolder:
        """Reads a folder.

        Raises:
            ModelLoadError: a file is missing, malformed or doesn't fit the others; names it.
        """
        pooling = read_pooling(folder)
        description = read_description(folder, pools=pooling is not None)
        tokenizer = read_tokenizer(folder)
        # Some checkpoints pad the model's vocabulary; a tokenizer larger than the model is a mismatch.
        if (size := tokenizer.get_vocab_size()) > description.vocabulary_size:
            raise ModelLoadError(
                f"tokenizer.json: {size} tokens, but config.json says vocab_size {description.vocabulary_size}"
            )
        generation = GenerationConfig.read(folder)
        ends = generation.end_token_ids or description.end_token_ids
        return cls(description, tokenizer, ChatTemplate.of_folder(folder), ends, generation.defaults, pooling)


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a model's folder, without the truncation and padding that its file may ask for.

    They are left over from training: they would cut prompts short, or fill them up, without a word.

    Raises:
        ModelLoadError: it is missing or malformed.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelLoadError("tokenizer.json: missing; only tokenizers in this format are supported")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the Rust library raises bare Exception
        raise ModelLoadError(f"tokenizer.json: {error}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
