"""A load while it runs: how far it is, and how it is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Generator
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fleet import console
from loadtest.outcome import Outcome


@contextlib.contextmanager
def stop_on_signal() -> Generator[asyncio.Event]:
    """Give an event that Ctrl-C or SIGTERM sets, so that what was measured by then can be told. In a running loop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    earlier = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in earlier:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


class LoadProgress:
    """A bar on stderr that counts requests. A context manager."""

    def __init__(self, name: str, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]} failed"),
            TimeElapsedColumn(),
            console=console.err,
            transient=True,
        )
        self._bar = self._progress.add_task(name, total=total, failed=0)
        self._failed = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def take(self, outcome: Outcome) -> None:
        """Count a request that has ended."""
        self._failed += outcome.failure is not None
        self._progress.update(self._bar, advance=1, failed=self._failed)
