"""One stack's `fleet up` as a child process: with its repair, its policies, its tunnel, beside those of other stacks.

A process of its own has its own lines and signals, and can be ended in order when its pods can't run: the engine alone
would wait for them for ten minutes.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fleet.interrupt import Terminated
from release.errors import RegionBusyError, RegionError
from release.gate.check import PodTrouble
from release.pod_watch import LOOK_EVERY_S, PodWatch
from toolchain.locations import clone_dir

_FLEET: Final = "from fleet.cli import main; main()"
_INTERRUPTED: Final = 130
_LAST_LINES: Final = 30
_HELD: Final = re.compile(
    r"stack \S+ is being updated by|another `fleet`.* is changing stack|stack \S+ is in use|currently locked by"
)
"""How a stack that somebody else holds is told: by `fleet.repair`, by `fleet.exclusive`, and by the engine itself where
the states are in a bucket (Pulumi's pkg/backend/diy/lock.go)."""


@dataclass
class StackUpdate:
    """One update of a stack.

    Attributes:
        stack: Its name.
        tell: Is told what the child says, a line each.
        troubles: What keeps pods that came with this update from running; raises RegionError where nobody can tell.
    """

    stack: str
    tell: Callable[[str], None]
    troubles: Callable[[], Sequence[PodTrouble]]
    _process: "subprocess.Popen[str] | None" = None
    _given_up: str = ""
    _said: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Bring the stack to what its file says.

        Raises:
            RegionError: the update failed, or was given up because its pods can't run.
            RegionBusyError: another engine or command holds the stack; nothing was changed.
            Terminated: it was interrupted.
        """
        with subprocess.Popen(
            [sys.executable, "-c", _FLEET, "up", self.stack, "--yes"],
            cwd=clone_dir(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            self._process = process
            ended = threading.Event()
            watcher = threading.Thread(target=self._watch, args=(ended,), daemon=True)
            watcher.start()
            try:
                self._relay(process)
                process.wait()
            finally:
                ended.set()
                self._process = None
        if self._given_up:
            raise RegionError(f"update of {self.stack} given up: {self._given_up}")
        if process.returncode == _INTERRUPTED:
            raise Terminated
        if process.returncode != 0 and (held := [line for line in self._said if _HELD.search(line)]):
            raise RegionBusyError(f"{self.stack}: {held[-1].strip().removeprefix('error: ')}")
        if process.returncode != 0:
            last = "\n".join(f"  {line}" for line in self._said[-_LAST_LINES:])
            raise RegionError(f"update of {self.stack} failed:\n{last}")

    def interrupt(self) -> None:
        """End what is under way in order, as Ctrl-C does."""
        if (process := self._process) is not None:
            process.terminate()

    def _relay(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stderr or ():
            self._said.append(line.rstrip())
            self.tell(line.rstrip())

    def _watch(self, ended: threading.Event) -> None:
        """Give the update up once its pods have been in trouble for too long, or crash again and again."""
        watch = PodWatch()
        while not ended.wait(LOOK_EVERY_S):
            if (trouble := watch.look(self._troubles_now())) is not None:
                self._given_up = str(trouble)
                self.tell(self._given_up)
                self.interrupt()
                return

    def _troubles_now(self) -> Sequence[PodTrouble]:
        try:
            return self.troubles()
        except RegionError:
            return ()  # an API server that restarts
