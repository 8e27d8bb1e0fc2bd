"""Passing one answer on, piece by piece, as it comes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx

from service.web.errors import ApiError, ClientGoneError, ErrorType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Send

# Everything else a server says about itself stays inside (server, date, hop-by-hop headers).
_PASSED_ON = ("content-type", "content-length", "cache-control", "retry-after", "x-accel-buffering", "allow")
_EVENTS = "text/event-stream"
_HEARTBEAT = b": heartbeat\n\n"


class Relay:
    """One answer on its way from a server to a client."""

    def __init__(self, response: httpx.Response, send: Send, *, heartbeat_s: float, idle_timeout_s: float) -> None:
        self._response = response
        self._send = send
        self._heartbeat_s = heartbeat_s
        self._idle_timeout_s = idle_timeout_s
        self._is_events = response.headers.get("content-type", "").startswith(_EVENTS)
        # A comment may go only between two events.
        self._between_events = True

    async def run(self) -> None:
        """Passes the answer on to its end.

        Where the server goes away in the middle, a stream of events ends with an error event; any other answer
        is left incomplete, which aborts the connection.

        Raises:
            ClientGoneError: the client takes nothing any more.
            ApiError: the answer broke off and is no stream of events.
        """
        await self._start()
        pieces = self._response.aiter_raw()
        try:
            while (piece := await self._next(pieces)) is not None:
                self._between_events = piece.endswith(b"\n\n")
                await self._write(piece)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except ApiError as error:
            await self.break_off(error)

    async def break_off(self, error: ApiError) -> None:
        """Ends an answer that was begun and can't be finished.

        Raises:
            ApiError: the same one, where the answer has no way to carry it.
        """
        if not self._is_events:
            raise error
        gap = b"" if self._between_events else b"\n\n"
        await self._write(gap + error.event())
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self) -> None:
        headers = [
            (name.encode(), self._response.headers[name].encode())
            for name in _PASSED_ON
            if name in self._response.headers
        ]
        await self._send(
            {
                "type": "http.response.start",
                "status": self._response.status_code,
                "headers": headers,
            }
        )

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """The next piece, or None at the end; keeps the client's connection alive meanwhile."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + self._idle_timeout_s
        coming = asyncio.ensure_future(anext(pieces, None))
        try:
            while not coming.done():
                if clock() >= give_up:
                    raise ApiError(
                        504,
                        f"The model server sent nothing for {self._idle_timeout_s:g} s.",
                        kind=ErrorType.SERVER,
                        code="upstream_timeout",
                    )
                wait_s = min(self._heartbeat_s, max(give_up - clock(), 0.001))
                done, _ = await asyncio.wait({coming}, timeout=wait_s)
                if not done and self._is_events and self._between_events:
                    await self._write(_HEARTBEAT)
            return coming.result()
        except httpx.TransportError:
            raise ApiError(
                502,
                "The model server went away in the middle of its answer; the request can be repeated.",
                kind=ErrorType.SERVER,
                code="upstream_closed",
            ) from None
        finally:
            if not coming.done():
                coming.cancel()
                with contextlib.suppress(asyncio.CancelledError, httpx.TransportError):
                    await coming

    async def _write(self, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._idle_timeout_s):
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise ClientGoneError from None
