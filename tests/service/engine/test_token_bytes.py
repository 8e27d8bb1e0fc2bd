from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from service.engine.token_bytes import TokenBytes

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT = "def naïve(世界): 🎉  two  spaces\n"


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|end|>"])
    tokenizer.train_from_iterator(["def naïve two spaces"] * 4, trainer)
    return tokenizer


def byte_fallback() -> Tokenizer:
    pieces = [*(f"<0x{byte:02X}>" for byte in range(256)), *"defnaiv(): twospc", "▁"]
    vocabulary = {piece: token for token, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


@pytest.mark.parametrize("make", [byte_level, byte_fallback])
def test_a_text_s_tokens_are_its_bytes(make: Callable[[], Tokenizer]) -> None:
    tokenizer = make()
    lookup = TokenBytes(tokenizer)
    assert b"".join(lookup.of(token) for token in tokenizer.encode(_TEXT).ids) == _TEXT.encode()


def test_special_tokens_are_what_they_are_written_as_and_filling_is_nothing() -> None:
    tokenizer = byte_level()
    lookup = TokenBytes(tokenizer)
    (end,) = tokenizer.get_added_tokens_decoder()
    assert lookup.of(end) == b"<|end|>"
    assert lookup.of(tokenizer.get_vocab_size() + 5) == b""
