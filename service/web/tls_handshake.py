"""TLS handshakes that end in time, and are bounded in number.

asyncio's own server shows a connection to its protocol when the handshake is over. Until then it has cost some 270 KB,
may last for 60 s, and counts nowhere: whoever opens enough connections and says nothing takes all memory, without a
key. Here a connection is a plain one first, that is counted, and is then made a secure one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import ssl

MOST_HANDSHAKES = 100
"""At once: 27 MB, and 1,000 a second where each takes two round trips of 50 ms."""


class TlsHandshake(asyncio.Protocol):
    """A connection until its handshake is over, when another protocol takes it on.

    Subclasses set what is one for all connections of a port.

    Attributes:
        protocol: what takes a secure connection on; made with this one's arguments.
        context: what it is secured with.
        timeout_s: within which the handshake has to end.
        open_: those that go on, oldest first; beyond `MOST_HANDSHAKES` the oldest is closed.
    """

    protocol: ClassVar[type[asyncio.Protocol]]
    context: ClassVar[ssl.SSLContext]
    timeout_s: ClassVar[float]
    open_: ClassVar[dict[TlsHandshake, None]]

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._early = b""
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins the handshake of a plain connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream socket
        transport.pause_reading()  # what comes is the handshake's
        self._transport = transport
        self.open_[self] = None
        if len(self.open_) > MOST_HANDSHAKES:
            next(iter(self.open_)).give_up()
        self._task = asyncio.ensure_future(self._secure(transport))

    def data_received(self, data: bytes) -> None:
        """Keeps what came together with the handshake's end."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Notes that nothing is left to be taken on."""
        del exc
        self._lost = True

    def give_up(self) -> None:
        """Closes the connection."""
        self.open_.pop(self, None)
        if self._task is not None:
            self._task.cancel()

    async def _secure(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(
                transport, self, self.context, server_side=True, ssl_handshake_timeout=self.timeout_s
            )
        except (OSError, asyncio.CancelledError):  # no TLS, too late, gone, or given up
            secure = None
        finally:
            self.open_.pop(self, None)
        if secure is None or self._lost:
            transport.abort()
            return
        taking_on = self.protocol(**self._arguments)
        secure.set_protocol(taking_on)
        taking_on.connection_made(secure)
        if self._early:
            taking_on.data_received(self._early)
