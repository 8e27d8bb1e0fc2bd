"""How a long step tells what it is doing: a live line on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

# In a log, often enough to see that it lives, rare enough to read.
_PLAIN_INTERVAL_S = 20.0


class Progress(Protocol):
    """What a step reports to. Used as a context manager, so that a failure leaves no half-drawn line."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def begin(self, title: str) -> None:
        """Start a step."""

    def update(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Tell what is being worked on, and how much of how many is done where that is known."""

    def end(self, summary: str) -> None:
        """Finish the step."""


class PlainProgress:
    """Lines for a log: the start, the state every 20 seconds, the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._title = ""
        self._started = self._printed = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def begin(self, title: str) -> None:
        """Start a step."""
        self._title = title
        self._started = self._printed = time.monotonic()
        self._print(title)

    def update(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Print where the step is, unless a line was printed a moment ago."""
        now = time.monotonic()
        if now - self._printed < _PLAIN_INTERVAL_S:
            return
        self._printed = now
        amount = f"{done} of {total}, " if total else ""
        self._print(f"{self._title}: {amount}{detail} ({now - self._started:.0f} s)")

    def end(self, summary: str) -> None:
        """Finish the step."""
        self._print(f"{summary} ({time.monotonic() - self._started:.1f} s)")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class TerminalProgress:
    """A bar with what is being compiled and the time it has taken so far."""

    def __init__(self) -> None:
        self._live: RichProgress | None = None
        self._task: TaskID | None = None
        self._title = ""
        self._started = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def begin(self, title: str) -> None:
        """Start a step."""
        # Imported when there is something to draw: the shortest commands of the CLI never are.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._stop()
        self._title = title
        self._started = time.monotonic()
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}"),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._task = self._live.add_task(title, total=None, detail="")
        self._live.start()

    def update(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Redraw the line."""
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=done, total=total or None, detail=detail[-60:])

    def end(self, summary: str) -> None:
        """Replace the line by what was done and how long it took."""
        live = self._live
        self._stop()
        if live is not None:
            live.console.print(f"[green]✓[/green] {summary} ({time.monotonic() - self._started:.1f} s)")

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def default_progress() -> Progress:
    """Return a live display where stderr is a terminal, else plain lines."""
    return TerminalProgress() if sys.stderr.isatty() else PlainProgress()
