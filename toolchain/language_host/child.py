"""A process that the host runs for the engine: its output goes on at once, and it never outlives the host."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Self

STOP_GRACE_S: Final = 5.0
"""How long a process may take to end after SIGINT; the engine itself waits a little longer before it kills."""
_CHUNK_BYTES: Final = 64 * 1024


class Output(Enum):
    """Where a piece of output was written to."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(slots=True, eq=False)
class Child:
    """A running process."""

    process: asyncio.subprocess.Process
    stopped: bool = False

    @classmethod
    async def start(cls, argv: Sequence[str], *, folder: Path, variables: Mapping[str, str], captured: bool) -> Self:
        """Start a process.

        Args:
            argv: the command.
            folder: its working directory.
            variables: its whole environment.
            captured: whether `output` will read what it writes; else it writes where the host writes.

        Raises:
            OSError: it can't be started.
        """
        target = asyncio.subprocess.PIPE if captured else None
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            env=dict(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=target,
            stderr=target,
        )
        return cls(process)

    async def output(self) -> AsyncIterator[tuple[Output, bytes]]:
        """Yield what the process writes, as it writes it, until it has closed both streams."""
        queue: asyncio.Queue[tuple[Output, bytes] | None] = asyncio.Queue(maxsize=64)

        async def pump(kind: Output, stream: asyncio.StreamReader) -> None:
            while chunk := await stream.read(_CHUNK_BYTES):
                await queue.put((kind, chunk))
            await queue.put(None)

        streams = {Output.STDOUT: self.process.stdout, Output.STDERR: self.process.stderr}
        pumps = [asyncio.create_task(pump(kind, stream)) for kind, stream in streams.items() if stream]
        try:
            open_streams = len(pumps)
            while open_streams:
                item = await queue.get()
                if item is None:
                    open_streams -= 1
                else:
                    yield item
        finally:
            for task in pumps:
                task.cancel()

    async def wait(self) -> int:
        """Return the exit status, negative for a signal. A cancelled wait stops the process first."""
        try:
            return await self.process.wait()
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the process: SIGINT, and SIGKILL if it is still there after five seconds."""
        if self.process.returncode is not None:
            return
        self.stopped = True
        self._signal(signal.SIGINT)
        try:
            await asyncio.wait_for(asyncio.shield(self.process.wait()), STOP_GRACE_S)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.kill(self.process.pid, number)
        except ProcessLookupError:
            return
