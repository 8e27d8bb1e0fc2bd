"""Work for a client, for as long as it waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from service.engine.interface import EngineError
from service.web.errors import ClientGoneError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import Request

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[object, object, T]) -> T:
    """What the work gives; it is cancelled when the client leaves, so that nothing is computed for nobody.

    Raises:
        ClientGoneError: the client has left.
        EngineError: what the work raised.
    """
    answering = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientGoneError
        return answering.result()
    finally:
        for task in (answering, gone):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, EngineError):
            await answering


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
