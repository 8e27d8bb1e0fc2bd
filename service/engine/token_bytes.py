"""The bytes that one token stands for: a token may hold a part of a character, which no text can show."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizers import Tokenizer

# SentencePiece's sign for a space, and its spelling of a single byte.
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class TokenBytes:
    """Looks tokens up in one vocabulary; remembers what it has looked up. Safe to use from several threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        decoder = tokenizer.decoder
        self._decoders = frozenset(_types(json.loads(decoder.__getstate__()))) if decoder is not None else frozenset()
        self._known = {token: added.content.encode() for token, added in tokenizer.get_added_tokens_decoder().items()}

    def of(self, token_id: int) -> bytes:
        """A token's bytes; none for an id that only fills up the model's vocabulary."""
        found = self._known.get(token_id)
        if found is None:
            found = self._known[token_id] = self._look_up(token_id)
        return found

    def _look_up(self, token_id: int) -> bytes:
        piece = self._tokenizer.id_to_token(token_id)
        if piece is None:
            return b""
        if "ByteLevel" in self._decoders:
            return bytes(_BYTE_OF[sign] for sign in piece) if _BYTE_OF.keys() >= set(piece) else piece.encode()
        if "ByteFallback" in self._decoders and (byte := _BYTE.fullmatch(piece)):
            return bytes([int(byte[1], 16)])
        if self._decoders & {"Metaspace", "Replace"}:
            return piece.replace(_SPACE, " ").encode()
        return self._tokenizer.decode([token_id], skip_special_tokens=False).encode()


def _types(decoder: dict[str, Any]) -> Iterator[str]:
    """The kinds of a decoder and of those that it is made of."""
    yield decoder["type"]
    for part in decoder.get("decoders", ()):
        yield from _types(part)


def _byte_level_alphabet() -> dict[str, int]:
    """The visible characters that byte-level vocabularies write bytes with.

    Source: ``bytes_to_unicode`` of GPT-2's encoder (https://github.com/openai/gpt-2).
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(0x100)) - set(visible))
    return {chr(byte): byte for byte in visible} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


_BYTE_OF = _byte_level_alphabet()
