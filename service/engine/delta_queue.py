"""Deltas on their way from the engine's threads to the event loop of the one who waits for them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeAlias

from service.engine.interface import Delta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item: TypeAlias = "Delta | Exception | None"
"""A delta, the error that ended the request, or None for its end."""


class DeltaQueue:
    """The deltas of one request. Implements `DeltaStream`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_close: Callable[[], None] | None = None) -> None:
        """Makes a queue.

        Args:
            loop: of the consumer.
            on_close: called once, in the consumer's thread, when it gives up before the end.
        """
        self.loop = loop
        self._on_close = on_close
        self._queue: asyncio.Queue[Item] = asyncio.Queue()
        self._ended = False
        self.cancelled = False

    def put(self, item: Item) -> None:
        """Hands over an item. From any thread."""
        put_all([(self, item)])

    def receive(self, item: Item) -> None:
        """Takes an item in; in the consumer's thread."""
        self._queue.put_nowait(item)

    def __aiter__(self) -> DeltaQueue:
        return self

    async def __anext__(self) -> Delta:
        if self._ended:
            raise StopAsyncIteration
        item = await self._queue.get()
        if isinstance(item, Delta):
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
