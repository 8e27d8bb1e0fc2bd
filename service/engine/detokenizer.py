"""Text from tokens as they come: each step decodes a few tokens, never the whole text again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
# A character has at most four bytes, and a token at least one. Where more tokens than this still end in an
# incomplete character the model writes no valid text, and waiting on would grow without bound.
_PATIENCE_TOKENS = 8


class IncrementalDetokenizer:
    """Decodes a growing sequence of tokens.

    A token's text depends on the one before it (spaces, bytes of one character), so each step decodes the
    previous piece with and without the new token and takes the difference. An incomplete character is held back.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], context: Sequence[int] = ()) -> None:
        """Starts after ``context``, the last tokens of the prompt."""
        self._decode = decode
        self._window: list[int] = list(context)
        self._shown = len(self._window)  # tokens of the window whose text is out

    def push(self, token_id: int) -> str:
        """The text that is complete with this token."""
        self._window.append(token_id)
        shown = self._decode(self._window[: self._shown])
        text = self._decode(self._window)
        if text.endswith(_INCOMPLETE) and len(self._window) - self._shown < _PATIENCE_TOKENS:
            return ""
        self._window = self._window[self._shown :]
        self._shown = len(self._window)
        return text[len(shown) :]

    def flush(self) -> str:
        """What was held back, when no more tokens come."""
        shown = self._decode(self._window[: self._shown])
        text = self._decode(self._window)
        self._window = self._window[self._shown :]
        self._shown = len(self._window)
        return text[len(shown) :]
