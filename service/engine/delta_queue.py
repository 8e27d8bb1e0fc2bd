"""Deltas on their way from the engine's threads to the event loop of the one who waits for them.

The engine never waits for a reader: one that is too slow would hold up all others. What has come and wasn't read is
bounded instead, and a reader who falls behind by more is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeAlias

from service.engine.interface import BACKLOG_BYTES, Delta, SlowReaderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item: TypeAlias = "Delta | Exception | None"
"""A delta, the error that ended the request, or None for its end."""

# In CPython, objects' headers included; `tests/service/server/test_streams.py` compares them with what is allocated.
_DELTA_BYTES = 400
_LOGPROB_BYTES = 200
_ALTERNATIVE_BYTES = 130


class DeltaQueue:
    """The deltas of one request. Implements `DeltaStream`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_close: Callable[[], None] | None = None,
        *,
        limit_bytes: int = BACKLOG_BYTES,
    ) -> None:
        """Makes a queue.

        Args:
            loop: of the consumer.
            on_close: called once, in the consumer's thread, when it gives up before the end, or is given up.
            limit_bytes: most that may wait in it (see `size_bytes`); with more, it ends with `SlowReaderError`.
        """
        self.loop = loop
        self._on_close = on_close
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._queue: asyncio.Queue[Item] = asyncio.Queue()
        self._ended = False
        self.cancelled = False

    def put(self, item: Item) -> None:
        """Hands over an item. From any thread."""
        put_all([(self, item)])

    def receive(self, item: Item) -> None:
        """Takes an item in; in the consumer's thread."""
        if self.cancelled:
            return
        if isinstance(item, Delta):
            self._held_bytes += size_bytes(item)
            if self._held_bytes > self._limit_bytes:
                item = self._give_up()
        self._queue.put_nowait(item)

    def __aiter__(self) -> DeltaQueue:
        return self

    async def __anext__(self) -> Delta:
        if self._ended:
            raise StopAsyncIteration
        item = await self._queue.get()
        if isinstance(item, Delta):
            self._held_bytes -= size_bytes(item)
            return item
        self._ended = True
        if item is None:
            raise StopAsyncIteration
        raise item

    async def aclose(self) -> None:
        """Gives the request up; the engine's thread sees it before its next step."""
        if not self._ended and not self.cancelled and self._on_close is not None:
            self._on_close()
        self._ended = True
        self.cancelled = True

    def _give_up(self) -> SlowReaderError:
        """Gives the request up and frees what has waited; returns what its reader is told."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self.cancelled = True
        if self._on_close is not None:
            self._on_close()
        return SlowReaderError(
            f"The answer was read too slowly: more than {self._limit_bytes} bytes of it waited. Read faster, or ask "
            "for fewer choices or log-probabilities at once."
        )


def size_bytes(delta: Delta) -> int:
    """About how much memory a delta takes."""
    return (
        _DELTA_BYTES
        + len(delta.text)
        + sum(_LOGPROB_BYTES + _ALTERNATIVE_BYTES * len(logprob.top) for logprob in delta.logprobs or ())
    )


def put_all(items: Iterable[tuple[DeltaQueue, Item]]) -> None:
    """Hands over items, with one wake-up for each event loop instead of one for each item."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[DeltaQueue, Item]]] = {}
    for queue, item in items:
        if not queue.cancelled and not queue.loop.is_closed():
            by_loop.setdefault(queue.loop, []).append((queue, item))
    for loop, together in by_loop.items():
        with contextlib.suppress(RuntimeError):  # closed meanwhile, and so is whoever waited
            loop.call_soon_threadsafe(_receive_all, together)


def _receive_all(items: list[tuple[DeltaQueue, Item]]) -> None:
    for queue, item in items:
        queue.receive(item)
