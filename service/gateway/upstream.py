"""Reaching a model server behind a Service whose pods come and go.

Every request has a connection of its own: a kept one is pinned to one pod by the Service's address translation,
so load would never spread to new pods, and it may be closed by the other side just as it is used. Inside a
cluster a connection costs a fraction of a millisecond.

A request is tried again only while no byte of an answer was received. Generating twice changes nothing but the
time it takes, so that is safe; once a byte has arrived it never happens. A server that goes away with a request in its
hands may have been ended by that very request, which is not to end the next ones too: it is sent once more where the
server went away at once, as one does that is just being stopped, and not at all where it had worked on it.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import httpx

from service.web import logs
from service.web.errors import ApiError, ErrorType

if TYPE_CHECKING:
    from service.gateway.metrics import GatewayMetrics
    from service.gateway.settings import GatewaySettings

_log = logs.get("upstream")
# Set by a server that has computed nothing and won't: it drains, or isn't ready yet.
_RETRYABLE = "x-modelfleet-retryable"
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class Upstream:
    """The model servers."""

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._base = str(settings.upstream).rstrip("/")
        self._client = httpx.AsyncClient(
            # The time until the first byte and between pieces is bounded by us: httpx has one limit for both.
            timeout=httpx.Timeout(None, connect=settings.connect_timeout_s, write=settings.idle_timeout_s),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Closes what is open."""
        await self._client.aclose()

    async def open(self, method: str, path: str, headers: httpx.Headers, body: bytes) -> httpx.Response:
        """Sends a request on until a server answers it.

        Returns:
            The response with its body unread. The caller closes it.

        Raises:
            ApiError: 502 where servers went away too often, 503 where none took it in time, 504 where one took
                too long to begin its answer.
        """
        clock = asyncio.get_running_loop().time
        give_up = clock() + self._settings.retry_window_s
        resends, pause_s = 0, _FIRST_PAUSE_S
        while True:
            sent = clock()
            try:
                response = await self._send(method, path, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                reason = "connect"
                _log.debug("no connection", error=str(error))
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                reason = "closed"
                resends += 1
                if resends > self._settings.max_resends or clock() - sent > self._settings.resend_within_s:
                    _log.warning("server went away", error=type(error).__name__, sent=resends, after_s=clock() - sent)
                    raise ApiError(
                        502,
                        "The model server went away before it answered.",
                        kind=ErrorType.SERVER,
                        code="upstream_closed",
                    ) from None
            else:
                if not (response.status_code == httpx.codes.SERVICE_UNAVAILABLE and _RETRYABLE in response.headers):
                    return response
                await response.aclose()
                reason = "not_ready"
            if clock() + pause_s > give_up:
                raise ApiError(
                    503,
                    "No model server is available; try again later.",
                    kind=ErrorType.OVERLOADED,
                    code="unavailable",
                    retry_after_s=5,
                )
            self._metrics.retry(reason)
            # Jitter, so that what failed together doesn't come back together.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _send(self, method: str, path: str, headers: httpx.Headers, body: bytes) -> httpx.Response:
        request = self._client.build_request(method, self._base + path, headers=headers, content=body)
        try:
            async with asyncio.timeout(self._settings.first_byte_timeout_s):
                return await self._client.send(request, stream=True)
        except TimeoutError:
            raise ApiError(
                504,
                f"The model server did not begin its answer within {self._settings.first_byte_timeout_s:g} s.",
                kind=ErrorType.SERVER,
                code="upstream_timeout",
            ) from None
