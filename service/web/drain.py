"""Counting what is in flight, so that a process can end without cutting anything short."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


class Drain:
    """The requests in flight, and whether the process is on its way out. Belongs to one event loop."""

    def __init__(self) -> None:
        self.draining = False
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._cut = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests admitted and not yet answered to the end."""
        return self._in_flight

    @contextlib.contextmanager
    def request(self) -> Generator[None]:
        """Counts one request for as long as the context is open."""
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if self._in_flight == 0:
                self._idle.set()

    def begin(self) -> None:
        """From now on the service reports itself not ready."""
        self.draining = True

    async def finish(self, *, linger_s: float, timeout_s: float) -> bool:
        """Waits for the requests in flight, at least ``linger_s`` and at most ``timeout_s`` seconds.

        Returns:
            Whether everything had finished in time. If not, the requests still running were told to end.
        """
        started = asyncio.get_running_loop().time()
        # The linger comes first: while the port is open new requests may still come in and be served.
        await asyncio.sleep(min(linger_s, timeout_s))
        left_s = max(0.0, timeout_s - (asyncio.get_running_loop().time() - started))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), left_s)
            return True
        if self._idle.is_set():
            return True
        self._cut.set()
        return False

    async def cut(self) -> None:
        """Returns when the time to finish is over and what still runs has to end."""
        await self._cut.wait()
