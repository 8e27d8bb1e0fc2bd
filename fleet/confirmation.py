"""Asks for a stack's name before what can't be brought back is deleted: a reflex answers `y`, and types no name."""

import typer

from fleet.console import FleetError


def confirm_by_name(stack: str, given: str, lost: str) -> None:
    """Ask for the stack's name.

    Args:
        stack: Its name.
        given: What the command line gave for it already, empty for nothing.
        lost: What is deleted, as the end of "This deletes ...".

    Raises:
        FleetError: another name was given.
    """
    name = given or typer.prompt(f"This deletes {lost}. Type the stack's name")
    if name != stack:
        raise FleetError(f"{name!r} is not {stack!r}: nothing was touched")
