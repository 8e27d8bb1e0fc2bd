"""Every command says how it is used."""

from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from fleet.app import app


def _leaves(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from _leaves(below, (*path, name))
    elif isinstance(command, TyperCommand):
        yield " ".join(path), command


COMMANDS = dict(_leaves(typer.main.get_command(app), ("fleet",)))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_an_example_of_itself(name: str) -> None:
    """With its own name in it, so that it can be copied."""
    told = COMMANDS[name].help or ""

    assert "Example" in told
    assert name in told.partition("Example")[2]


def test_every_list_is_there_for_programs_too() -> None:
    """What prints a table prints JSON where it is asked to."""
    lists = [name for name in COMMANDS if name.endswith((" list", " status", " show", " build", " leftovers"))]

    without = [name for name in lists if not any("--json" in option.opts for option in COMMANDS[name].params)]

    assert lists
    assert not without
