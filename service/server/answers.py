"""OpenAI's response bodies, whole or as a stream of events, from an engine's deltas."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from service.engine.interface import EngineError, FinishReason, Usage
from service.server.refusals import of_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.engine.interface import DeltaStream
    from service.server.metrics import RequestMetrics

_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Identity:
    """What all parts of one answer repeat.

    Attributes:
        request_id: the answer's id is made of it.
        model: the model's name.
        fingerprint: which weights answered.
    """

    request_id: str
    model: str
    fingerprint: str | None


class Format(Protocol):
    """How one endpoint writes its answers."""

    kind: str
    chunk_kind: str
    id_prefix: str

    def choice(self, text: str, reason: FinishReason | None) -> dict[str, Any]:
        """The only choice of a whole answer."""
        ...

    def opening(self) -> dict[str, Any] | None:
        """The choice of a stream's first event, sent as soon as the request is admitted."""
        ...

    def chunk(self, text: str, reason: FinishReason | None) -> dict[str, Any]:
        """The choice of one event of a stream."""
        ...


class CompletionFormat:
    """``/v1/completions``."""

    kind = chunk_kind = "text_completion"
    id_prefix = "cmpl-"

    def choice(self, text: str, reason: FinishReason | None) -> dict[str, Any]:
        """See `Format`."""
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}

    def opening(self) -> dict[str, Any] | None:
        """See `Format`."""
        return None

    def chunk(self, text: str, reason: FinishReason | None) -> dict[str, Any]:
        """See `Format`."""
        return self.choice(text, reason)


class ChatFormat:
    """``/v1/chat/completions``."""

    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"
    id_prefix = "chatcmpl-"

    def choice(self, text: str, reason: FinishReason | None) -> dict[str, Any]:
        """See `Format`."""
        message = {"role": "assistant", "content": text, "refusal": None}
        return {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}

    def opening(self) -> dict[str, Any] | None:
        """See `Format`."""
        return {
            "index": 0,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }

    def chunk(self, text: str, reason: FinishReason | None) -> dict[str, Any]:
        """See `Format`."""
        delta = {"content": text} if text else {}
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


async def whole(stream: DeltaStream, form: Format, identity: Identity, metrics: RequestMetrics) -> dict[str, Any]:
    """The answer in one piece.

    Raises:
        EngineError: the request failed on its way.
    """
    pieces: list[str] = []
    usage = Usage(0, 0)
    reason: FinishReason | None = None
    try:
        async for delta in stream:
            metrics.delta(delta)
            pieces.append(delta.text)
            usage, reason = delta.usage, delta.finish_reason or reason
        metrics.success(usage, reason or FinishReason.STOP)
    except EngineError as error:
        metrics.close(type(error).__name__)
        raise
    finally:
        metrics.close()
        await stream.aclose()
    answer = _envelope(form.kind, form, identity, int(time.time()))
    return answer | {"choices": [form.choice("".join(pieces), reason)], "usage": _usage(usage)}


async def events(
    stream: DeltaStream, form: Format, identity: Identity, metrics: RequestMetrics, *, include_usage: bool
) -> AsyncIterator[bytes]:
    """The answer as server-sent events. An error on the way is one event, and no ``[DONE]`` follows it."""
    envelope = _envelope(form.chunk_kind, form, identity, int(time.time()))
    if include_usage:
        envelope["usage"] = None
    usage = Usage(0, 0)
    reason: FinishReason | None = None
    try:
        if opening := form.opening():
            yield _event(envelope | {"choices": [opening]})
        async for delta in stream:
            metrics.delta(delta)
            usage, reason = delta.usage, delta.finish_reason or reason
            if delta.text or delta.finish_reason:
                yield _event(envelope | {"choices": [form.chunk(delta.text, delta.finish_reason)]})
        metrics.success(usage, reason or FinishReason.STOP)
        if include_usage:
            yield _event(envelope | {"choices": [], "usage": _usage(usage)})
        yield _DONE
    except EngineError as error:
        metrics.close(type(error).__name__)
        yield of_engine(error).event()
    finally:
        metrics.close()
        await stream.aclose()


def _envelope(kind: str, form: Format, identity: Identity, created: int) -> dict[str, Any]:
    return {
        "id": f"{form.id_prefix}{identity.request_id}",
        "object": kind,
        "created": created,
        "model": identity.model,
        "system_fingerprint": identity.fingerprint,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_prompt_tokens},
    }


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
