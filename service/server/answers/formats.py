"""How each endpoint writes its choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from service.server.answers.logprobs import ChatLogprobsWriter, CompletionLogprobsWriter
from service.server.protocol.responses import (
    AssistantMessage,
    ChatChoice,
    ChatChunkChoice,
    ChatDelta,
    ChatLogprobs,
    CompletionChoice,
    CompletionLogprobs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.engine.interface import Delta, FinishReason, TokenLogprob


class ChoiceFormat(Protocol):
    """One choice, as an endpoint writes it. Keeps what its log-probabilities need from piece to piece."""

    def opening(self) -> object | None:
        """The choice in a stream's first event, sent as soon as the request is admitted; None where there is none."""
        ...

    def chunk(self, delta: Delta) -> object:
        """The choice in one event of a stream."""
        ...

    def whole(self, text: str, reason: FinishReason | None, logprobs: Sequence[TokenLogprob] | None) -> object:
        """The choice in an answer in one piece."""
        ...


class AnswerFormat(Protocol):
    """What an endpoint's answers are called, and how it writes their choices."""

    kind: str
    chunk_kind: str
    id_prefix: str

    def choice(self, index: int) -> ChoiceFormat:
        """A new choice."""
        ...


class CompletionFormat:
    """``/v1/completions``."""

    kind = chunk_kind = "text_completion"
    id_prefix = "cmpl-"

    def __init__(self, token_bytes: Callable[[int], bytes], echoed: Sequence[str] = ()) -> None:
        """Takes what single tokens stand for, and what each choice is to begin with."""
        self._token_bytes = token_bytes
        self._echoed = echoed

    def choice(self, index: int) -> CompletionChoiceFormat:
        """See `AnswerFormat.choice`."""
        return CompletionChoiceFormat(index, self._token_bytes, self._echoed[index] if self._echoed else "")


class CompletionChoiceFormat:
    """One continuation."""

    def __init__(self, index: int, token_bytes: Callable[[int], bytes], echoed: str) -> None:
        self._index = index
        self._echoed = echoed
        self._logprobs = CompletionLogprobsWriter(token_bytes)

    def opening(self) -> CompletionChoice | None:
        """See `ChoiceFormat.opening`."""
        return self._choice(self._echoed, None, None) if self._echoed else None

    def chunk(self, delta: Delta) -> CompletionChoice:
        """See `ChoiceFormat.chunk`."""
        return self._choice(delta.text, delta.finish_reason, delta.logprobs)

    def whole(
        self, text: str, reason: FinishReason | None, logprobs: Sequence[TokenLogprob] | None
    ) -> CompletionChoice:
        """See `ChoiceFormat.whole`."""
        return self._choice(self._echoed + text, reason, logprobs)

    def _choice(
        self, text: str, reason: FinishReason | None, logprobs: Sequence[TokenLogprob] | None
    ) -> CompletionChoice:
        written: CompletionLogprobs | None = None if logprobs is None else self._logprobs.write(logprobs)
        return CompletionChoice(index=self._index, text=text, logprobs=written, finish_reason=reason)


class ChatFormat:
    """``/v1/chat/completions``."""

    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"
    id_prefix = "chatcmpl-"

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        """Takes what single tokens stand for."""
        self._token_bytes = token_bytes

    def choice(self, index: int) -> ChatChoiceFormat:
        """See `AnswerFormat.choice`."""
        return ChatChoiceFormat(index, self._token_bytes)


class ChatChoiceFormat:
    """One answer of the assistant."""

    def __init__(self, index: int, token_bytes: Callable[[int], bytes]) -> None:
        self._index = index
        self._logprobs = ChatLogprobsWriter(token_bytes)

    def opening(self) -> ChatChunkChoice:
        """See `ChoiceFormat.opening`."""
        return self._chunk(ChatDelta(role="assistant", content=""), None, None)

    def chunk(self, delta: Delta) -> ChatChunkChoice:
        """See `ChoiceFormat.chunk`."""
        added = ChatDelta(content=delta.text) if delta.text else ChatDelta()
        return self._chunk(added, delta.finish_reason, delta.logprobs)

    def whole(self, text: str, reason: FinishReason | None, logprobs: Sequence[TokenLogprob] | None) -> ChatChoice:
        """See `ChoiceFormat.whole`."""
        message = AssistantMessage(role="assistant", content=text, refusal=None)
        return ChatChoice(index=self._index, message=message, logprobs=self._written(logprobs), finish_reason=reason)

    def _chunk(
        self, delta: ChatDelta, reason: FinishReason | None, logprobs: Sequence[TokenLogprob] | None
    ) -> ChatChunkChoice:
        return ChatChunkChoice(index=self._index, delta=delta, logprobs=self._written(logprobs), finish_reason=reason)

    def _written(self, logprobs: Sequence[TokenLogprob] | None) -> ChatLogprobs | None:
        return None if logprobs is None else self._logprobs.write(logprobs)
