"""Runs the Pulumi engine: one operation on one stack, its events shown as they come.

The engine is a program of its own (official or built), so this is the command line that a person would use,
with the event log that `--event-log` writes read alongside.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from fleet import console
from fleet.console import FleetError
from fleet.interrupt import Terminated
from fleet.steps import Step
from fleet.update_view import PolicyFinding, UpdateView
from toolchain.locations import clone_dir


@dataclass(frozen=True)
class Summary:
    """What an operation did.

    Attributes:
        changes: Number of resources by what was done to them (create, update, delete, replace, same).
        duration_s: Seconds, as the engine counts them.
        steps: What was done to each resource, in the order in which it ended; what was left as it was is left out.
        findings: What policies said.
    """

    changes: Mapping[str, int]
    duration_s: int
    steps: tuple[Step, ...] = ()
    findings: tuple[PolicyFinding, ...] = ()

    @property
    def changed(self) -> int:
        """How many resources were touched."""
        return sum(number for kind, number in self.changes.items() if kind != "same")

    def followed_by(self, later: Self) -> Self:
        """Give what this and a later operation did together; what the later one found unchanged counts once."""
        both = {
            kind: self.changes.get(kind, 0) + later.changes.get(kind, 0) for kind in {*self.changes, *later.changes}
        }
        if "same" in both:
            both["same"] = max(self.changes.get("same", 0), later.changes.get("same", 0) - self.changed)
        return replace(
            self,
            changes=both,
            duration_s=self.duration_s + later.duration_s,
            steps=(*self.steps, *later.steps),
            findings=(*self.findings, *later.findings),
        )

    def __str__(self) -> str:
        words = [f"{number} {kind}" for kind, number in sorted(self.changes.items()) if number]
        return f"{', '.join(words) or 'nothing'} in {self.duration_s} s"


class UpdateFailedError(FleetError):
    """The engine said no; what it said is part of the message.

    Attributes:
        done: What it had done, or would have done, until then.
    """

    def __init__(self, message: str, done: Summary | None = None) -> None:
        super().__init__(message)
        self.done = done or Summary({}, 0)


class Engine:
    """The Pulumi CLI with the environment of one plugin flavour.

    Args:
        environment: what is set besides this process's own environment.
        project: the folder with Pulumi.yaml, this clone by default.
        whole: whether `environment` is all that the CLI gets.
    """

    def __init__(self, environment: Mapping[str, str], *, project: Path | None = None, whole: bool = False) -> None:
        inherited = {} if whole else os.environ
        self._environment = {**inherited, **environment, "PULUMI_DEBUG_COMMANDS": "true"}  # for --event-log
        self._project = clone_dir() if project is None else project
        program = shutil.which("pulumi", path=self._environment["PATH"])
        if program is None:
            raise FleetError("no pulumi on PATH: run `fleet tools ensure`")
        self._program = program

    @property
    def environment(self) -> Mapping[str, str]:
        """The whole environment that the CLI gets."""
        return self._environment

    def with_environment(self, further: Mapping[str, str]) -> "Engine":
        """Give the same engine with more variables."""
        return Engine({**self._environment, **further}, project=self._project, whole=True)

    def select(self, stack: str) -> None:
        """Make the stack exist.

        Raises:
            UpdateFailedError: the backend refused.
        """
        self._checked("stack", "select", "--create", stack)

    def create(self, stack: str, secrets_provider: str) -> None:
        """Make a stack whose secrets a provider of its own encrypts.

        Raises:
            UpdateFailedError: there is one of that name, or the backend or the provider refused.
        """
        self._checked("stack", "init", stack, "--secrets-provider", secrets_provider)

    def exists(self, stack: str) -> bool:
        """Tell whether the backend knows the stack."""
        return stack in self.stacks()

    def stacks(self) -> set[str]:
        """Name the stacks of this project that the backend knows."""
        return {known["name"].rsplit("/", 1)[-1] for known in json.loads(self._checked("stack", "ls", "--json"))}

    def others(self, stack: str) -> list[str]:
        """Name the backend's other stacks, those of other projects too."""
        own = {
            known["name"]
            for known in json.loads(self._checked("stack", "ls", "--json"))
            if known["name"].rsplit("/", 1)[-1] == stack
        }
        everything = json.loads(self._checked("stack", "ls", "--all", "--json"))
        return sorted(known["name"] for known in everything if known["name"] not in own)

    def outputs(self, stack: str) -> Mapping[str, Any]:
        """Give the stack's outputs, secrets in plain text."""
        return json.loads(self._checked("stack", "output", "--json", "--show-secrets", "--stack", stack))

    def export(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        """Give the stack's checkpoint, secrets encrypted unless they are to be shown."""
        shown = ("--show-secrets",) if show_secrets else ()
        return json.loads(self._checked("stack", "export", "--stack", stack, *shown))

    def import_(self, stack: str, checkpoint: Mapping[str, Any]) -> None:
        """Replace the stack's checkpoint."""
        self._checked("stack", "import", "--stack", stack, stdin=json.dumps(checkpoint))

    def check_unlocked(self, stack: str) -> None:
        """Look whether another engine holds the stack's lock, in whatever backend; the stack exists.

        A backend locks a stack before it refuses to give it a name that is taken, its own for instance.

        Raises:
            UpdateFailedError: one does; the message names process, host and time.
        """
        try:
            self._checked("stack", "rename", stack, "--stack", stack)
        except UpdateFailedError as error:
            if "currently locked" in str(error):
                raise

    def cancel(self, stack: str) -> None:
        """Take every lock of the stack, whoever holds it.

        Raises:
            UpdateFailedError: the backend refused.
        """
        self._checked("cancel", stack, "--yes")

    def plain(self, *arguments: str) -> int:
        """Run the engine on this process's terminal, and give its exit status; a Ctrl-C is the engine's to answer."""
        with subprocess.Popen([self._program, *arguments], cwd=self._project, env=self._environment) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt as interrupt:
                    if isinstance(interrupt, Terminated):
                        process.send_signal(signal.SIGINT)  # a terminal's Ctrl-C reaches the engine too, this did not

    def remove(self, stack: str) -> None:
        """Forget the stack; its configuration file stays."""
        self._checked("stack", "rm", "--yes", "--preserve-config", stack)

    def run(self, operation: str, stack: str, view: UpdateView, *arguments: str) -> Summary:
        """Run `up`, `preview`, `refresh` or `destroy` to its end.

        Ctrl-C reaches the engine too: the first asks it to stop after what is under way, the second ends it.

        Raises:
            UpdateFailedError: it failed; the diagnostics are in the message.
            KeyboardInterrupt: it was interrupted, and has ended in order.
        """
        with tempfile.TemporaryDirectory(prefix="modelfleet-") as folder:
            log = Path(folder) / "events"
            log.touch()
            command = [
                self._program, operation, "--stack", stack, "--non-interactive", "--event-log", str(log), *arguments,
            ]  # fmt: skip
            with subprocess.Popen(
                command,
                cwd=self._project,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process:
                ended = threading.Event()
                watcher = threading.Thread(target=_watch, args=(log, ended, view), daemon=True)
                printed: list[str] = []
                with view:
                    watcher.start()
                    interrupted = _wait(process, printed)
                    ended.set()
                    watcher.join()
            if process.returncode != 0 and interrupted:
                raise KeyboardInterrupt
            done = Summary(view.changes, view.duration_s, view.steps, tuple(view.findings))
            if process.returncode != 0:
                told = view.problems or (_killed(-process.returncode) if process.returncode < 0 else printed[-20:])
                said = "\n".join(f"  {line}" for line in told)
                raise UpdateFailedError(f"{operation} of {stack} failed:\n{said}", done)
            return done

    def _checked(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a short command to its end: it may be writing, and a terminal's Ctrl-C would end it in the middle."""
        with subprocess.Popen(
            [self._program, *arguments, "--non-interactive"],
            cwd=self._project,
            env=self._environment,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            printed, errors = _communicate(process, stdin)
        if process.returncode != 0:
            raise UpdateFailedError(f"`pulumi {' '.join(arguments)}` failed:\n{(errors or printed).strip()}")
        return printed


def _killed(number: int) -> list[str]:
    """Tell what became of an engine that a signal has ended: what it printed last says nothing of that."""
    by = signal.Signals(number).name
    return [
        f"the engine was ended by {by} ({signal.strsignal(number)}): by somebody, or by a machine without memory",
        "what it was making may be there: the same command again finds out, and goes on",
    ]


def _communicate(process: "subprocess.Popen[str]", stdin: str | None) -> tuple[str, str]:
    """Give all that it prints. The first Ctrl-C counts when it has ended, the second ends it.

    Raises:
        KeyboardInterrupt: there was one.
    """
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            said = process.communicate(None if interrupt else stdin)
        except KeyboardInterrupt as latest:
            if interrupt is not None:
                process.kill()
                raise
            interrupt = latest
            continue
        if interrupt is not None:
            raise interrupt
        return said


def _wait(process: "subprocess.Popen[str]", printed: list[str]) -> bool:
    """Collect what the engine prints until it ends, and tell of a Ctrl-C: it got that as well and ends by itself."""
    interrupted = False
    assert process.stdout is not None  # noqa: S101 - asked for above
    while True:
        try:
            printed.extend(line.rstrip() for line in process.stdout)
            process.wait()
        except KeyboardInterrupt as interrupt:
            if isinstance(interrupt, Terminated):
                process.send_signal(signal.SIGINT)  # a terminal's Ctrl-C reaches the engine too, this did not
            if not interrupted:
                console.note("interrupted: what is under way is brought to its end; Ctrl-C again gives it up")
            interrupted = True
            continue
        return interrupted


def _watch(log: Path, done: threading.Event, view: UpdateView) -> None:
    for event in _events(log, done):
        view.show(event)


def _events(log: Path, done: threading.Event) -> Iterator[Mapping[str, Any]]:
    """Follow a growing file of JSON lines until the engine is done and all is read."""
    rest = ""
    with log.open(encoding="utf-8") as stream:
        while True:
            finished = done.is_set()
            rest += stream.read()
            *lines, rest = rest.split("\n")
            for line in lines:
                if line:
                    yield json.loads(line)
            if finished:
                return
            done.wait(0.1)


def stack_names(root: Path) -> Sequence[str]:
    """Name the stacks that have a file here."""
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in root.glob("Pulumi.*.yaml"))
