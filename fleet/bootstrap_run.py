"""Where a bootstrap and its undoing run: in the cloud by the plugins at hand, or in a simulated account."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from documents.yaml_edit import set_at
from fleet import console
from fleet.bootstrap import Bootstrap, CloudBackends, StandInBackends, StateBackend
from fleet.bootstrap_undo import Undo
from fleet.console import FleetError
from fleet.engine import Engine, Summary
from fleet.exclusive import exclusive
from fleet.life import wrong_remains
from fleet.policies import policy_arguments
from fleet.remains import Remainder
from fleet.repair import repair
from fleet.run_config import RunConfig
from fleet.stacks import stack_file
from fleet.update_view import UpdateView
from infra.config import StackSettings
from rehearsal.account import holdings
from rehearsal.roll_call import require_simulators
from rehearsal.world import World
from toolchain.flavour import CHECKED_VARIABLE, Flavour
from toolchain.locations import state_dir
from toolchain.pulumi_home import choose_flavour, home_dir, pulumi_environment

_BACKEND: Final = "PULUMI_BACKEND_URL"


def run_in_cloud(stack: str) -> StateBackend:
    """Bootstrap in the cloud that the stack's file names."""
    engine, folder = _begun_here(stack)
    with exclusive(stack):
        return Bootstrap(stack, engine, folder, CloudBackends(), lambda by: _update(by, stack), stack_file(stack)).run()


def undo_in_cloud(stack: str) -> tuple[Summary, list[Remainder]]:
    """End the place of states in the cloud that the stack's file names."""
    engine, folder = _begun_here(stack)

    def lift(by: Engine) -> Summary:
        with RunConfig(stack_file(stack)).file(deleteData="true") as file:
            return _update(by, stack, "--config-file", str(file))

    def destroy(by: Engine) -> Summary:
        repair(by, stack, backend=by.environment[_BACKEND], adopts=False)
        return by.run("destroy", stack, UpdateView(console.err), "--yes", "--skip-preview")

    with exclusive(stack):
        return Undo(stack, engine, folder, CloudBackends(), lift, destroy, stack_file(stack)).run()


def _begun_here(stack: str) -> tuple[Engine, Path]:
    """Give the engine with a folder of this machine as its backend, and that folder."""
    folder = state_dir() / "bootstrap" / stack
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = {**pulumi_environment(choose_flavour()), _BACKEND: folder.as_uri(), CHECKED_VARIABLE: stack}
    return Engine(environment), folder


def _update(by: Engine, stack: str, *arguments: str) -> Summary:
    repair(by, stack, backend=by.environment[_BACKEND], adopts=False)
    # Policies on several resources together are judged at the end of a run: here before anything is made.
    for words in (("preview",), ("up", "--yes", "--skip-preview")):
        view = UpdateView(console.err, preview=words[0] == "preview")
        summary = by.run(words[0], stack, view, *words[1:], *arguments, *policy_arguments())
    return summary


@dataclass(frozen=True)
class RehearsedPlace:
    """A place of states in a simulated account.

    Attributes:
        stack: Name of the stack of kind `state`.
        world: Where it is; the caller holds it.
        engine: The engine there.
    """

    stack: str
    world: World
    engine: Engine

    @classmethod
    def begin(cls, stack: str, settings: StackSettings, world: World) -> "RehearsedPlace":
        """Begin in an empty account.

        Raises:
            ToolchainError: it can't be rehearsed; the message says why.
        """
        world.forget()
        world.begin(account=settings.account, region=settings.region)
        environment = world.environment(stack, os.environ)
        require_simulators(home_dir(Flavour.SIMULATED), environment)
        return cls(stack, world, Engine(environment, project=world.project, whole=True))

    def bootstrap(self) -> StateBackend:
        """Make it."""
        self._folder.mkdir(exist_ok=True)
        return Bootstrap(self.stack, self.engine, self._folder, self._backends, self._update, self.file).run()

    def undo(self) -> tuple[Summary, list[Remainder]]:
        """End it.

        Raises:
            FleetError: what the simulated cloud holds afterwards is not what was foretold.
        """
        self._folder.mkdir(exist_ok=True)
        ended = Undo(self.stack, self.engine, self._folder, self._backends, self._lift, self._destroy, self.file).run()
        left = {(each.type, each.id): each for _, _, each in holdings(self.world.memory)}
        if wrong := list(wrong_remains(ended[1], left)):
            raise FleetError("\n".join(wrong))
        return ended

    @property
    def file(self) -> Path:
        """The stack's file in this world."""
        return self.world.stack_file(self.stack)

    @property
    def _folder(self) -> Path:
        return self.world.folder / "backend"

    @property
    def _backends(self) -> StandInBackends:
        return StandInBackends(self.world.folder)

    def _update(self, by: Engine) -> Summary:
        return by.run("up", self.stack, UpdateView(console.err), "--yes", "--skip-preview", *policy_arguments())

    def _lift(self, by: Engine) -> Summary:
        before = self.file.read_text(encoding="utf-8")
        self.file.write_text(set_at(before, ("config", "modelfleet:deleteData"), "true"), encoding="utf-8")
        try:
            return self._update(by)
        finally:
            self.file.write_text(before, encoding="utf-8")

    def _destroy(self, by: Engine) -> Summary:
        return by.run("destroy", self.stack, UpdateView(console.err), "--yes", "--skip-preview")


def run_rehearsed(stack: str, settings: StackSettings) -> StateBackend:
    """Bootstrap in an empty simulated account."""
    world = World.named(f"bootstrap-{stack}")
    with world.held():
        place = RehearsedPlace.begin(stack, settings, world)
        place.bootstrap()
        return place.bootstrap()  # again: it finds everything done


def undo_rehearsed(stack: str, settings: StackSettings) -> tuple[Summary, list[Remainder]]:
    """Bootstrap in an empty simulated account, undo it, and bootstrap again with what the end wrote down."""
    world = World.named(f"bootstrap-{stack}")
    with world.held():
        place = RehearsedPlace.begin(stack, settings, world)
        place.bootstrap()
        ended = place.undo()
        place.bootstrap()
        return ended
