"""A stack's life by name: settings checked, tools there, flavour right, cluster awake, then the engine."""

from dataclasses import dataclass
from pathlib import Path

from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine, Summary, stack_names
from fleet.repair import repair
from fleet.run_config import RunConfig
from fleet.update_view import UpdateView
from infra.config import Cloud, StackSettings, from_stack_file
from toolchain.flavour import CHECKED_VARIABLE
from toolchain.locations import clone_dir
from toolchain.plugin_flavours import Flavour, check_flavour, record_flavour
from toolchain.pulumi_home import choose_flavour, pulumi_environment


class StackUnknownError(FleetError):
    """The backend has no such stack."""


@dataclass(frozen=True)
class Stack:
    """A stack that is ready for the engine.

    Attributes:
        name: Its name, as in Pulumi.<name>.yaml.
        settings: What its file says.
        flavour: Whose plugins run it.
        engine: The engine with their environment.
        backend: URL of the state backend.
        config: The stack file for the engine.
    """

    name: str
    settings: StackSettings
    flavour: Flavour
    engine: Engine
    backend: str
    config: RunConfig

    @classmethod
    def open(cls, name: str, *, create: bool) -> "Stack":
        """Check everything that can be checked before the engine runs.

        Raises:
            FleetError, SettingsError, ToolchainError: what is wrong, and what to do.
        """
        settings = from_stack_file(stack_file(name))
        flavour = choose_flavour()
        environment = pulumi_environment(flavour)
        backend = environment["PULUMI_BACKEND_URL"]
        environment[CHECKED_VARIABLE] = name  # checked below, once: the program would check again
        engine = Engine(environment)
        config = RunConfig(stack_file(name))
        if create:
            with config.kept_clean():
                engine.select(name)
        elif not engine.exists(name):
            raise StackUnknownError(f"stack {name} was never brought up (backend {backend}): run `fleet up {name}`")
        check_flavour(backend, name, flavour)
        return cls(name, settings, flavour, engine, backend, config)

    def up(self) -> Summary:
        """Bring the stack to what its file says, after repairing what a killed update left."""
        self._prepare()
        record_flavour(self.backend, self.name, self.flavour)
        return self._run("up", "--yes", "--skip-preview")

    def preview(self) -> Summary:
        """Show what `up` would do; nothing is touched."""
        return self._run("preview")

    def refresh(self) -> Summary:
        """Bring the state up to what really is there."""
        self._prepare()
        return self._run("refresh", "--yes", "--skip-preview")

    def down(self) -> Summary:
        """Delete every resource and forget the stack."""
        self._prepare()
        summary = self._run("destroy", "--yes", "--skip-preview")
        self.engine.remove(self.name)
        return summary

    def _run(self, operation: str, *arguments: str) -> Summary:
        view = UpdateView(console.err, preview=operation == "preview")
        with self.config.file() as file:
            return self.engine.run(operation, self.name, view, "--config-file", str(file), *arguments)

    def _prepare(self) -> None:
        repair(self.engine, self.name, backend=self.backend, adopts=self.settings.cloud is Cloud.LOCAL)
        self._wake_cluster()

    def _wake_cluster(self) -> None:
        """Start the stack's embedded cluster if it was made and does not run, after a reboot for instance."""
        if self.settings.cloud is not Cloud.LOCAL or self.settings.kube_context:
            return
        from toolchain.cluster import ClusterSpec, ClusterState, EmbeddedCluster  # noqa: PLC0415 - only local stacks

        cluster = EmbeddedCluster(self.settings.cluster.name)
        if cluster.kubeconfig.is_file() and cluster.status().state in {ClusterState.STOPPED, ClusterState.CRASHED}:
            console.step(f"cluster {self.settings.cluster.name} is stopped: starting it")
            cluster.start(ClusterSpec(simulated_gpus=self.settings.cluster.simulated_gpus), on_progress=console.note)


def stack_file(name: str) -> Path:
    """Give the path of a stack's file."""
    return clone_dir() / f"Pulumi.{name}.yaml"


def known_stacks() -> list[str]:
    """Name the stacks that have a file."""
    return list(stack_names(clone_dir()))
