"""The record that keeps a stack with the plugins that made it: a tag of the stack, which lives in its backend."""

import json
import os
import subprocess
from typing import Final

from toolchain.errors import ToolchainError
from toolchain.flavour import Flavour, require_same
from toolchain.locations import clone_dir
from toolchain.pulumi_home import pulumi_environment

__all__ = ["TAG", "Flavour", "check_flavour", "record_flavour", "recorded_flavour"]

TAG: Final = "modelfleet:plugins"
"""The stack tag that holds the flavour. `pulumi stack tag ls` shows it."""


def check_flavour(backend: str, stack: str, flavour: Flavour) -> None:
    """Refuse to go on with a stack that another flavour made.

    Args:
        backend: the URL of the state backend.
        stack: a stack that the backend knows.
        flavour: what is about to run.

    Raises:
        FlavourMismatchError: another flavour made the stack; the message has the way out.
        ToolchainError: the backend can't be asked.
    """
    require_same(stack, recorded_flavour(backend, stack, flavour), flavour)


def record_flavour(backend: str, stack: str, flavour: Flavour) -> None:
    """Write down which flavour makes a stack; called before its first resource is made.

    Raises:
        ToolchainError: the backend can't be asked or written.
    """
    if recorded_flavour(backend, stack, flavour) != flavour:
        _pulumi(backend, flavour, "stack", "tag", "set", TAG, str(flavour), "--stack", stack)


def recorded_flavour(backend: str, stack: str, flavour: Flavour) -> str:
    """Return which flavour made a stack, nothing for one that is still empty.

    Args:
        backend: the URL of the state backend.
        stack: a stack that the backend knows.
        flavour: whose CLI asks.

    Raises:
        ToolchainError: the backend can't be asked.
    """
    tags = json.loads(_pulumi(backend, flavour, "stack", "tag", "ls", "--json", "--stack", stack))
    return tags.get(TAG, "")


def _pulumi(backend: str, flavour: Flavour, *arguments: str) -> str:
    environment = {**os.environ, **pulumi_environment(flavour), "PULUMI_BACKEND_URL": backend}
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=clone_dir(),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ToolchainError(f"`pulumi {' '.join(arguments)}` failed:\n{done.stderr.strip()}")
    return done.stdout
