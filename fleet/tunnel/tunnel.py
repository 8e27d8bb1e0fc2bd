"""An open tunnel: the cloud's program, the proxy before it, and the record of both."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from fleet.tunnel.api_server import ApiServer, through
from fleet.tunnel.errors import TunnelError
from fleet.tunnel.forwarder import Forwarder, Pause
from fleet.tunnel.proxy import HOST, ConnectProxy, RefusedError, Streams, by_proxy, proxied
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
        pause: Waits that many seconds.

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
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._stack = stack
        self.server = server
        self._kubeconfig = kubeconfig
        self._route = route
        self._records = records
        self._tell = tell
        self._port = port
        self._pause = pause

    @property
    def title(self) -> str:
        """By which way it goes."""
        return self._route.title

    async def keep_open(self, on_open: Callable[[TunnelRecord], None]) -> NoReturn:
        """Keep it open until cancelled, for every client on this machine; the records tell of it.

        Args:
            on_open: Called each time that it has become usable.

        Raises:
            TunnelError: it can't be opened, a program that it takes is missing, or another process keeps it open.
        """
        forwarder = Forwarder(self._route, self._port, self._tell, self._pause)
        with self._records.held(self._stack):
            async with ConnectProxy(self.server, forwarder.connect).listening() as proxy_port:
                record = self._record(forwarder.port, proxy_port)

                def opened() -> None:
                    self._records.write(record, through(self._kubeconfig, self.server, forwarder.port))
                    on_open(record)

                await forwarder.keep_open(opened)

    @contextmanager
    def opened(self) -> Generator[Mapping[str, str]]:
        """Have a way for this process alone meanwhile, beside what this thread does.

        Gives the variables that lead to it. It goes by the tunnel that is open for everyone, as long as there is one.
        Whatever becomes of the way, the proxy stays until the end and passes on what goes elsewhere: a command's other
        traffic goes by it too.

        Raises:
            TunnelError: it can't be opened.
        """
        keeper = _Keeper(self.keep_reached)
        keeper.start()
        try:
            yield keeper.environment()
        finally:
            keeper.end()

    async def keep_reached(self, on_open: Callable[[Mapping[str, str]], None]) -> None:
        """Keep a way for this process until cancelled.

        Args:
            on_open: Called with the variables that lead to it, each time that it has become usable.

        Raises:
            TunnelError: it can't be opened; not once it was usable.
        """
        forwarder = Forwarder(self._route, self._port, self._tell, self._pause)
        lent = self.lent()
        lent_ended = asyncio.Event()
        usable = False

        async def connect() -> Streams:
            if lent is not None and not lent_ended.is_set():
                try:
                    return await by_proxy(f"http://{HOST}:{lent.proxy_port}", lent.server)
                except RefusedError:
                    raise  # it is there, and says why it doesn't lead there now
                except (OSError, EOFError):
                    lent_ended.set()
            return await forwarder.connect()

        async with ConnectProxy(self.server, connect).listening() as proxy_port:

            def opened() -> None:
                nonlocal usable
                usable = True
                on_open(proxied(proxy_port, self._route.environment))

            if lent is not None:
                self._tell(f"by the tunnel that is open (process {lent.pid})")
                opened()
                await lent_ended.wait()
                self._tell("the tunnel that was open has ended: this command opens one of its own")
            try:
                await forwarder.keep_open(opened)
            except TunnelError as error:
                if not usable:
                    raise
                self._tell(str(error))
                await asyncio.Future()  # the forwarder refuses what goes to the API server; all else goes on

    def lent(self) -> TunnelRecord | None:
        """Give the tunnel to the same API server that is open for everyone, None where there is none."""
        record = self._records.running(self._stack)
        return record if record is not None and record.server == self._address else None

    @property
    def _address(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    def _record(self, port: int, proxy_port: int) -> TunnelRecord:
        return TunnelRecord(
            stack=self._stack,
            pid=os.getpid(),
            title=self._route.title,
            server=self._address,
            port=port,
            proxy_port=proxy_port,
            kubeconfig=str(self._records.kubeconfig_file(self._stack)),
            environment=proxied(proxy_port, self._route.environment),
        )


class _Keeper(threading.Thread):
    """Keeps a way open in a thread of its own.

    Args:
        keep: Keeps it until cancelled; calls what it is given with the variables that lead to it.
    """

    def __init__(self, keep: Callable[[Callable[[Mapping[str, str]], None]], Coroutine[Any, Any, None]]) -> None:
        super().__init__(name="tunnel", daemon=True)
        self._usable = threading.Event()
        self._environment: Mapping[str, str] | None = None
        self._error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(keep(self._opened))

    def run(self) -> None:
        """Keep it open until the task is cancelled."""
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._error = error  # it is raised where the way is waited for
            if self._environment is not None:
                raise
        finally:
            self._usable.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def environment(self) -> Mapping[str, str]:
        """Wait until it is open.

        Raises:
            TunnelError: it can't be opened.
        """
        self._usable.wait()
        if self._environment is not None:
            return self._environment
        if self._error is not None:
            raise self._error
        raise TunnelError("the tunnel was ended before it was open")

    def end(self) -> None:
        """Close it and wait until nothing of it is left."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.join()

    def _opened(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._usable.set()
