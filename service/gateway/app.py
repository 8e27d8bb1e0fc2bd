"""The gateway's request path: route, identity, limits, body, upstream, relay."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING

import httpx

from service.gateway.relay import Relay
from service.web.body import read_body
from service.web.edge import Edge
from service.web.errors import ApiError, ClientGoneError, ErrorType

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from service.gateway.keys import ApiKey, KeyRing
    from service.gateway.metrics import GatewayMetrics
    from service.gateway.settings import GatewaySettings
    from service.gateway.upstream import Upstream
    from service.web.drain import Drain

# What is served, and nothing else: the servers' probes, metrics and documentation stay inside. No part of a path begins
# with a dot: whoever sends it on would take `..` for the way up (RFC 3986, 5.2.4).
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ROUTES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("GET", "/v1/models", re.compile(r"/v1/models")),
    ("GET", "/v1/models/{model}", re.compile(rf"/v1/models/{_PART}(/{_PART})*")),
    ("POST", "/v1/completions", re.compile(r"/v1/completions")),
    ("POST", "/v1/chat/completions", re.compile(r"/v1/chat/completions")),
    ("POST", "/v1/embeddings", re.compile(r"/v1/embeddings")),
    ("POST", "/tokenize", re.compile(r"/tokenize")),
    ("POST", "/detokenize", re.compile(r"/detokenize")),
)
# What load balancers ask, who have no key: whether this gateway takes requests, and nothing else.
HEALTH_PATH = "/healthz"
_PASSED_ON = frozenset({b"content-type", b"accept", b"traceparent", b"tracestate"})
_TENANT_HEADER = "x-modelfleet-tenant"
_PRIORITY_HEADER = "x-modelfleet-priority"


class Gateway:
    """The API's port."""

    def __init__(
        self, settings: GatewaySettings, *, keys: KeyRing, upstream: Upstream, metrics: GatewayMetrics, drain: Drain
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._upstream = upstream
        self._metrics = metrics
        self._drain = drain

    def app(self) -> ASGIApp:
        """The gateway as an ASGI application."""
        return Edge(self, drain=self._drain, observe=self._metrics.observe_http, probes=frozenset({HEALTH_PATH}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["path"] == HEALTH_PATH:
            await self._tell_health(scope, send)
            return
        key = self._identify(scope)
        scope["state"]["tenant"] = key.tenant
        route = _route(scope)
        scope["state"]["route"] = route
        self._admit()
        body = await read_body(
            scope, receive, limit_bytes=self._settings.max_body_bytes, timeout_s=self._settings.body_timeout_s
        )
        exchange = _Passage(self._settings, self._upstream, self._metrics, self._drain)
        await exchange.run(scope, receive, send, headers=_headers(scope, key), body=body)

    async def _tell_health(self, scope: Scope, send: Send) -> None:
        asked = scope["method"] in {"GET", "HEAD"}
        status = 405 if not asked else 503 if self._drain.draining else 200
        headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
        if not asked:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _identify(self, scope: Scope) -> ApiKey:
        """Who asks.

        Raises:
            ApiError: 401.
        """
        headers = dict(scope["headers"])
        scheme, _, presented = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not presented.strip():
            self._metrics.refused_key()
            raise _unauthorized("No API key was given: send it as `Authorization: Bearer KEY`.")
        key = self._keys.find(presented.strip())
        if key is None:
            self._metrics.refused_key()
            raise _unauthorized("The API key is not valid.")
        return key

    def _admit(self) -> None:
        if self._drain.in_flight > self._settings.max_concurrent:
            raise ApiError(
                503,
                "The gateway is at its limit of concurrent requests; try again later.",
                kind=ErrorType.OVERLOADED,
                code="overloaded",
                retry_after_s=1,
            )


class _Passage:
    """One request on its way through, watched for a client that leaves and for a drain that runs out."""

    def __init__(self, settings: GatewaySettings, upstream: Upstream, metrics: GatewayMetrics, drain: Drain) -> None:
        self._settings = settings
        self._upstream = upstream
        self._metrics = metrics
        self._drain = drain
        self._relay: Relay | None = None

    async def run(self, scope: Scope, receive: Receive, send: Send, *, headers: httpx.Headers, body: bytes) -> None:
        passing = asyncio.ensure_future(self._pass(scope, send, headers, body))
        gone = asyncio.ensure_future(_disconnect(receive))
        cut = asyncio.ensure_future(self._drain.cut())
        try:
            await asyncio.wait({passing, gone, cut}, return_when=asyncio.FIRST_COMPLETED)
            if passing.done():
                passing.result()
                return
            # Closing the upstream connection tells the server to stop computing.
            await _cancelled(passing)
            if gone.done():
                raise ClientGoneError
            await self._end_early()
        finally:
            for task in (passing, gone, cut):
                await _cancelled(task)

    async def _pass(self, scope: Scope, send: Send, headers: httpx.Headers, body: bytes) -> None:
        started = time.monotonic()
        response = await self._upstream.open(scope["method"], scope["path"], headers, body)
        try:
            self._metrics.first_byte(scope["state"]["route"], time.monotonic() - started)
            self._relay = Relay(
                response,
                send,
                heartbeat_s=self._settings.heartbeat_s,
                idle_timeout_s=self._settings.idle_timeout_s,
            )
            await self._relay.run()
        finally:
            await response.aclose()

    async def _end_early(self) -> None:
        error = ApiError(
            503,
            "The gateway is shutting down; the request can be repeated.",
            kind=ErrorType.OVERLOADED,
            code="shutting_down",
            retry_after_s=1,
        )
        if self._relay is None:
            raise error
        await self._relay.break_off(error)


def _route(scope: Scope) -> str:
    """The route's name.

    Raises:
        ApiError: 404 for an unknown path, 405 for a known one's other methods.
    """
    path, method = scope["path"], scope["method"]
    # The raw path has to be the plain one: no escapes that the server behind might read differently.
    plain = scope.get("raw_path", path.encode()) == path.encode("utf-8", "replace")
    matching = [(verb, name) for verb, name, pattern in _ROUTES if plain and pattern.fullmatch(path)]
    for verb, name in matching:
        if verb == method:
            return name
    if matching:
        raise ApiError(
            405,
            f"{method[:20]} is not allowed for {path[:200]}.",
            code="method_not_allowed",
            headers={"allow": matching[0][0]},
        )
    raise ApiError(404, f"Unknown request URL: {method[:20]} {path[:200]}.", code="unknown_url")


def _headers(scope: Scope, key: ApiKey) -> httpx.Headers:
    """What the server gets to see: never the key, nor anything that a client may have invented about itself."""
    passed = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _PASSED_ON}
    own = {
        "accept-encoding": "identity",
        "connection": "close",
        "x-request-id": scope["state"]["request_id"],
        _TENANT_HEADER: key.tenant,
        _PRIORITY_HEADER: key.priority.value,
    }
    return httpx.Headers(passed | own, encoding="latin-1")  # byte for byte: a client's may be in any encoding


def _unauthorized(message: str) -> ApiError:
    return ApiError(
        401,
        message,
        kind=ErrorType.AUTHENTICATION,
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(task: asyncio.Future[None]) -> None:
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
