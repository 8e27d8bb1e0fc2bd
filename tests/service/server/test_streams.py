from __future__ import annotations

import asyncio

import pytest

from service.engine.delta_queue import DeltaQueue
from service.engine.interface import Delta, EngineError, FinishReason, GenerationFailedError, Usage
from service.server.streams import JoinedStreams, WatchedStream


class Witness:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def delta(self, delta: Delta) -> None:
        self.seen.append(delta)

    def finished(self, last: Delta) -> None:
        self.seen.append(("finished", last))

    def failed(self, error: EngineError | None) -> None:
        self.seen.append(("failed", error))


def delta(text: str, index: int = 0, *, tokens: int = 1, last: bool = False) -> Delta:
    return Delta(text, (1,), Usage(3, tokens, 2), index, FinishReason.STOP if last else None)


async def test_an_answered_request_is_finished_once() -> None:
    queue, witness = DeltaQueue(asyncio.get_running_loop()), Witness()
    stream = WatchedStream(queue, [witness])
    first, last = delta("a"), delta("b", tokens=2, last=True)
    for item in (first, last, None):
        queue.receive(item)
    assert [each async for each in stream] == [first, last]
    await stream.aclose()
    assert witness.seen == [first, last, ("finished", last)]


async def test_a_failure_is_told_once_and_passed_on() -> None:
    queue, witness = DeltaQueue(asyncio.get_running_loop()), Witness()
    stream = WatchedStream(queue, [witness])
    error = GenerationFailedError("broken")
    queue.receive(error)
    with pytest.raises(GenerationFailedError):
        await anext(stream)
    await stream.aclose()
    assert witness.seen == [("failed", error)]


async def test_who_gives_up_is_told_of_and_the_engine_too() -> None:
    gone: list[bool] = []
    queue, witness = DeltaQueue(asyncio.get_running_loop(), lambda: gone.append(True)), Witness()
    stream = WatchedStream(queue, [witness])
    await stream.aclose()
    await stream.aclose()
    assert witness.seen == [("failed", None)]
    assert gone == [True]


async def test_joined_streams_number_choices_and_add_usage_up() -> None:
    loop = asyncio.get_running_loop()
    queues = [DeltaQueue(loop) for _ in range(2)]
    for queue in queues:
        for item in (delta("a"), delta("b", 1, tokens=2, last=True), delta("c", tokens=3, last=True), None):
            queue.receive(item)
    joined = JoinedStreams(queues, choices_each=2)
    seen = [each async for each in joined]
    assert sorted((each.index, each.text) for each in seen) == [
        *((0, "a"), (0, "c"), (1, "b")),
        *((2, "a"), (2, "c"), (3, "b")),
    ]
    assert seen[-1].usage == Usage(6, 6, 4)
    await joined.aclose()


async def test_a_joined_failure_reaches_the_reader_and_closing_frees_the_others() -> None:
    loop = asyncio.get_running_loop()
    gone: list[str] = []
    failing, waiting = DeltaQueue(loop), DeltaQueue(loop, lambda: gone.append("waiting"))
    joined = JoinedStreams([waiting, failing], choices_each=1)
    failing.receive(GenerationFailedError("broken"))
    with pytest.raises(GenerationFailedError):
        await anext(joined)
    await joined.aclose()
    assert gone == ["waiting"]
    with pytest.raises(StopAsyncIteration):
        await anext(joined)
