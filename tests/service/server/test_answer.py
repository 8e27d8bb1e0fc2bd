"""Answers in one piece: how large they may grow, and that they are written as they always were."""

from __future__ import annotations

import asyncio
import json

import pytest

from service.engine.delta_queue import DeltaQueue, size_bytes
from service.engine.interface import Delta, EngineError, FinishReason, TokenLogprob, Usage
from service.server.answers import answer
from service.server.answers.answer import Identity, whole
from service.server.answers.formats import ChatFormat
from service.server.refusals import AnswerTooLargeError, of_engine
from service.server.streams import WatchedStream

_TOP = tuple((token, -1.5) for token in range(20))
_IDENTITY = Identity("id", "model", None)


def _token_bytes(token_id: int) -> bytes:
    return b"t%d" % token_id


def _delta(index: int = 0) -> Delta:
    return Delta("a", (1,), Usage(3, 1), index, FinishReason.STOP, (TokenLogprob(1, -0.5, _TOP),))


async def test_choices_are_written_each_with_its_own() -> None:
    queue = DeltaQueue(asyncio.get_running_loop())
    for item in (_delta(1), _delta(0), None):
        queue.receive(item)

    written = json.loads(await whole(WatchedStream(queue, []), ChatFormat(_token_bytes), _IDENTITY, choices=2))

    assert [choice["index"] for choice in written["choices"]] == [0, 1]
    assert [choice["message"]["content"] for choice in written["choices"]] == ["a", "a"]
    assert len(written["choices"][1]["logprobs"]["content"][0]["top_logprobs"]) == 20
    assert (written["object"], written["usage"]["total_tokens"]) == ("chat.completion", 4)


async def test_an_answer_that_outgrows_one_piece_is_refused_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "_GATHERED_BYTES", 5 * size_bytes(_delta()))
    queue = DeltaQueue(asyncio.get_running_loop())
    for _ in range(6):
        queue.receive(_delta())

    ends: list[EngineError | None] = []

    class Witness:
        def delta(self, delta: Delta) -> None: ...

        def finished(self, last: Delta) -> None: ...

        def failed(self, error: EngineError | None) -> None:
            ends.append(error)

    with pytest.raises(AnswerTooLargeError) as refused:
        await whole(WatchedStream(queue, [Witness()]), ChatFormat(_token_bytes), _IDENTITY, choices=1)

    answered = of_engine(refused.value)
    assert (answered.status, answered.code) == (400, "answer_too_large")
    assert queue.cancelled
    assert ends == [refused.value]  # not a client that has left
