"""The engine's deltas on their way to an answer: watched as they pass, and several prompts' joined into one stream."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Protocol, Self

from service.engine.interface import Delta, DeltaStream, EngineError, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.engine.interface import Engine, GenerationRequest


class RequestObserver(Protocol):
    """Told what becomes of one of the engine's requests, for metrics and traces."""

    def delta(self, delta: Delta) -> None:
        """The engine has taken a step for it."""
        ...

    def finished(self, last: Delta) -> None:
        """It was answered to the end; with its last delta."""
        ...

    def failed(self, error: EngineError | None) -> None:
        """It ended without an answer; without an error, because nobody waits for one any more."""
        ...


class ServedStream(DeltaStream, Protocol):
    """Deltas on their way to an answer, whose end is told to whoever watches them."""

    async def give_up(self, error: EngineError | None) -> None:
        """Closes it because of an error elsewhere; without one, because nobody waits any more."""
        ...


class WatchedStream:
    """One request's deltas, shown to observers as they pass. Implements `ServedStream`."""

    def __init__(self, stream: DeltaStream, observers: Sequence[RequestObserver]) -> None:
        self._stream = stream
        self._observers = observers
        self._last: Delta | None = None
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        try:
            delta = await anext(self._stream)
        except StopAsyncIteration:
            if not self._over and self._last is not None:
                self._over = True
                for observer in self._observers:
                    observer.finished(self._last)
            raise
        except EngineError as error:
            self._fail(error)
            raise
        self._last = delta
        for observer in self._observers:
            observer.delta(delta)
        return delta

    async def aclose(self) -> None:
        """See `DeltaStream.aclose`."""
        await self.give_up(None)

    async def give_up(self, error: EngineError | None) -> None:
        """See `ServedStream.give_up`."""
        self._fail(error)
        await self._stream.aclose()

    def _fail(self, error: EngineError | None) -> None:
        if not self._over:
            self._over = True
            for observer in self._observers:
                observer.failed(error)


class JoinedStreams:
    """The deltas of several prompts as those of one request with as many choices. Implements `ServedStream`."""

    def __init__(self, streams: Sequence[ServedStream], *, choices_each: int) -> None:
        """Begins to read.

        Args:
            streams: one for each prompt.
            choices_each: how many choices each has; choice c of prompt p becomes p x this + c.
        """
        self._streams = streams
        self._choices_each = choices_each
        self._usages: dict[int, Usage] = {}
        # One place for each prompt: whatever the reader doesn't take stays in the engine's queues, which are bounded.
        self._items: asyncio.Queue[tuple[int, Delta] | Exception | None] = asyncio.Queue(maxsize=len(streams))
        self._open = len(streams)
        self._failure: EngineError | None = None
        self._readers = [asyncio.ensure_future(self._read(prompt, stream)) for prompt, stream in enumerate(streams)]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        while self._open:
            item = await self._items.get()
            if isinstance(item, tuple):
                prompt, delta = item
                self._usages[prompt] = delta.usage
                index = prompt * self._choices_each + delta.index
                return dataclasses.replace(delta, index=index, usage=self._usage())
            if item is not None:
                self._failure = item if isinstance(item, EngineError) else None
                raise item
            self._open -= 1
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """See `DeltaStream.aclose`. Where one prompt has failed, the others end with its error."""
        await self.give_up(self._failure)

    async def give_up(self, error: EngineError | None) -> None:
        """See `ServedStream.give_up`."""
        self._open = 0
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        for stream in self._streams:
            await stream.give_up(error)

    async def _read(self, prompt: int, stream: DeltaStream) -> None:
        try:
            async for delta in stream:
                await self._items.put((prompt, delta))
        except Exception as error:  # noqa: BLE001 - raised again where the deltas are waited for
            await self._items.put(error)
        else:
            await self._items.put(None)

    def _usage(self) -> Usage:
        usages = self._usages.values()
        return Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in usages),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            cached_prompt_tokens=sum(usage.cached_prompt_tokens for usage in usages),
        )


async def begin(
    engine: Engine,
    requests: Sequence[GenerationRequest],
    watch: Callable[[GenerationRequest], Sequence[RequestObserver]],
) -> ServedStream:
    """Admits all of the requests, or none.

    Args:
        engine: computes them.
        requests: one for each prompt, alike but for that.
        watch: the observers of a request that was admitted.

    Raises:
        EngineError: one of them was refused.
    """
    streams: list[WatchedStream] = []
    try:
        for request in requests:
            stream = await engine.generate(request)
            streams.append(WatchedStream(stream, watch(request)))
    except BaseException as error:
        for stream in streams:
            await stream.give_up(error if isinstance(error, EngineError) else None)
        raise
    return streams[0] if len(streams) == 1 else JoinedStreams(streams, choices_each=requests[0].sampling.n)
