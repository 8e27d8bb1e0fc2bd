"""The program that forwards a local port, started again whenever it ends: sessions have time limits, networks break."""

import asyncio
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from fleet.tunnel.errors import NotReadyError, TunnelError
from fleet.tunnel.proxy import HOST, Streams
from fleet.tunnel.route import Route, require_tools

READY_LIMIT_S: Final = 600.0
"""A machine that was only just made starts and reports to Session Manager within a few minutes."""
_NOT_READY_PAUSE_S: Final = 5.0
_OPEN_LIMIT_S: Final = 60.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_ATTEMPTS: Final = 4
"""In a row, none of which lasted: then it is no passing trouble."""
_LASTING_S: Final = 10.0
"""A way that was open for so long is one that can be had."""
_REOPEN_LIMIT_S: Final = 20.0
"""As long as a connection waits for the way; clients give up after 30 s or more, and are to be told why before."""
_LOOK_EVERY_S: Final = 0.1
_END_LIMIT_S: Final = 10.0
_KEPT_LINES: Final = 20

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class _Attempt:
    """What became of one.

    Attributes:
        trouble: Why it is over.
        started: Whether the program was started at all.
        open_s: For how long the way was open.
    """

    trouble: str
    started: bool = True
    open_s: float = 0.0


class Forwarder:
    """One route's program on one local port.

    Args:
        route: What opens the way.
        port: Local port; 0 takes a free one.
        tell: Is told what happens, one line each.
        pause: Waits that many seconds.
        clock: Gives seconds, from any start.
    """

    def __init__(
        self,
        route: Route,
        port: int,
        tell: Callable[[str], None],
        pause: Pause = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._route = route
        self.port = port or _free_port()
        self._tell = tell
        self._pause = pause
        self._clock = clock
        self._was_open = False
        self._answerable = asyncio.Event()
        """Whether a connection needn't wait: the way is open, or `_refusal` says why it isn't and won't soon be."""
        self._refusal = ""
        self._told = ""
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)

    async def keep_open(self, on_open: Callable[[], None]) -> NoReturn:
        """Forward until cancelled; the program is ended then.

        A way that was open is asked for again as long as it is wanted. Only a program that ends again and again, and
        has never kept it open for a while, is given up.

        Args:
            on_open: Called each time that the port has become usable.

        Raises:
            TunnelError: it can't be opened, or never stays open; the program's last words are in the message.
        """
        try:
            require_tools(self._route)
            await self._keep_open(on_open)
        except TunnelError as error:
            self._refuse(str(error))
            raise

    async def connect(self) -> Streams:
        """Open a connection to the API server, once the way is open.

        Raises:
            ConnectionError: it is away, and not only for a moment.
        """
        try:
            async with asyncio.timeout(_REOPEN_LIMIT_S):
                await self._answerable.wait()
        except TimeoutError:
            raise ConnectionError(f"{self._route.title} is still being opened") from None
        if self._refusal:
            raise ConnectionError(self._refusal)
        return await asyncio.open_connection(HOST, self.port)

    async def _keep_open(self, on_open: Callable[[], None]) -> NoReturn:
        failures, lasted, pause_s = 0, False, _FIRST_PAUSE_S
        while True:
            last = await self._attempt(on_open)
            if last.open_s >= _LASTING_S:
                failures, lasted, pause_s = 0, True, _FIRST_PAUSE_S
            failures += 1
            if failures >= _ATTEMPTS:
                if last.started and not lasted:
                    what = "doesn't stay open" if self._was_open else "doesn't open"
                    raise TunnelError(f"{self._route.title} {what} ({failures} attempts): {last.trouble}")
                self._refuse(last.trouble)
            if last.trouble != self._told:
                self._told = last.trouble
                self._tell(f"{last.trouble}\n{self._route.title} is opened again")
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _attempt(self, on_open: Callable[[], None]) -> _Attempt:
        """Run the program until it ends.

        Raises:
            TunnelError: it can't be started, and never could.
        """
        try:
            process = await self._start()
        except TunnelError as error:
            if not self._was_open:
                raise
            return _Attempt(str(error), started=False)
        open_s = 0.0
        try:
            if await self._opens(process):
                since = self._clock()
                self._announce(on_open)
                await process.wait()
                self._answerable.clear()
                open_s = self._clock() - since
        finally:
            await _end(process)
        said = "\n".join(f"  {line}" for line in self._said) or "  it said nothing"
        return _Attempt(f"{self._route.title} ended with status {process.returncode}\n{said}", open_s=open_s)

    def _announce(self, on_open: Callable[[], None]) -> None:
        if self._was_open:
            self._tell(f"{self._route.title} is open again")
        self._was_open, self._told, self._refusal = True, "", ""
        self._answerable.set()
        on_open()

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        self._answerable.set()

    async def _start(self) -> asyncio.subprocess.Process:
        _require_free(self.port)
        command = await self._command()
        self._said.clear()
        try:
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
        except OSError as error:
            raise TunnelError(f"`{command[0]}` can't be started: {error}") from error

    async def _command(self) -> list[str]:
        """Give the program's words; a cloud's end that is only being made is waited for the first time."""
        waited_s, told = 0.0, ""
        while True:
            try:
                return list(await asyncio.to_thread(self._route.command, self.port))
            except NotReadyError as error:
                if self._was_open:
                    raise
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


def _require_free(port: int) -> None:
    """Look whether the program can listen on a port: who else listens there would be taken for it.

    Raises:
        TunnelError: it can't.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of its last run don't count
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise TunnelError(
                f"port {port} of this machine can't be had ({error.strerror}): give another one by --port, or 0 for "
                "one that is free"
            ) from error
