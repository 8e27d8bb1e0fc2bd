"""Running uvicorn servers in one process until a signal, with a drain in between.

uvicorn's own handling of SIGTERM closes the listening socket first. Behind a load balancer that loses
requests: connections still arrive until every balancer has seen the readiness change. Here the port stays
open while the process drains, and only then closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.web.errors import ApiError
from service.web.settings import PREFIX, ConfigurationError
from service.web.tls_handshake import TlsHandshake

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from starlette.types import ASGIApp

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# After the drain nothing is left to wait for but connections that are being closed.
_CLOSE_S = 2
_BACKLOG = 1024


class GuardedH11Protocol(H11Protocol):
    """HTTP/1.1 whose connections end where a request's head doesn't arrive in time (slowloris), or there are too many.

    A connection costs memory before it has shown a key. Beyond the limit the one that was idle for longest ends, or the
    new one where none is idle.

    uvicorn bounds the idle time between two requests but not the time that the head of one may take. h11, unlike
    httptools, also bounds the head's size (64 KiB). What is no HTTP is told so in the shape of every other error.
    """

    header_timeout_s = 10.0
    max_connections = 600
    _idle_since_s = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Starts the clock for the first request's head."""
        super().connection_made(transport)
        self._idle_since_s = self.loop.time()
        self._await_head()
        if len(self.connections) > self.max_connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Starts the clock for a further request's head, and stops it when a head is whole."""
        if self._refused:
            return
        before = self.cycle
        if self._head_timer is None and (before is None or before.response_complete):
            self._await_head()
        super().data_received(data)
        if self.cycle is not before:
            self._head_arrived()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._head_arrived()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Idle from now on, unless the next request has come already."""
        self._idle_since_s = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuses what h11 can't read and closes soon after; called while its error is being handled."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()  # an answer is on its way: a second one can't follow it
            return
        refusal = _unreadable(sys.exception(), msg)
        body = refusal.body()
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        reason = HTTPStatus(refusal.status).phrase
        for event in (
            h11.Response(status_code=refusal.status, headers=headers, reason=reason),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        # Closing with bytes unread resets the connection, and the client may never see the answer: what it still
        # sends is thrown away for a moment.
        self._refused = True
        self._head_arrived()
        self.loop.call_later(_CLOSE_S, self.transport.close)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _make_room(self) -> None:
        others = (each for each in self.connections if isinstance(each, GuardedH11Protocol) and each is not self)
        idle = (each for each in others if each._is_idle())  # noqa: SLF001 - of the same class
        min(idle, key=lambda each: each._idle_since_s, default=self).transport.abort()  # noqa: SLF001 - likewise

    def _is_idle(self) -> bool:
        return not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.header_timeout_s, self._head_is_late)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        self.transport.abort()


def _unreadable(error: BaseException | None, otherwise: str) -> ApiError:
    """What a client is told whose bytes h11 refused."""
    status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return ApiError(status, "the request's headers are too large: send at most 64 KiB", code="headers_too_large")
    return ApiError(HTTPStatus.BAD_REQUEST, f"this is no HTTP/1.1 request: {error or otherwise}", code="invalid_http")


class Listener(uvicorn.Server):
    """One port. Signals are the business of `run`, which may have several of these."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        header_timeout_s: float,
        keep_alive_s: int,
        max_connections: int = GuardedH11Protocol.max_connections,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Binds the port.

        Args:
            app: what answers.
            host: address to listen on.
            port: to listen on; 0 takes a free one.
            header_timeout_s: within which a request's head has to arrive, and before it a TLS handshake has to end.
            keep_alive_s: that a connection is kept without a request. A client that still keeps a connection which
                this side closes may send a request into it and get a reset: uvicorn's own 5 s are just what httpx,
                and so the openai SDK, keeps an idle connection for.
            max_connections: that are open at once; beyond, the one that was idle for longest is closed.
            tls: makes the port speak TLS.

        Raises:
            ConfigurationError: the port can't be had.
        """
        limits = {"header_timeout_s": header_timeout_s, "max_connections": max_connections}
        protocol: type[asyncio.Protocol] = type("ConfiguredH11Protocol", (GuardedH11Protocol,), limits)
        if tls is not None:
            handshake = {"protocol": protocol, "context": tls, "timeout_s": header_timeout_s, "open_": {}}
            protocol = type("ConfiguredTlsHandshake", (TlsHandshake,), handshake)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_keep_alive=keep_alive_s,
            timeout_graceful_shutdown=_CLOSE_S,
        )
        super().__init__(config)
        self.socket = bind(host, port)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leaves signals to `run`."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the address can't be had; says which and why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"can't listen on {host} port {port}: {error.strerror}; free the port or choose another with {PREFIX}PORT"
        ) from None
    listening.setblocking(False)
    return listening


async def run(
    listeners: Sequence[Listener],
    *,
    drain: Callable[[], Awaitable[Any]],
    failed: Awaitable[Any] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then drains, then closes. A second signal ends at once.

    Args:
        listeners: the ports to serve.
        drain: told to start when the first signal comes; the ports close when it returns.
        failed: ends the service when it raises (a start-up that runs beside the ports, say).

    Raises:
        Exception: what ``failed`` raised.
    """
    loop = asyncio.get_running_loop()
    signalled, insisted = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (insisted if signalled.is_set() else signalled).set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    serving = [asyncio.ensure_future(listener.serve(sockets=[listener.socket])) for listener in listeners]
    failure = asyncio.ensure_future(_failure_of(failed))
    stop = asyncio.ensure_future(signalled.wait())
    force = asyncio.ensure_future(insisted.wait())
    try:
        await asyncio.wait({stop, failure, *serving}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            draining = asyncio.ensure_future(drain())
            await asyncio.wait({draining, force}, return_when=asyncio.FIRST_COMPLETED)
            draining.cancel()
    finally:
        for listener in listeners:
            listener.should_exit = True
            listener.force_exit = insisted.is_set()
        await asyncio.gather(*serving, return_exceptions=True)
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        for waiting in (stop, force, failure):
            waiting.cancel()
        (outcome,) = await asyncio.gather(failure, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome


async def _failure_of(work: Awaitable[Any] | None) -> None:
    """Returns never; raises what ``work`` raises."""
    if work is not None:
        await work
    await asyncio.Event().wait()
