"""Previews against stand-ins of the clouds, measured: wall and processor time, and the program's memory."""

import os
import re
import resource
import statistics
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

_PARTS = {
    "program": "pulumi-language-python-exec",
    "language_host": "toolchain.language_host",
    "stand_ins": "from rehearsal.",
}
"""What the processes of a preview are known by, in the order of the looking; all others are the engine's."""
_LOOK_EVERY_S = 0.05
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """One preview.

    Attributes:
        wall_s: From its start to its end.
        cpu_s: User and system time of the CLI and everything that it started.
        cpu_by_part_s: The same by whose it is, as last seen: the end of a process may be missing.
        program_mb: The most memory that the program's process had, in MB.
        made: Resources that it would make.
    """

    wall_s: float
    cpu_s: float
    cpu_by_part_s: Mapping[str, float]
    program_mb: float
    made: int


def figures(measured: Sequence[Measured]) -> dict[str, object]:
    """Give several previews of one program, for a result."""
    return {
        "wall": report.spread([each.wall_s for each in measured]),
        "cpu": report.spread([each.cpu_s for each in measured]),
        "cpu_by_part_median_s": {
            part: round(statistics.median(each.cpu_by_part_s.get(part, 0.0) for each in measured), 2)
            for part in ("engine", *_PARTS)
        },
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
        said, watch = self._run("preview", "--stack", self.stack)
        wall_s = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        made = next((int(line.split()[1]) for line in said.splitlines() if line.strip().endswith("to create")), 0)
        return Measured(wall_s, cpu_s, watch.cpu_by_part_s(), watch.program_bytes / 1e6, made)

    def modules(self, packages: Sequence[str]) -> list[str]:
        """Name the modules of these packages that its program imports, in their order.

        Raises:
            SystemExit: it failed.
        """
        said, _ = self._run("preview", "--stack", self.stack, PYTHONPROFILEIMPORTTIME="1")
        imported = re.findall(r"import time: +\d+ \| +\d+ \| +([\w.]+)", said)
        return [name for name in dict.fromkeys(imported) if name.partition(".")[0] in packages]

    def _run(self, *words: str, **variables: str) -> tuple[str, "Watch"]:
        environment: Mapping[str, str] = {
            **self.world.environment(self.stack, os.environ),
            CHECKED_VARIABLE: self.stack,
            **variables,
        }
        with subprocess.Popen(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.world.project,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # by which its processes are told from other programs of this machine
        ) as engine:
            with Watch(engine.pid) as watch:
                said, _ = engine.communicate()
            if engine.returncode != 0:
                raise SystemExit(f"pulumi {' '.join(words)} failed:\n{said}")
            return said, watch


def write_program(folder: Path, lines: Sequence[str]) -> Path:
    """Write a project with a program of these lines; give its folder."""
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(
        "name: peer\nruntime: {name: python, options: {toolchain: pip, virtualenv: .venv}}\n", encoding="utf-8"
    )
    (folder / "Pulumi.peer.yaml").write_text("config:\n  aws:region: us-east-1\n", encoding="utf-8")
    (folder / "__main__.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


class Watch:
    """Watches the processes of one session: what each has used, and the most memory that the program had."""

    def __init__(self, session: int) -> None:
        self.program_bytes = 0
        self._session = session
        self._used: dict[int, tuple[str, float]] = {}  # of every process: its part, seconds
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()

    def cpu_by_part_s(self) -> Mapping[str, float]:
        """Give what was used, by whose process it is."""
        found: dict[str, float] = {}
        for part, used_s in self._used.values():
            found[part] = found.get(part, 0.0) + used_s
        return found

    def look(self, folder: Path) -> None:
        """Note what a process has used, by its folder in /proc.

        Raises:
            OSError: there is no such process any more.
        """
        # proc(5): after the name in brackets come the state, parent, group, session, …, user and system time.
        fields = (folder / "stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
        if not fields or int(fields[3]) != self._session:  # one that ends while it is read has none
            return
        command = (folder / "cmdline").read_bytes().decode(errors="replace")
        part = next((name for name, mark in _PARTS.items() if mark in command), "engine")
        if not command:  # it has ended, and nobody has asked for its status: its command line is gone
            part, _ = self._used.get(int(folder.name), (part, 0.0))
        self._used[int(folder.name)] = (part, (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND)
        if part == "program":
            status = (folder / "status").read_text(encoding="utf-8")
            peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)
            self.program_bytes = max(self.program_bytes, peak * 1024)

    def _watch(self) -> None:
        while not self._done.wait(_LOOK_EVERY_S):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    self.look(folder)
                except OSError:  # it has ended
                    continue
