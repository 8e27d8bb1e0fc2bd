"""Whose resource plugins run a stack.

The same resource types come from three places: the official plugins, ours (thin ones for machines that can't get the
official ones), and the simulated clouds of a rehearsal. They name things and store state differently enough that a
stack must stay with its own; see docs/adr/0003-plugin-flavours.md.
"""

import os
from enum import StrEnum
from typing import Final

from toolchain.errors import FlavourMismatchError

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
