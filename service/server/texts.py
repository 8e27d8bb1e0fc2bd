"""The texts of one body of ``/v1/embeddings`` on their way through the engine: some at a time, all or none answered."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from service.engine.interface import EngineError, OverloadedError
from service.server.streams import begin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.engine.interface import Delta, GenerationRequest
    from service.server.startup import Serving
    from service.server.streams import RequestObserver, ServedStream


class TextsOfOneBody:
    """A body's texts.

    A full queue refuses the body with its first text. What was begun is not thrown away for it: later texts wait until
    one of the body's own is finished, or for as long as the engine says, and are tried again.
    """

    def __init__(
        self,
        serving: Serving,
        asked: Sequence[GenerationRequest],
        watch: Callable[[GenerationRequest], Sequence[RequestObserver]],
    ) -> None:
        """Takes the texts as requests, at least one, and who watches each that was admitted."""
        self._serving = serving
        self._asked = asked
        self._watch = watch
        self._admitted = False
        self._finished = asyncio.Event()
        self._failure: EngineError | None = None

    async def computed(self, *, at_once: int) -> list[Delta]:
        """The only delta of each text, in the texts' order; all end with the first that fails.

        Args:
            at_once: most texts that are in the engine together.

        Raises:
            EngineError: a text was refused, or failed.
        """
        found: dict[int, Delta] = {}
        left = iter(enumerate(self._asked))

        async def work() -> None:
            for position, text in left:
                found[position] = await self._compute(text)
                self._finished.set()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(self._asked), at_once)):
                    group.create_task(work())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [found[position] for position in range(len(self._asked))]

    async def _compute(self, text: GenerationRequest) -> Delta:
        try:
            stream = await self._begin(text)
            try:
                (delta,) = [delta async for delta in stream]
            finally:
                # It may end because another one has failed.
                await stream.give_up(self._failure)
        except EngineError as error:
            self._failure = self._failure or error
            raise
        return delta

    async def _begin(self, text: GenerationRequest) -> ServedStream:
        while True:
            try:
                # The server may be draining by now.
                stream = await begin(self._serving.engine(), [text], self._watch)
            except OverloadedError as error:
                if not self._admitted:
                    raise
                self._finished.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(error.retry_after_s):
                        await self._finished.wait()
            else:
                self._admitted = True
                return stream
