r"""Log-probabilities in the two shapes that OpenAI's endpoints have for them.

Every token that the usage counts has its entry, an end token too. A token that holds only a part of a character is
written as OpenAI does: ``bytes:\xe4\xb8``.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from service.server.protocol.responses import AlternativeLogprob, ChatLogprobs, ChatTokenLogprob, CompletionLogprobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.engine.interface import TokenLogprob

    TokenBytes = Callable[[int], bytes]

# JSON has no infinity: what a model rules out altogether is written as this, by OpenAI too.
_IMPOSSIBLE = -9999.0


def display(token: bytes) -> str:
    """A token as a string, whatever it holds."""
    try:
        return token.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


class CompletionLogprobsWriter:
    """``/v1/completions``: four lists side by side. One writer for each choice: offsets go on from piece to piece."""

    def __init__(self, token_bytes: TokenBytes) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._offset = 0

    def write(self, entries: Sequence[TokenLogprob]) -> CompletionLogprobs:
        """The next tokens' part."""
        written = CompletionLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for entry in entries:
            token = self._token_bytes(entry.token_id)
            # The token that was chosen is among the alternatives, even where it is none of the likeliest.
            top = {display(self._token_bytes(other)): _finite(logprob) for other, logprob in entry.top}
            top.setdefault(display(token), _finite(entry.logprob))
            written["tokens"].append(display(token))
            written["token_logprobs"].append(_finite(entry.logprob))
            written["top_logprobs"].append(top)
            written["text_offset"].append(self._offset)
            self._offset += len(self._decoder.decode(token))
        return written


class ChatLogprobsWriter:
    """``/v1/chat/completions``: one object for each token."""

    def __init__(self, token_bytes: TokenBytes) -> None:
        self._token_bytes = token_bytes

    def write(self, entries: Sequence[TokenLogprob]) -> ChatLogprobs:
        """The next tokens' part."""
        return ChatLogprobs(content=[self._token(entry) for entry in entries], refusal=None)

    def _token(self, entry: TokenLogprob) -> ChatTokenLogprob:
        own = self._alternative(entry.token_id, entry.logprob)
        return ChatTokenLogprob(**own, top_logprobs=[self._alternative(*other) for other in entry.top])

    def _alternative(self, token_id: int, logprob: float) -> AlternativeLogprob:
        token = self._token_bytes(token_id)
        return AlternativeLogprob(token=display(token), logprob=_finite(logprob), bytes=[*token])


def _finite(logprob: float) -> float:
    return max(logprob, _IMPOSSIBLE)
