"""Requests sent when their time has come, whether or not earlier ones are answered.

Users don't wait for each other. A client that sends its next request only when the last one is answered slows down
together with the server, and so hides how slow it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from loadtest.outcome import Failure, FailureKind, Outcome, RequestFailedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

Task = TypeVar("Task")
Task_contra = TypeVar("Task_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that came of an answer.

    Attributes:
        text: whether it holds text.
        prompt_tokens: of the request so far, where it tells.
        output_tokens: likewise.
    """

    text: bool
    prompt_tokens: int | None = None
    output_tokens: int | None = None


class Ask(Protocol[Task_contra]):
    """Sends one request."""

    def __call__(self, task: Task_contra) -> AsyncGenerator[Piece]:
        """Send it and give what comes; ends when the answer is whole.

        Raises:
            RequestFailedError: there is no whole answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """How requests are sent.

    Attributes:
        concurrency: most requests in flight at once; None has no limit. Those above wait, and their latency counts.
        timeout_s: for a request, from when it is sent.
    """

    concurrency: int | None = None
    timeout_s: float = 600.0


async def run(
    ask: Ask[Task],
    tasks: Sequence[Task],
    arrivals: Iterable[float],
    *,
    load: Load,
    on_outcome: Callable[[Outcome], object],
    stop: asyncio.Event,
) -> int:
    """Send all requests and wait for their answers.

    Args:
        ask: sends one.
        tasks: what to ask, in order.
        arrivals: when, in seconds from now, ascending; at least as many.
        load: limits.
        on_outcome: told each outcome as soon as it is known.
        stop: once set, no more is sent and what is in flight is given up.

    Returns:
        How many were in flight and given up.
    """
    clock = asyncio.get_running_loop().time
    began_s = clock()
    places = asyncio.Semaphore(load.concurrency) if load.concurrency else contextlib.nullcontext()
    under_way: set[asyncio.Task[None]] = set()
    sent: set[int] = set()

    async def one(number: int, task: Task, intended_s: float) -> None:
        async with places:
            sent.add(number)
            timed = _Timed(number, intended_s, lambda: clock() - began_s)
            on_outcome(await timed.outcome(ask(task), load.timeout_s))
            sent.discard(number)

    async with asyncio.TaskGroup() as group:
        stopped = group.create_task(stop.wait())
        for number, (task, intended_s) in enumerate(zip(tasks, arrivals, strict=False)):
            await asyncio.wait([stopped], timeout=max(0.0, began_s + intended_s - clock()))
            if stop.is_set():
                break
            sending = group.create_task(one(number, task, intended_s))
            under_way.add(sending)
            sending.add_done_callback(under_way.discard)
        answered = asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.wait([stopped, answered], return_when=asyncio.FIRST_COMPLETED)
        for sending in (*under_way, stopped):
            sending.cancel()
    return len(sent)


class _Timed:
    """The times of one request as they become known."""

    def __init__(self, number: int, intended_s: float, now_s: Callable[[], float]) -> None:
        self._number = number
        self._intended_s = intended_s
        self._now_s = now_s

    async def outcome(self, answer: AsyncGenerator[Piece], timeout_s: float) -> Outcome:
        sent_s = self._now_s()
        pieces_s: list[float] = []
        prompt_tokens, output_tokens = 0, None
        failure = None
        try:
            async with asyncio.timeout(timeout_s), contextlib.aclosing(answer):
                async for piece in answer:
                    if piece.text:
                        pieces_s.append(self._now_s())
                    if piece.prompt_tokens is not None:
                        prompt_tokens = piece.prompt_tokens
                    if piece.output_tokens is not None:
                        output_tokens = piece.output_tokens
        except RequestFailedError as error:
            failure = error.failure
        except TimeoutError:
            failure = Failure(FailureKind.TIMEOUT, f"not finished within {timeout_s:g} s")
        return Outcome(
            self._number,
            self._intended_s,
            sent_s,
            self._now_s(),
            tuple(pieces_s),
            prompt_tokens,
            len(pieces_s) if output_tokens is None else output_tokens,
            failure,
        )
