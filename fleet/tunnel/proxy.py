"""A proxy on this machine that sends one server's connections through a tunnel and passes all others on.

It knows CONNECT alone (RFC 9110, section 9.3.6): what goes through it is encrypted end to end, and it reads none of it.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from fleet.tunnel.api_server import ApiServer

HOST = "127.0.0.1"
_REQUEST_LIMIT_S = 30.0
_PIECE = 65_536
_BY_ITSELF = ("localhost", "127.0.0.1", "::1")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class RefusedError(ConnectionError):
    """A proxy has answered that it doesn't connect."""


class ConnectProxy:
    """The proxy.

    Args:
        server: Whose connections go through the tunnel.
        tunnelled: Opens one there; waits while the tunnel is being opened again.
    """

    def __init__(self, server: ApiServer, tunnelled: Callable[[], Awaitable[Streams]]) -> None:
        self._server = server
        self._tunnelled = tunnelled
        self._serving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[int]:
        """Listen on a free port, and give it; connections that are open at the end are closed."""
        listener = await asyncio.start_server(self._accept, HOST, 0)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await listener.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_LIMIT_S):
                method, target = await _request(reader)
                if method != "CONNECT":
                    writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\n\r\n")
                    return
                try:
                    streams = await self._connected(target)
                except (OSError, ValueError) as error:
                    reason = str(error).replace("\r", " ").replace("\n", " ")
                    writer.write(f"HTTP/1.1 502 {reason}\r\n\r\n".encode())
                    return
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _relay((reader, writer), streams)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever asked went away, or spoke no HTTP
        finally:
            writer.close()

    async def _connected(self, target: str) -> Streams:
        host, _, port = target.rpartition(":")
        host = host.strip("[]")
        if (host, int(port)) == (self._server.host, self._server.port):
            return await self._tunnelled()
        upstream = getproxies().get("https")
        if upstream is None or proxy_bypass(host):
            return await asyncio.open_connection(host, int(port))
        return await by_proxy(upstream, target)


def proxied(port: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that lead clients to the proxy, on top of an environment.

    The engine and its plugins talk to each other on this machine's own address, which stays out of it.
    """
    before = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    spared = ",".join(dict.fromkeys([*filter(None, before.split(",")), *_BY_ITSELF]))
    address = f"http://{HOST}:{port}"
    return {"HTTPS_PROXY": address, "https_proxy": address, "NO_PROXY": spared, "no_proxy": spared}


async def _request(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Read a request's head; give its method and target."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    return method, target


async def by_proxy(upstream: str, target: str) -> Streams:
    """Open a connection to `host:port` through a proxy.

    Raises:
        RefusedError: it refuses.
        OSError, EOFError: it isn't there, or goes away before it has answered.
    """
    proxy = urlsplit(upstream)
    reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port or 80)
    login = ""
    if proxy.username is not None:
        secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        login = f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}\r\n"
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if answer.split(b" ", 2)[1] != b"200":
        writer.close()
        raise RefusedError(f"{proxy.hostname} refused: {answer.splitlines()[0].decode('latin-1')}")
    return reader, writer


async def _relay(ours: Streams, theirs: Streams) -> None:
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(ours[0], theirs[1]))
            both.create_task(_copy(theirs[0], ours[1]))
    except* OSError:
        pass  # one side went away: so does the other
    finally:
        theirs[1].close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE):
        target.write(piece)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()
