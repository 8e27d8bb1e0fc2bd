"""The outermost layer of every HTTP service: request id, access log, errors, drain.

Whatever happens inside, the client gets an answer in OpenAI's shape and the log one line per request, without
anything of its content.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import structlog

from service.web import logs
from service.web.body import discard_body
from service.web.errors import ApiError, ClientGoneError, ErrorType
from service.web.request_id import HEADER, request_id_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.web.drain import Drain

_log = logs.get("http")
# Asked every few seconds by the platform: neither logged, nor counted as work that a drain waits for.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
# nginx's status for a client that left before it was answered; in logs and metrics only.
CLIENT_GONE = 499


class Observer(Protocol):
    """Told about each finished request, for metrics."""

    def __call__(self, *, path: str, method: str, status: int, duration_s: float, scope: Scope) -> None:
        """One request is over."""
        ...


class Edge:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, drain: Drain, observe: Observer, probes: frozenset[str] = PROBES) -> None:
        self._app = app
        self._probes = probes
        self._drain = drain
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            return
        if scope["path"] in self._probes:
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        exchange = _Exchange(send, request_id, self._drain)
        started = time.monotonic()
        with self._drain.request():
            status = await self._serve(scope, receive, exchange)
        duration_s = time.monotonic() - started
        path, method = scope["path"], scope["method"]
        self._observe(path=path, method=method, status=status, duration_s=duration_s, scope=scope)
        _log.info(
            "request",
            method=method,
            path=path[:200],
            status=status,
            duration_s=round(duration_s, 4),
            response_bytes=exchange.body_bytes,
            tenant=scope["state"].get("tenant"),
            client=(scope.get("client") or ("",))[0],
        )

    async def _serve(self, scope: Scope, receive: Receive, exchange: _Exchange) -> int:
        try:
            await self._app(scope, receive, exchange)
        except ClientGoneError:
            return CLIENT_GONE
        except ApiError as error:
            if exchange.status is not None:
                # Too late for another status. Returning without an end makes the server abort the connection,
                # which is the only honest sign left.
                return error.status
            await exchange.refuse(scope, receive, error)
        except Exception:  # noqa: BLE001 - the border: nothing may leave it but an answer
            _log.exception("request failed", path=scope["path"][:200])
            error = ApiError(500, "The server failed.", kind=ErrorType.SERVER, code="internal_error")
            if exchange.status is None:
                await exchange.refuse(scope, receive, error)
            return error.status
        return exchange.status if exchange.complete and exchange.status is not None else CLIENT_GONE


class _Exchange:
    """One response on its way out."""

    def __init__(self, send: Send, request_id: str, drain: Drain) -> None:
        self._send = send
        self._request_id = request_id
        self._drain = drain
        self.status: int | None = None
        self.complete = False
        self.body_bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [pair for pair in message.get("headers", []) if pair[0].lower() != HEADER]
            headers.append((HEADER, self._request_id.encode()))
            if self._drain.draining:
                # A kept connection would come back to a process that is about to end.
                headers = [pair for pair in headers if pair[0].lower() != b"connection"]
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self.body_bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, scope: Scope, receive: Receive, error: ApiError) -> None:
        body = error.body()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in error.headers.items()]
        await self({"type": "http.response.start", "status": error.status, "headers": headers})
        if error.headers.get("connection") == "close":
            # The whole answer first, then the rest of a body that nobody wants, then the end.
            await self({"type": "http.response.body", "body": body, "more_body": True})
            await discard_body(scope, receive)
            body = b""
        await self({"type": "http.response.body", "body": body, "more_body": False})
