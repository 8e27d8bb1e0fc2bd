"""The texts of one body in a queue that is full of others now and then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from service.engine.delta_queue import DeltaQueue
from service.engine.interface import (
    Delta,
    EngineError,
    FinishReason,
    GenerationFailedError,
    GenerationRequest,
    OverloadedError,
    Task,
    Usage,
)
from service.server.texts import TextsOfOneBody

_ASKED = [GenerationRequest(str(number), (number,), task=Task.EMBED) for number in range(1, 21)]


class _Engine:
    """Has room for some texts at a time, and answers each a moment later."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.refused = 0
        self.most = 0
        self._held = 0

    def engine(self) -> _Engine:
        return self

    async def generate(self, request: GenerationRequest) -> DeltaQueue:
        if self._held >= self.room:
            self.refused += 1
            raise OverloadedError("full", retry_after_s=60)
        self._held += 1
        self.most = max(self.most, self._held)
        loop = asyncio.get_running_loop()
        queue = DeltaQueue(loop)
        loop.call_later(0.001, self._answer, queue, request)
        return queue

    def _answer(self, queue: DeltaQueue, request: GenerationRequest) -> None:
        self._held -= 1
        queue.receive(Delta("", (), Usage(request.prompt_token_ids[0], 0), finish_reason=FinishReason.STOP))
        queue.receive(None)


async def test_later_texts_wait_for_the_body_s_own_where_the_queue_is_full() -> None:
    serving: Any = _Engine(room=3)

    async with asyncio.timeout(30):
        deltas = await TextsOfOneBody(serving, _ASKED, lambda _: []).computed(at_once=8)

    assert [delta.usage.prompt_tokens for delta in deltas] == list(range(1, 21))
    assert serving.refused > 0


async def test_a_body_is_refused_with_its_first_text() -> None:
    serving: Any = _Engine(room=0)

    with pytest.raises(OverloadedError):
        await TextsOfOneBody(serving, _ASKED, lambda _: []).computed(at_once=1)

    assert serving.refused == 1


async def test_no_more_texts_than_that_are_in_the_engine() -> None:
    serving: Any = _Engine(room=99)

    await TextsOfOneBody(serving, _ASKED, lambda _: []).computed(at_once=4)

    assert (serving.most, serving.refused) == (4, 0)


async def test_where_one_text_fails_the_others_end_with_its_error() -> None:
    error = GenerationFailedError("broken")
    ends: dict[str, EngineError | None] = {}

    class Failing(_Engine):
        def _answer(self, queue: DeltaQueue, request: GenerationRequest) -> None:
            if request.request_id == "2":
                queue.receive(error)  # the others stay open

    class Witness:
        def __init__(self, request: GenerationRequest) -> None:
            self._request = request

        def delta(self, delta: Delta) -> None: ...

        def finished(self, last: Delta) -> None: ...

        def failed(self, error: EngineError | None) -> None:
            ends[self._request.request_id] = error

    serving: Any = Failing(room=99)
    with pytest.raises(GenerationFailedError):
        await TextsOfOneBody(serving, _ASKED, lambda asked: [Witness(asked)]).computed(at_once=4)
    assert ends == dict.fromkeys("1234", error)
