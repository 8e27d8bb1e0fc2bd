"""A runbook done step by step, as a person would, by a shell in a rehearsal."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from documents.yaml_edit import set_at
from rehearsal.world import World
from tests.runbooks.markdown import Command, Edit, Given, NotRun, differences, steps
from tests.workflows.act import Workplace

RUNBOOKS: Final = Path(__file__).parents[2] / "docs" / "runbooks"
_LIMIT_S: Final = 400.0
"""The longest command brings a region up; on two busy cores that takes two minutes."""
# Assignments count for the commands after, as in a person's shell.
_ONE: Final = 'set -a; [ ! -e "$KEPT" ] || . "$KEPT"\n{command}\nstatus=$?; declare -px >"$KEPT"; exit $status'
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_QUIET: Final = {"COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"}


@dataclass
class Drill:
    """A repository and a simulated account, in which runbooks are done one after the other.

    Attributes:
        place: the copy of the repository.
        world: the rehearsal.
        stack: the stack that is in trouble.
        said: every command and what it printed.
    """

    place: Workplace
    world: World
    stack: str
    said: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, folder: Path, stack: str, *others: str) -> "Drill":
        """Copy the repository with some of its stacks, and put it into a rehearsal.

        Args:
            folder: an empty one.
            stack: the stack that is in trouble.
            others: further stacks that stay.
        """
        place = Workplace.make(folder)
        for example in (place.folder / "examples").glob("*/Pulumi.*.yaml"):
            if not (place.folder / example.name).exists():
                (place.folder / example.name).write_bytes(example.read_bytes())
        kept = {"Pulumi.yaml", *(f"Pulumi.{each}.yaml" for each in (stack, *others))}
        for file in [*place.folder.glob("Pulumi.*.yaml"), *(place.folder / "tenants").glob("*.yaml")]:
            if file.name not in kept:
                file.unlink()
        world = World(Path(place.fleet("env", "--rehearsal", "runbooks").strip().partition("=")[2]))
        return cls(place, world, stack)

    def play(self, runbook: str, troubles: Mapping[str, Callable[["Drill"], None]]) -> None:
        """Do what a runbook says; what prints something else, or ends otherwise, is an error that names its line."""
        kept = self.place.folder.parent / "variables"
        kept.unlink(missing_ok=True)
        for step in steps(RUNBOOKS / f"{runbook}.md"):
            match step:
                case Given(words=words):
                    troubles[words](self)
                case Edit(file=file, text=text):
                    self._edit(self.place.folder / file.replace("$STACK", self.stack), text)
                case Command():
                    self._run(runbook, step, kept)
                case NotRun():
                    continue

    def _run(self, runbook: str, command: Command, kept: Path) -> None:
        script = _ONE.format(command=command.text)
        path = f"{self.place.folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "KEPT": str(kept), "STACK": self.stack, "PYTHONPATH": str(self.place.folder)}
        given = {"MODELFLEET_REHEARSAL": str(self.world.folder)}
        with subprocess.Popen(
            ["bash", "-uo", "pipefail", "-c", script],
            cwd=self.place.folder,
            env={**os.environ, **self.place.environment, **_QUIET, **own, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                printed, _ = process.communicate(timeout=_LIMIT_S)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        self.said.append(f"$ {command.text}\n{printed}")
        where = f"{runbook}.md:{command.line}: {command.text}"
        assert process.returncode == command.status, f"{where}\nended with {process.returncode}:\n{printed}"
        problem = differences(command.printed, printed)
        assert problem is None, f"{where}\n{problem}:\n{printed}"

    def bring_up(self, *stacks: str) -> None:
        """Bring stacks up that aren't."""
        for stack in stacks or (self.stack,):
            if not (self.backend / "stacks" / "modelfleet" / f"{stack}.json").is_file():
                self.place.fleet("up", stack, "--yes")

    @property
    def backend(self) -> Path:
        """Where the engine keeps its files."""
        return self.world.folder / "backend" / ".pulumi"

    @staticmethod
    def _edit(file: Path, text: str) -> None:
        """Give places of a stack's file new values; a place is written as `fleet` names it, `gpuPools[0].max`."""
        changed = file.read_text(encoding="utf-8")
        for place, value in yaml.safe_load(text).items():
            path = [int(number) if number else name for name, number in _STEP.findall(place)]
            changed = set_at(changed, ("config", *path), json.dumps(value))  # YAML takes JSON
        file.write_text(changed, encoding="utf-8")
