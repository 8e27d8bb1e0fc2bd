"""The folder in which a drill's regions live: their states, releases and clusters, apart from this machine's own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fleet.console import FleetError
from rehearsal.guard import WORLD_VARIABLE
from release.append_log import open_store
from release.history import History
from release.journal import Journals
from toolchain.locations import clone_dir

_FLEET: Final = "from fleet.cli import main; main()"
_NOT_PASSED_ON: Final = frozenset(
    {
        # A runner's disk is right for what is thrown away with the drill (see `fleet.runner_disk`).
        "GITHUB_ACTIONS",
        "MODELFLEET_RELEASE_DIES_AT",
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        WORLD_VARIABLE,
    }
)
"""What would send a child elsewhere than into the drill."""
_LAST_LINES: Final = 30


@dataclass(frozen=True)
class Ended:
    """A `fleet` that has run.

    Attributes:
        status: Its exit status; below zero, the signal that ended it.
        printed: What it wrote to standard output.
        said: What it wrote to standard error, by line.
    """

    status: int
    printed: str
    said: tuple[str, ...]


@dataclass(frozen=True)
class DrillPlace:
    """A drill's folder.

    Attributes:
        folder: Where it is; it has a log beside the state.
        tell: Is told each step that a `fleet` takes.
    """

    folder: Path
    tell: Callable[[str], None]

    @property
    def backend(self) -> str:
        """Where the engine keeps the regions' states, and the release store is."""
        backend = self.folder / "pulumi" / "backend"
        backend.mkdir(parents=True, exist_ok=True)
        return backend.as_uri()

    @property
    def environment(self) -> Mapping[str, str]:
        """What a command of the drill gets."""
        passed_on = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
        return {**passed_on, "MODELFLEET_STATE": str(self.folder), "PULUMI_BACKEND_URL": self.backend}

    @property
    def history(self) -> History:
        """What the release store has recorded."""
        return History(open_store(self.backend))

    @property
    def journals(self) -> Journals:
        """The rollouts; only for reading."""
        return Journals(open_store(self.backend), writer="", now=lambda: datetime.now(UTC))

    def fleet(self, *arguments: str, dies_at: str = "") -> Ended:
        """Run a command in the drill, to its end.

        Args:
            arguments: The command's.
            dies_at: The point at which a rollout kills itself (`release.steps.fault_points`); none if empty.
        """
        further = {"MODELFLEET_RELEASE_DIES_AT": dies_at} if dies_at else {}
        said: list[str] = []
        with (
            (self.folder / "commands.log").open("a", encoding="utf-8") as log,
            tempfile.TemporaryFile("w+", encoding="utf-8") as printed,
            subprocess.Popen(
                [sys.executable, "-c", _FLEET, *arguments],
                cwd=clone_dir(),
                env={**self.environment, **further},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # a terminal's Ctrl-C is this process's, which then ends it once, in order
            ) as process,
        ):
            log.write(f"$ fleet {' '.join(arguments)}\n")
            try:
                for line in process.stderr or ():
                    said.append(line.rstrip())
                    log.write(line)
                    log.flush()
                    if line.startswith("==>"):
                        self.tell("  " + line.removeprefix("==>").strip())
                process.wait()
            except BaseException:
                process.terminate()  # leaving this block waits for it
                raise
            printed.seek(0)
            return Ended(process.returncode, printed.read(), tuple(said))

    def checked(self, *arguments: str) -> str:
        """Run a command that has to succeed, and give what it printed.

        Raises:
            FleetError: it failed; its last lines are in the message.
        """
        ended = self.fleet(*arguments)
        if ended.status != 0:
            last = "\n".join(f"  {line}" for line in ended.said[-_LAST_LINES:])
            raise FleetError(f"the drill's `fleet {' '.join(arguments)}` ended with {ended.status}:\n{last}")
        return ended.printed
