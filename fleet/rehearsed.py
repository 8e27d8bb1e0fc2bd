"""Every command of `fleet` inside of a rehearsal: where MODELFLEET_REHEARSAL names one, no stack leaves it.

`eval "$(fleet env --rehearsal NAME)"` begins one; what a runbook or a workflow says can then be done to simulated
clouds by the same commands, with the same stack files.
"""

import os
from pathlib import Path

from fleet.engine import Engine
from fleet.kept_notes import KeptNotes
from fleet.run_config import RunConfig
from fleet.tunnel import TunnelRecords
from rehearsal import guard
from rehearsal.world import RehearsalError, World
from toolchain.locations import clone_dir


def rehearsed_world() -> World | None:
    """Give the rehearsal that this process is in, None outside of one.

    Raises:
        RehearsalError: the variable names something else.
    """
    if not (named := os.environ.get(guard.WORLD_VARIABLE)):
        return None
    if not (Path(named) / guard.MARK).is_file():
        raise RehearsalError(
            f"{guard.WORLD_VARIABLE}={named} is no rehearsal: begin one (`fleet env --rehearsal NAME`), or unset it to "
            "work on real stacks"
        )
    return World(Path(named))


def begin(name: str) -> World:
    """Make a rehearsal of this name, or take it up again.

    Raises:
        RehearsalError: no rehearsal can have that name.
    """
    world = World.named(name)
    world.begin(account="111122223333", region="us-east-1")
    from rehearsal.tunnel import install  # noqa: PLC0415 - with packages that `make up` leaves out

    install(world.folder)
    return world


def exports(world: World) -> str:
    """Give the line that makes a shell's commands part of a rehearsal."""
    return f"export {guard.WORLD_VARIABLE}={world.folder}"


def engine(world: World, stack: str) -> Engine:
    """Give the engine of a rehearsal, its files brought up to what this clone's say now.

    Raises:
        ToolchainError: the engine or an SDK is missing.
    """
    world.take_files(clone_dir())
    environment = world.environment(stack, os.environ)
    environment["PATH"] = f"{world.folder / 'bin'}{os.pathsep}{environment['PATH']}"
    return Engine(environment, project=world.project, whole=True)


def run_config(world: World, file: Path) -> RunConfig:
    """Give a stack's file for the engine of a rehearsal, whose passphrase is its own."""
    return RunConfig(file, world.folder / "config")


def kept_notes(world: World, stack: str) -> KeptNotes:
    """Give the notes on what a stack's end leaves in the simulated clouds of a rehearsal."""
    return KeptNotes(stack, world.folder / "kept")


def tunnels(world: World) -> TunnelRecords:
    """Give the tunnels of a rehearsal."""
    return TunnelRecords(world.folder / "tunnels")
