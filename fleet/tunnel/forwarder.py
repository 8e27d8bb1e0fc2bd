"""The program that forwards a local port, started again whenever it ends: sessions have time limits, networks break."""

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from fleet.tunnel.errors import NotReadyError, TunnelError
from fleet.tunnel.proxy import HOST, Streams
from fleet.tunnel.route import Route

READY_LIMIT_S: Final = 600.0
"""A machine that was only just made starts and reports to Session Manager within a few minutes."""
_NOT_READY_PAUSE_S: Final = 5.0
_OPEN_LIMIT_S: Final = 60.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_ATTEMPTS: Final = 4
"""In a row, each ending before the port was there: then it is no passing trouble."""
_LOOK_EVERY_S: Final = 0.1
_END_LIMIT_S: Final = 10.0
_KEPT_LINES: Final = 20

Pause = Callable[[float], Awaitable[None]]


class Forwarder:
    """One route's program on one local port.

    Args:
        route: What opens the way.
        port: Local port; 0 takes a free one.
        tell: Is told what happens, one line each.
        pause: Waits that many seconds.
    """

    def __init__(self, route: Route, port: int, tell: Callable[[str], None], pause: Pause = asyncio.sleep) -> None:
        self._route = route
        self.port = port or _free_port()
        self._tell = tell
        self._pause = pause
        self._open = asyncio.Event()
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)

    async def keep_open(self, on_open: Callable[[], None]) -> NoReturn:
        """Forward until cancelled; the program is ended then.

        Args:
            on_open: Called each time that the port has become usable.

        Raises:
            TunnelError: it can't be opened; the program's last words are in the message.
        """
        failures = 0
        while True:
            process = await self._start()
            try:
                if await self._opens(process):
                    failures = 0
                    self._open.set()
                    on_open()
                    await process.wait()
            finally:
                self._open.clear()
                await _end(process)
            failures += 1
            said = "\n".join(f"  {line}" for line in self._said) or "  it said nothing"
            if failures >= _ATTEMPTS:
                raise TunnelError(f"{self._route.title} doesn't open ({failures} attempts):\n{said}")
            self._tell(f"{self._route.title} ended with status {process.returncode}: opened again\n{said}")
            await self._pause(min(_FIRST_PAUSE_S * 2 ** (failures - 1), _LONGEST_PAUSE_S))

    async def connect(self) -> Streams:
        """Open a connection to the API server, once the way is open."""
        await self._open.wait()
        return await asyncio.open_connection(HOST, self.port)

    async def _start(self) -> asyncio.subprocess.Process:
        command = await self._command()
        self._said.clear()
        return await asyncio.create_subprocess_exec(
            *command,
            env=dict(self._route.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # A session of its own: a terminal's Ctrl-C asks us, and what still uses the tunnel is let finish first.
            # The clouds' programs start helpers, which end with the group.
            start_new_session=True,
        )

    async def _command(self) -> list[str]:
        waited_s, told = 0.0, ""
        while True:
            try:
                return list(await asyncio.to_thread(self._route.command, self.port))
            except NotReadyError as error:
                if waited_s >= READY_LIMIT_S:
                    raise TunnelError(f"{error}, after {waited_s:.0f} s: look at the machine in the console") from error
                if str(error) != told:
                    told = str(error)
                    self._tell(f"{error}: waiting for it")
                await self._pause(_NOT_READY_PAUSE_S)
                waited_s += _NOT_READY_PAUSE_S

    async def _opens(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until the port takes connections; False if the program ends before, or takes too long."""
        self._reading = asyncio.create_task(self._listen(process))
        ended = asyncio.create_task(process.wait())
        try:
            async with asyncio.timeout(_OPEN_LIMIT_S):
                while not ended.done():
                    if await self._takes_connections():
                        return True
                    await asyncio.wait([ended], timeout=_LOOK_EVERY_S)
        except TimeoutError:
            self._said.append(f"port {self.port} was not opened within {_OPEN_LIMIT_S:.0f} s")
        finally:
            ended.cancel()
        return False

    async def _takes_connections(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for above
        async for line in process.stdout:
            if text := line.decode(errors="replace").strip():
                self._said.append(text)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the program with all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            async with asyncio.timeout(_END_LIMIT_S):
                await process.wait()
        except TimeoutError:
            continue
        break


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
