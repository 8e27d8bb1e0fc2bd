"""Requests to a Kubernetes API server: JSON in and out, retries, watches, and errors that tell causes apart.

httpcore is the transport beneath httpx: the same connection pool and TLS, at a quarter of the import time,
which every preview of a stack would pay.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpcore

from toolchain.kubernetes_provider.credentials import Credentials
from toolchain.kubernetes_provider.kubeconfig import Connection, KubeconfigError
from toolchain.provider.interface import ProviderError, UnavailableError

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 60.0
"""The API server's own limit for a request is 60 s."""
ATTEMPTS: Final = 6
FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 8.0
CONNECT_ATTEMPTS: Final = 3
"""A server that refuses connections is given under a second: a restart is bridged, a wrong address is told."""
CONNECTIONS: Final = 64
"""The engine runs as many operations at once as it is told to; each may hold one watch and one request."""
RETRIED_STATUSES: Final = frozenset({429, 500, 502, 503, 504})
_NOT_IN_SCHEMA: Final = b"failed to create typed patch object"
"""An apply with a field that the kind does not have is answered by 500, though the fault is not the server's."""
APPLY_PATCH: Final = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason inside an API error: which field, and what about it."""

    reason: str
    message: str
    field: str


class ApiError(ProviderError):
    """The API server answered with an error status."""

    def __init__(self, code: int, reason: str, message: str, causes: tuple[Cause, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes


class ApiClient:
    """One API server. Safe for many concurrent operations on one event loop."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._credentials = Credentials(connection)
        self._pool: httpcore.AsyncConnectionPool | httpcore.AsyncHTTPProxy | None = None
        self._pool_lock = asyncio.Lock()
        address = urlsplit(connection.server)
        self._prefix = address.path
        self._origin = (address.scheme.encode(), (address.hostname or "").encode(), address.port)

    async def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Read one object or list."""
        return await self.request("GET", path, parameters)

    async def request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send a request and give the decoded answer.

        Requests that the server could not take (429, 5xx, a lost connection) are repeated with growing delays;
        all requests of this plugin may be repeated safely: reads, applies, deletes.

        Raises:
            ApiError: the server answered with an error.
            UnavailableError: the server cannot be reached.
        """
        content = await self._send(method, path, parameters or {}, body, content_type)
        return json.loads(content) if content else {}

    async def text(self, path: str, **parameters: str) -> str:
        """Read a plain-text answer: a container's log."""
        content = await self._send("GET", path, parameters, None, "application/json")
        return content.decode(errors="replace")

    async def watch(self, path: str, **parameters: str) -> AsyncIterator[dict[str, Any]]:
        """Yield watch events until the server ends the stream.

        Raises:
            ApiError: the watch was refused or its resource version is too old (410).
            UnavailableError: the connection was lost.
        """
        query = {**parameters, "watch": "1", "timeoutSeconds": "240"}
        pool = await self._ready_pool()
        url, headers = self._url(path, query), await self._headers(None)
        timeout = {"connect": CONNECT_TIMEOUT_S, "read": 300.0}
        try:
            async with pool.stream("GET", url, headers=headers, extensions=self._extensions(timeout)) as response:
                if response.status >= 400:
                    raise _api_error(response.status, await response.aread())
                buffer = b""
                async for chunk in response.aiter_stream():
                    *lines, buffer = (buffer + chunk).split(b"\n")
                    for line in lines:
                        if line:
                            yield json.loads(line)
        except _NETWORK_ERRORS as error:
            raise self._unavailable(error) from None

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def _send(  # noqa: C901 - one attempt's outcomes side by side
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> bytes:
        content = None if body is None else json.dumps(body).encode()
        url = self._url(path, parameters)
        connect_failures = 0
        renewed = False
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**attempt) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            try:
                response = await self._once(method, url, content, content_type)
            except httpcore.ConnectError as error:
                connect_failures += 1
                if connect_failures >= CONNECT_ATTEMPTS or "CERTIFICATE" in str(error).upper():
                    raise self._unavailable(error) from None
            except _NETWORK_ERRORS as error:
                if last:
                    raise self._unavailable(error) from None
            else:
                if response.status < 400:
                    return response.content
                if response.status == 401 and not renewed and self._credentials.reject():
                    renewed = True
                    await self.close()  # a client certificate of the exec program is part of the connections
                    continue
                if response.status == 401:
                    raise self._refused(_api_error(response.status, response.content))
                if response.status not in RETRIED_STATUSES or last or _NOT_IN_SCHEMA in response.content:
                    raise _api_error(response.status, response.content)
                delay = _retry_after(response, delay)
            await asyncio.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, method: str, url: httpcore.URL, content: bytes | None, content_type: str) -> Any:
        pool = await self._ready_pool()
        headers = await self._headers(content_type if content is not None else None)
        timeout = {"connect": CONNECT_TIMEOUT_S, "read": READ_TIMEOUT_S, "write": READ_TIMEOUT_S}
        return await pool.request(method, url, headers=headers, content=content, extensions=self._extensions(timeout))

    async def _ready_pool(self) -> Any:
        async with self._pool_lock:
            if self._pool is None:
                options: dict[str, Any] = {
                    "ssl_context": await self._credentials.ssl_context(),
                    "max_connections": CONNECTIONS,
                    "keepalive_expiry": 30.0,
                }
                proxy = self.connection.proxy_url
                self._pool = (
                    httpcore.AsyncHTTPProxy(proxy_url=proxy, **options)
                    if proxy
                    else httpcore.AsyncConnectionPool(**options)
                )
            return self._pool

    def _url(self, path: str, parameters: Mapping[str, str]) -> httpcore.URL:
        scheme, host, port = self._origin
        query = f"?{urlencode(parameters)}" if parameters else ""
        target = f"{self._prefix}{quote(path)}{query}".encode("ascii")
        return httpcore.URL(scheme=scheme, host=host, port=port, target=target)

    async def _headers(self, content_type: str | None) -> list[tuple[str, str]]:
        headers = [
            ("Host", urlsplit(self.connection.server).netloc),
            ("Accept", "application/json"),
            ("User-Agent", "pulumi-resource-kubernetes (modelfleet)"),
        ]
        if content_type is not None:
            headers.append(("Content-Type", content_type))
        if authorization := await self._credentials.authorization():
            headers.append(("Authorization", authorization))
        return headers

    def _extensions(self, timeout: Mapping[str, float]) -> dict[str, Any]:
        extensions: dict[str, Any] = {"timeout": dict(timeout)}
        if self.connection.tls_server_name:
            extensions["sni_hostname"] = self.connection.tls_server_name
        return extensions

    def _unavailable(self, error: Exception) -> UnavailableError:
        said = str(error) or type(error).__name__
        return UnavailableError(
            f"the Kubernetes API server {self.connection.server} (context {self.connection.context!r}) cannot be "
            f"reached: {said}. Nothing is known about its resources; none was changed in the state. Start the "
            "cluster or correct the kubeconfig; if the cluster is gone for good, run once more with "
            "PULUMI_K8S_DELETE_UNREACHABLE=true to drop its resources from the state."
        )

    def _refused(self, error: ApiError) -> ProviderError:
        return KubeconfigError(
            f"{self.connection.server} did not accept the credentials of context "
            f"{self.connection.context!r}: {error}. Log in again, or correct the kubeconfig's user."
        )


_NETWORK_ERRORS: Final = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError)


def _retry_after(response: Any, delay: float) -> float:
    for name, value in response.headers:
        if name.lower() == b"retry-after" and value.isdigit():
            return min(float(value), LONGEST_DELAY_S)
    return delay


def _api_error(code: int, content: bytes) -> ApiError:
    try:
        status = json.loads(content)
    except ValueError:
        status = {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        text = content.decode(errors="replace").strip()[:500]
        return ApiError(code, "", f"HTTP {code}: {text or 'no explanation'}")
    details = status.get("details") or {}
    causes = tuple(
        Cause(each.get("reason", ""), each.get("message", ""), each.get("field", ""))
        for each in details.get("causes") or ()
    )
    return ApiError(code, status.get("reason", ""), status.get("message", f"HTTP {code}"), causes)
