"""A server that answers what a test has written, at the times that it says: no model, real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

Answer = Callable[[dict[str, Any], asyncio.StreamWriter], Awaitable[None]]


def event(text: str = "", *, finish: str | None = None, usage: tuple[int, int] | None = None) -> bytes:
    body: dict[str, Any] = {"choices": [{"index": 0, "text": text, "finish_reason": finish}]}
    if usage is not None:
        body = {"choices": [], "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]}}
    return f"data: {json.dumps(body)}\n\n".encode()


def head(status: str = "200 OK", kind: str = "text/event-stream") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode()


def words_of(body: dict[str, Any]) -> int:
    return len(body["prompt"].split())


async def whole(body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    """As many tokens as were asked for; a token is two of the prompt's words, and each prompt has one more."""
    writer.write(head())
    for _ in range(body["max_tokens"]):
        writer.write(event("x"))
        await writer.drain()
    writer.write(event(finish="length") + event(usage=(words_of(body) // 2 + 1, body["max_tokens"])))
    writer.write(b"data: [DONE]\n\n")


@contextlib.asynccontextmanager
async def serving(answer: Answer = whole) -> AsyncGenerator[str]:
    """Serve, and give the API's base address."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            if request.startswith("GET"):
                writer.write(head(kind="application/json") + b'{"data": [{"id": "m"}, {"id": "other"}]}')
            else:
                lengths = (line.split(":")[1] for line in request.lower().splitlines() if "content-length" in line)
                await answer(json.loads(await reader.readexactly(int(next(lengths)))), writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
