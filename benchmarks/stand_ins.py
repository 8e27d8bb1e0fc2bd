"""Previews against stand-ins of the clouds, measured: wall and processor time, and the program's memory."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks import report
from rehearsal.world import World
from toolchain.flavour import CHECKED_VARIABLE

_EXECUTOR = "pulumi-language-python-exec"
"""The SDK's script that runs a program: what its process is known by."""
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Measured:
    """One preview.

    Attributes:
        wall_s: From its start to its end.
        cpu_s: User and system time of the CLI and everything that it started.
        program_mb: The most memory that the program's process had, in MB.
        made: Resources that it would make.
    """

    wall_s: float
    cpu_s: float
    program_mb: float
    made: int


def figures(measured: Sequence[Measured]) -> dict[str, object]:
    """Give several previews of one program, for a result."""
    return {
        "wall": report.spread([each.wall_s for each in measured]),
        "cpu": report.spread([each.cpu_s for each in measured]),
        "program_mb": round(max(each.program_mb for each in measured)),
    }


@dataclass(frozen=True)
class Program:
    """A program in a simulated account of its own, in which nothing is made yet.

    Attributes:
        stack: Its stack.
        world: Its account.
    """

    stack: str
    world: World

    @classmethod
    def of(cls, stack: str, world: World, *, project: Path | None = None, files: Path | None = None) -> "Program":
        """Make a stack ready."""
        world.forget()
        world.begin(account="111122223333", region="us-east-1", source=project, files=files)
        made = cls(stack, world)
        made._run("stack", "select", "--create", stack)
        return made

    def preview(self) -> Measured:
        """Preview it once.

        Raises:
            SystemExit: it failed.
        """
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        with _Peak() as peak:
            said = self._run("preview", "--stack", self.stack)
        wall_s = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        made = next((int(line.split()[1]) for line in said.splitlines() if line.strip().endswith("to create")), 0)
        return Measured(wall_s, cpu_s, peak.bytes / 1e6, made)

    def _run(self, *words: str) -> str:
        environment: Mapping[str, str] = {
            **self.world.environment(self.stack, os.environ),
            CHECKED_VARIABLE: self.stack,
        }
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.world.project,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"pulumi {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def write_program(folder: Path, lines: Sequence[str]) -> Path:
    """Write a project with a program of these lines; give its folder."""
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(
        "name: peer\nruntime: {name: python, options: {toolchain: pip, virtualenv: .venv}}\n", encoding="utf-8"
    )
    (folder / "Pulumi.peer.yaml").write_text("config:\n  aws:region: us-east-1\n", encoding="utf-8")
    (folder / "__main__.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


class _Peak:
    """Watches the program's process, and keeps the most memory that it had."""

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        ours = str(os.getpid())
        while not self._done.wait(_LOOK_EVERY_S):
            for folder in Path("/proc").glob("[0-9]*"):
                if folder.name != ours:
                    self.bytes = max(self.bytes, _program_bytes(folder))


def _program_bytes(folder: Path) -> int:
    try:
        if _EXECUTOR not in (folder / "cmdline").read_text(encoding="utf-8", errors="replace"):
            return 0
        status = (folder / "status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)
