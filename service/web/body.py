"""Reading a request's body: bounded in size and in time, whatever the client announced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from service.web.errors import ApiError, ClientGoneError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

# How much of a refused body is read and thrown away before the connection is closed. Closing with unread
# bytes makes the kernel send a reset, and the client never sees why it was refused.
_DISCARD_BYTES = 64 * 1024 * 1024
_DISCARD_S = 5.0


async def read_body(scope: Scope, receive: Receive, *, limit_bytes: int, timeout_s: float) -> bytes:
    """The whole body.

    Raises:
        ApiError: 413 where it is larger than ``limit_bytes``, announced or not; 408 where it takes longer than
            ``timeout_s`` seconds; 400 where its length is no number.
        ClientGoneError: the client left before it had sent everything.
    """
    announced = _content_length(scope)
    if announced is not None and announced > limit_bytes:
        raise _too_large(limit_bytes)
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                chunk: bytes = message.get("body", b"")
                size_bytes += len(chunk)
                if size_bytes > limit_bytes:
                    raise _too_large(limit_bytes)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise ApiError(
            408,
            f"The request body did not arrive within {timeout_s:g} s.",
            code="request_timeout",
            headers={"connection": "close"},
        ) from None


async def discard_body(scope: Scope, receive: Receive) -> None:
    """Reads on after a refusal, within bounds, so that the client gets to read the answer."""
    headers = dict(scope["headers"])
    if b"expect" in headers:
        # The client waits for leave to send and will see the refusal instead.
        return
    left = _DISCARD_BYTES
    try:
        async with asyncio.timeout(_DISCARD_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            try:
                return int(value)
            except ValueError:
                raise ApiError(400, "The content-length header is not a number.", param=None) from None
    return None


def _too_large(limit_bytes: int) -> ApiError:
    return ApiError(
        413,
        f"The request body is larger than {limit_bytes} bytes.",
        code="request_too_large",
        headers={"connection": "close"},
    )
