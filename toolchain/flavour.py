"""Whose resource plugins run a stack.

The same resource types come from three places: the official plugins, ours (thin ones for machines that can't get the
official ones), and the simulated clouds of a rehearsal. They name things and store state differently enough that a
stack must stay with its own; see docs/adr/0003-plugin-flavours.md.
"""

import glob
import json
import os
import subprocess
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from toolchain.errors import FlavourMismatchError, ToolchainError
from toolchain.file_backend import folder_of

TAG: Final = "modelfleet:plugins"
"""The stack tag that holds the flavour. `pulumi stack tag ls` shows it."""
CHECKED_VARIABLE: Final = "MODELFLEET_FLAVOUR_CHECKED"
"""Set by `fleet` for the engine that it starts, once it has compared the record itself."""
VARIABLE: Final = "MODELFLEET_FLAVOUR"
"""The environment variable by which a program or plugin learns in whose company it runs."""


class Flavour(StrEnum):
    """Whose plugins run a stack."""

    OFFICIAL = "official"
    BUILT = "built"
    SIMULATED = "simulated"

    @property
    def is_official(self) -> bool:
        """Whether the CLI, the language host and the plugins are Pulumi's own."""
        return self is Flavour.OFFICIAL

    @property
    def description(self) -> str:
        """What a person calls it."""
        return {
            Flavour.OFFICIAL: "the official plugins",
            Flavour.BUILT: "modelfleet's own plugins",
            Flavour.SIMULATED: "the simulated clouds",
        }[self]


_WAY_OUT: Final = {
    Flavour.OFFICIAL: "install the official Pulumi CLI and set MODELFLEET_PULUMI=official",
    Flavour.BUILT: "set MODELFLEET_PULUMI=built",
    Flavour.SIMULATED: "use `fleet rehearse`",
}


def running_flavour() -> Flavour:
    """Return the flavour that this process runs in: official where nothing says otherwise."""
    try:
        return Flavour(os.environ.get(VARIABLE, Flavour.OFFICIAL))
    except ValueError:
        known = ", ".join(Flavour)
        raise FlavourMismatchError(
            f"{VARIABLE}={os.environ[VARIABLE]} is no flavour of plugins; there are: {known}"
        ) from None


def require_same(stack: str, recorded: str, flavour: Flavour) -> None:
    """Check what a stack's record says against what is about to run.

    Args:
        stack: the stack's name, for the message.
        recorded: what the record says; nothing for a new stack.
        flavour: what is about to run.

    Raises:
        FlavourMismatchError: they differ; the message has the way out.
    """
    if not recorded or recorded == flavour:
        return
    made_by = Flavour(recorded).description if recorded in set(Flavour) else f"{recorded!r} plugins"
    way_out = _WAY_OUT.get(Flavour(recorded), "") if recorded in set(Flavour) else "update this clone"
    raise FlavourMismatchError(
        f"stack {stack} was made with {made_by}; going on with {flavour.description} would misread what it "
        f"holds. To go on with what made it, {way_out}; or take the stack down with it first, "
        f"then bring it up anew."
    )


def guard_program(stack: str, *, dry_run: bool) -> None:
    """Keep a stack with its flavour under the plain CLI too: called by the Pulumi program before anything else.

    Costs nothing under ``fleet``, which has looked already. Elsewhere the record is read, and written by the first
    real update.

    Args:
        stack: the stack that the program runs for.
        dry_run: whether this is a preview.

    Raises:
        FlavourMismatchError: another flavour made the stack; the message has the way out.
        ToolchainError: the backend can't be asked.
    """
    if os.environ.get(CHECKED_VARIABLE) == stack:
        return
    flavour = running_flavour()
    recorded = read_record(stack, os.environ)
    require_same(stack, recorded, flavour)
    if not recorded and not dry_run:
        write_record(stack, flavour, os.environ)


def read_record(stack: str, environment: Mapping[str, str], folder: str | os.PathLike[str] = ".") -> str:
    """Return which flavour made a stack, nothing for one that is still empty.

    Args:
        stack: a stack that the backend knows.
        environment: the environment for the CLI.
        folder: a folder of the project.

    Raises:
        ToolchainError: the backend can't be asked.
    """
    tags = _tags_on_disk(stack, environment)
    if tags is None:
        tags = json.loads(_pulumi(environment, folder, "ls", "--json", "--stack", stack))
    return tags.get(TAG, "")


def _tags_on_disk(stack: str, environment: Mapping[str, str]) -> dict[str, str] | None:
    """Read a stack's tags where a file backend keeps them: asking the CLI takes 0.4 s, which every preview would pay.

    None where there is no such file, or it isn't as this version of the engine writes it: then the CLI is asked.
    """
    folder = folder_of(environment.get("PULUMI_BACKEND_URL", ""))
    if folder is None:
        return None
    # One backend folder per project below `stacks`; ours holds one project.
    found = list((folder / "stacks").glob(f"*/{glob.escape(stack)}.pulumi-tags"))
    if len(found) != 1:
        return None
    try:
        content = json.loads(found[0].read_text(encoding="utf-8"))
        return content["tags"] if content["version"] == 1 and isinstance(content["tags"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(
    stack: str, flavour: Flavour, environment: Mapping[str, str], folder: str | os.PathLike[str] = "."
) -> None:
    """Write down which flavour makes a stack; the arguments are those of ``read_record``.

    Raises:
        ToolchainError: the backend can't be written.
    """
    _pulumi(environment, folder, "set", TAG, str(flavour), "--stack", stack)


def _pulumi(environment: Mapping[str, str], folder: str | os.PathLike[str], *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["pulumi", "stack", "tag", *arguments, "--non-interactive"],
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ToolchainError("there is no pulumi on PATH, to ask whose plugins made the stack") from None
    if done.returncode:
        raise ToolchainError(f"`pulumi stack tag {' '.join(arguments)}` failed:\n{done.stderr.strip()}")
    return done.stdout
