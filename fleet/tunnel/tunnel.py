"""An open tunnel: the cloud's program, the proxy before it, and the record of both."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from fleet.tunnel.api_server import ApiServer, through
from fleet.tunnel.errors import TunnelError
from fleet.tunnel.forwarder import Forwarder
from fleet.tunnel.proxy import ConnectProxy, proxied
from fleet.tunnel.record import TunnelRecord, TunnelRecords
from fleet.tunnel.route import Route


class Tunnel:
    """One stack's tunnel.

    Args:
        stack: Its name.
        server: Its API server.
        kubeconfig: Its kubeconfig.
        route: The cloud's way.
        records: Where open tunnels are noted.
        tell: Is told what happens, one line each.
        port: Local port that leads to the API server; 0 takes a free one.

    Attributes:
        server: The API server.
    """

    def __init__(
        self,
        *,
        stack: str,
        server: ApiServer,
        kubeconfig: str,
        route: Route,
        records: TunnelRecords,
        tell: Callable[[str], None],
        port: int = 0,
    ) -> None:
        self._stack = stack
        self.server = server
        self._kubeconfig = kubeconfig
        self._route = route
        self._records = records
        self._tell = tell
        self._port = port

    @property
    def title(self) -> str:
        """By which way it goes."""
        return self._route.title

    async def keep_open(self, on_open: Callable[[TunnelRecord], None]) -> None:
        """Keep it open until cancelled.

        Args:
            on_open: Called each time that it has become usable.

        Raises:
            TunnelError: it can't be opened, or a program that it takes is missing.
        """
        forwarder = Forwarder(self._route, self._port, self._tell)
        proxy = ConnectProxy(self.server, forwarder.connect)
        with self._records.held(self._stack):
            async with proxy.listening() as proxy_port:
                record = self._record(forwarder.port, proxy_port)

                def opened() -> None:
                    self._records.write(record, through(self._kubeconfig, self.server, forwarder.port))
                    on_open(record)

                await forwarder.keep_open(opened)

    @contextmanager
    def opened(self) -> Generator[TunnelRecord]:
        """Keep it open meanwhile, beside what this thread does.

        Raises:
            TunnelError: it can't be opened.
        """
        keeper = _Keeper(self)
        keeper.start()
        try:
            yield keeper.record()
        finally:
            keeper.end()

    def _record(self, port: int, proxy_port: int) -> TunnelRecord:
        return TunnelRecord(
            stack=self._stack,
            pid=os.getpid(),
            title=self._route.title,
            server=f"{self.server.host}:{self.server.port}",
            port=port,
            proxy_port=proxy_port,
            kubeconfig=str(self._records.kubeconfig_file(self._stack)),
            environment=proxied(proxy_port, self._route.environment),
        )


class _Keeper(threading.Thread):
    """Keeps a tunnel open in a thread of its own."""

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__(name="tunnel", daemon=True)
        self._tunnel = tunnel
        self._usable = threading.Event()
        self._record: TunnelRecord | None = None
        self._error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Keep it open until the task is cancelled."""
        self._task = self._loop.create_task(self._tunnel.keep_open(self._opened))
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._error = error
        finally:
            self._usable.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def record(self) -> TunnelRecord:
        """Wait until it is open.

        Raises:
            TunnelError: it can't be opened.
        """
        self._usable.wait()
        if self._error is not None:
            raise self._error
        if self._record is None:
            raise TunnelError("the tunnel was ended before it was open")
        return self._record

    def end(self) -> None:
        """Close it and wait until nothing of it is left."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
            self._loop.call_soon_threadsafe(self._cancel)
        self.join()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _opened(self, record: TunnelRecord) -> None:
        self._record = record
        self._usable.set()
