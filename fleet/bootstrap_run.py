"""Where a bootstrap runs: in the cloud with the plugins of this machine, or in a rehearsal's simulated account."""

import os

from fleet import console
from fleet.bootstrap import Bootstrap, CloudBackends, StandInBackends, StateBackend
from fleet.engine import Engine, Summary
from fleet.exclusive import exclusive
from fleet.policies import policy_arguments
from fleet.repair import repair
from fleet.stacks import stack_file
from fleet.update_view import UpdateView
from infra.config import StackSettings
from rehearsal.roll_call import require_simulators
from rehearsal.world import World
from toolchain.flavour import CHECKED_VARIABLE, Flavour
from toolchain.locations import state_dir
from toolchain.pulumi_home import choose_flavour, home_dir, pulumi_environment


def run_in_cloud(stack: str, settings: StackSettings) -> StateBackend:
    """Bootstrap in the cloud that the stack's file names."""
    del settings
    folder = state_dir() / "bootstrap" / stack
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = {
        **pulumi_environment(choose_flavour()),
        "PULUMI_BACKEND_URL": folder.as_uri(),
        CHECKED_VARIABLE: stack,
    }
    engine = Engine(environment)

    def update(by: Engine) -> Summary:
        repair(by, stack, backend=by.environment["PULUMI_BACKEND_URL"], adopts=False)
        # Policies on several resources together are judged at the end of a run: here before anything is made.
        for words in (("preview",), ("up", "--yes", "--skip-preview")):
            view = UpdateView(console.err, preview=words[0] == "preview")
            summary = by.run(words[0], stack, view, *words[1:], *policy_arguments())
        return summary

    with exclusive(stack):
        return Bootstrap(stack, engine, folder, CloudBackends(), update, stack_file(stack)).run()


def run_rehearsed(stack: str, settings: StackSettings) -> StateBackend:
    """Bootstrap in an empty simulated account."""
    world = World.named(f"bootstrap-{stack}")
    with world.held():
        world.forget()
        world.begin(account=settings.account, region=settings.region)
        environment = world.environment(stack, os.environ)
        require_simulators(home_dir(Flavour.SIMULATED), environment)
        engine = Engine(environment, project=world.project, whole=True)

        def update(by: Engine) -> Summary:
            return by.run("up", stack, UpdateView(console.err), "--yes", "--skip-preview", *policy_arguments())

        bootstrap = Bootstrap(
            stack, engine, world.folder / "backend", StandInBackends(world.folder), update, world.stack_file(stack)
        )
        bootstrap.run()
        (world.folder / "backend").mkdir()
        return bootstrap.run()  # again: it finds everything done
