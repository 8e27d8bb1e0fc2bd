"""The record that keeps a stack with the plugins that made it, as ``fleet`` reads and writes it."""

import os

from toolchain.flavour import Flavour, read_record, require_same, write_record
from toolchain.locations import clone_dir
from toolchain.pulumi_home import pulumi_environment

__all__ = ["Flavour", "check_flavour", "record_flavour", "recorded_flavour"]


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
        write_record(stack, flavour, _environment(backend, flavour), clone_dir())


def recorded_flavour(backend: str, stack: str, flavour: Flavour) -> str:
    """Return which flavour made a stack, nothing for one that is still empty.

    Args:
        backend: the URL of the state backend.
        stack: a stack that the backend knows.
        flavour: whose CLI asks.

    Raises:
        ToolchainError: the backend can't be asked.
    """
    return read_record(stack, _environment(backend, flavour), clone_dir())


def _environment(backend: str, flavour: Flavour) -> dict[str, str]:
    return {**os.environ, **pulumi_environment(flavour), "PULUMI_BACKEND_URL": backend}
