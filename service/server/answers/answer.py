"""An answer in one piece, or as server-sent events."""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.engine.delta_queue import size_bytes
from service.engine.interface import EngineError, Usage
from service.server.answers.encoding import json_bytes
from service.server.protocol.responses import PromptTokensDetails, UsageAnswer
from service.server.refusals import AnswerTooLargeError, of_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.engine.interface import DeltaStream, FinishReason, TokenLogprob
    from service.server.answers.formats import AnswerFormat, ChoiceFormat
    from service.server.streams import ServedStream

_DONE = b"data: [DONE]\n\n"
# Of an answer in one piece, before it is written: some 20,000 tokens with 20 alternatives each, 100,000 with none, or
# as many characters.
_GATHERED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """What all parts of one answer repeat.

    Attributes:
        request_id: the answer's id is made of it.
        model: the model's name.
        fingerprint: which weights answered.
        service_tier: how it was served; None where the request didn't ask.
    """

    request_id: str
    model: str
    fingerprint: str | None
    service_tier: str | None = None

    def envelope(self, kind: str, form: AnswerFormat) -> dict[str, Any]:
        """The fields around the choices."""
        fields = {
            "id": f"{form.id_prefix}{self.request_id}",
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }
        return fields if self.service_tier is None else fields | {"service_tier": self.service_tier}


class _Gathered:
    """One choice of an answer in one piece, as it grows."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.logprobs: list[TokenLogprob] | None = None
        self.reason: FinishReason | None = None


async def whole(stream: ServedStream, form: AnswerFormat, identity: Identity, *, choices: int) -> bytes:
    """The answer in one piece, as JSON.

    Raises:
        AnswerTooLargeError: it has grown beyond what is gathered.
        EngineError: the request failed on its way.
    """
    gathered = [_Gathered() for _ in range(choices)]
    usage = Usage(0, 0)
    held_bytes = 0
    try:
        async for delta in stream:
            choice = gathered[delta.index]
            choice.text.write(delta.text)
            choice.reason = delta.finish_reason or choice.reason
            # Of a delta without log-probabilities only the text is kept.
            held_bytes += len(delta.text) if delta.logprobs is None else size_bytes(delta)
            if held_bytes > _GATHERED_BYTES:
                error = AnswerTooLargeError(_GATHERED_BYTES)
                await stream.give_up(error)
                raise error
            if delta.logprobs is not None:
                choice.logprobs = choice.logprobs or []
                choice.logprobs.extend(delta.logprobs)
            usage = delta.usage
    finally:
        await stream.aclose()
    # Others are served while each choice is written.
    written = [await asyncio.to_thread(_write, form.choice(index), gathered.pop(0)) for index in range(choices)]
    head = json_bytes(identity.envelope(form.kind, form))[:-1]
    return head + b',"choices":[' + b",".join(written) + b'],"usage":' + json_bytes(_usage(usage)) + b"}"


def _write(form: ChoiceFormat, choice: _Gathered) -> bytes:
    return json_bytes(form.whole(choice.text.getvalue(), choice.reason, choice.logprobs))


async def events(
    stream: DeltaStream, form: AnswerFormat, identity: Identity, *, choices: int, include_usage: bool
) -> AsyncIterator[bytes]:
    """The answer as server-sent events. An error on the way is one event, and no ``[DONE]`` follows it."""
    encode = _EventEncoder(identity.envelope(form.chunk_kind, form), include_usage=include_usage)
    writers = [form.choice(index) for index in range(choices)]
    usage = Usage(0, 0)
    try:
        for writer in writers:
            if (opening := writer.opening()) is not None:
                yield encode.choice(opening)
        async for delta in stream:
            usage = delta.usage
            if delta.text or delta.finish_reason or delta.logprobs:
                yield encode.choice(writers[delta.index].chunk(delta))
        if include_usage:
            yield encode.usage(usage)
        yield _DONE
    except EngineError as error:
        yield of_engine(error).event()
    finally:
        await stream.aclose()


class _EventEncoder:
    """Writes events. What they have in common is encoded once: under load there are thousands a second."""

    def __init__(self, envelope: dict[str, Any], *, include_usage: bool) -> None:
        self._head = b"data: " + json_bytes(envelope)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"

    def choice(self, choice: object) -> bytes:
        """An event with a piece of one choice."""
        return self._head + json_bytes(choice) + self._tail

    def usage(self, usage: Usage) -> bytes:
        """The last event, without a choice."""
        return self._head + b'],"usage":' + json_bytes(_usage(usage)) + b"}\n\n"


def _usage(usage: Usage) -> UsageAnswer:
    return UsageAnswer(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=usage.cached_prompt_tokens),
    )
