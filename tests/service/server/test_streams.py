from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest

from service.engine.delta_queue import DeltaQueue, size_bytes
from service.engine.interface import (
    Delta,
    EngineError,
    FinishReason,
    GenerationFailedError,
    GenerationRequest,
    OverloadedError,
    SlowReaderError,
    TokenLogprob,
    Usage,
)
from service.server.streams import JoinedStreams, WatchedStream, begin


class Witness:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def delta(self, delta: Delta) -> None:
        self.seen.append(delta)

    def finished(self, last: Delta) -> None:
        self.seen.append(("finished", last))

    def failed(self, error: EngineError | None) -> None:
        self.seen.append(("failed", error))


def watched(queues: list[DeltaQueue]) -> list[WatchedStream]:
    return [WatchedStream(queue, []) for queue in queues]


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
    joined = JoinedStreams(watched(queues), choices_each=2)
    seen = [each async for each in joined]
    assert sorted((each.index, each.text) for each in seen) == [
        *((0, "a"), (0, "c"), (1, "b")),
        *((2, "a"), (2, "c"), (3, "b")),
    ]
    assert seen[-1].usage == Usage(6, 6, 4)
    await joined.aclose()


async def test_a_joined_failure_reaches_the_reader_and_the_others_end_with_it() -> None:
    loop = asyncio.get_running_loop()
    gone: list[str] = []
    failing, waiting = DeltaQueue(loop), DeltaQueue(loop, lambda: gone.append("waiting"))
    witness = Witness()
    joined = JoinedStreams([WatchedStream(waiting, [witness]), WatchedStream(failing, [])], choices_each=1)
    error = GenerationFailedError("broken")
    failing.receive(error)
    with pytest.raises(GenerationFailedError):
        await anext(joined)
    await joined.aclose()
    assert gone == ["waiting"]
    assert witness.seen == [("failed", error)]
    with pytest.raises(StopAsyncIteration):
        await anext(joined)


async def test_closing_joined_streams_tells_that_nobody_waits() -> None:
    witness = Witness()
    queues = [DeltaQueue(asyncio.get_running_loop()) for _ in range(2)]
    joined = JoinedStreams([WatchedStream(queue, [witness]) for queue in queues], choices_each=1)
    await joined.aclose()
    assert witness.seen == [("failed", None)] * 2
    assert all(queue.cancelled for queue in queues)


async def test_who_reads_too_slowly_is_cut_off_and_nothing_is_kept_for_it() -> None:
    gone: list[bool] = []
    queue = DeltaQueue(asyncio.get_running_loop(), lambda: gone.append(True), limit_bytes=10 * size_bytes(delta("a")))
    for _ in range(10):
        queue.receive(delta("a"))
    assert await anext(queue) == delta("a")
    queue.receive(delta("a"))
    assert not gone
    queue.receive(delta("a"))
    assert gone == [True]
    assert queue.cancelled
    queue.receive(delta("a"))
    with pytest.raises(SlowReaderError):
        await anext(queue)
    with pytest.raises(StopAsyncIteration):
        await anext(queue)
    await queue.aclose()
    assert gone == [True]


def test_a_delta_s_size_is_about_what_it_takes() -> None:
    def made(count: int) -> list[Delta]:
        return [
            Delta(
                str(number),
                (1000 + number,),
                Usage(3000, 1000 + number),
                logprobs=(TokenLogprob(1, -1.5, tuple((1000 + each, each / number) for each in range(20))),),
            )
            for number in range(1, count)
        ]

    tracemalloc.start()
    try:
        kept = made(500)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 * taken < sum(map(size_bytes, kept)) < 2 * taken


async def test_joined_streams_read_no_further_than_their_reader() -> None:
    loop = asyncio.get_running_loop()
    queues = [DeltaQueue(loop, limit_bytes=20 * size_bytes(delta("a"))) for _ in range(2)]
    joined = JoinedStreams(watched(queues), choices_each=1)
    for number in range(1, 31):
        for queue in queues:
            queue.receive(delta("a", tokens=number))
        await asyncio.sleep(0)
    with pytest.raises(SlowReaderError):
        async for _ in joined:
            pass
    await joined.aclose()


async def test_joined_usage_never_goes_back() -> None:
    loop = asyncio.get_running_loop()
    queues = [DeltaQueue(loop) for _ in range(3)]
    for queue in queues:
        for number in range(1, 10):
            queue.receive(delta("a", tokens=number))
        queue.receive(None)
    seen = [each.usage.completion_tokens async for each in JoinedStreams(watched(queues), choices_each=1)]
    assert seen == sorted(seen)
    assert seen[-1] == 27


async def test_requests_that_were_admitted_before_a_refusal_end_with_it() -> None:
    class Full:
        """Takes one request in."""

        def __init__(self) -> None:
            self.taken: list[DeltaQueue] = []

        async def generate(self, request: GenerationRequest) -> DeltaQueue:
            if self.taken:
                raise OverloadedError(f"{request.request_id} is one too many")
            self.taken.append(DeltaQueue(asyncio.get_running_loop()))
            return self.taken[0]

    engine: Any = Full()
    witness = Witness()
    with pytest.raises(OverloadedError) as refused:
        await begin(engine, [GenerationRequest(name, (1,)) for name in "ab"], lambda _: [witness])
    assert witness.seen == [("failed", refused.value)]
    assert engine.taken[0].cancelled
