"""A small corpus of real files and a small network, so that every part runs in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from models.training import architecture, corpus, sources, tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from models.training.corpus import Corpus


@pytest.fixture(scope="session")
def source() -> sources.Source:
    """A part of the standard library."""
    library = sources.standard_library()
    return sources.Source(library.name, library.version, library.licence, library.files[::7])


@pytest.fixture(scope="session")
def small_corpus(source: sources.Source) -> Corpus:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "SOURCE_SHARE", 1.0)  # there is only one source
        return corpus.build([source], workers=1, progress=lambda *_: None)


@pytest.fixture(scope="session")
def small_tokenizer(small_corpus: Corpus) -> Tokenizer:
    return tokenizer.train(document.text for document in small_corpus.training)


@pytest.fixture
def tiny_shape(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make the architecture two thin layers; their number."""
    whole = architecture.config

    def tiny(vocabulary: int) -> Qwen3Config:
        shape = whole(vocabulary)
        shape.hidden_size, shape.intermediate_size, shape.num_hidden_layers = 32, 64, 2
        shape.head_dim, shape.layer_types = 16, ["full_attention"] * 2
        return shape

    monkeypatch.setattr(architecture, "config", tiny)
    return 2


@pytest.fixture
def tiny_network(tiny_shape: int, small_tokenizer: Tokenizer) -> Qwen3ForCausalLM:
    assert architecture.config(8).num_hidden_layers == tiny_shape
    torch.set_num_threads(1)
    return architecture.network(small_tokenizer.get_vocab_size(), seed=0)
