"""A stack's life by name: settings checked, tools there, flavour right, cluster awake, then the engine."""

import os
import re
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet import console, rehearsed
from fleet.authorities import authority_file
from fleet.console import FleetError
from fleet.engine import Engine, Summary, stack_names
from fleet.exclusive import exclusive
from fleet.kept_notes import KeptNotes, record
from fleet.lost_state import check_not_lost
from fleet.phases import PhasedUpdate, holds_objects, with_its_way
from fleet.policies import policy_arguments
from fleet.rehearsed import rehearsed_world
from fleet.remains import Remainder, protected, remains, to_record
from fleet.repair import complete_files, release_lock, repair
from fleet.run_config import RunConfig
from fleet.runner_disk import check_backend_lasts, check_secrets_last
from fleet.tunnel import TunnelRecords
from fleet.update_view import UpdateView
from infra.config import Cloud, Phase, StackKind, StackSettings, from_stack_file
from rehearsal import guard
from rehearsal.world import World
from toolchain.flavour import CHECKED_VARIABLE
from toolchain.locations import clone_dir
from toolchain.plugin_flavours import Flavour, check_flavour, record_flavour
from toolchain.pulumi_home import choose_flavour, pulumi_environment

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""What the engine takes as a stack's name."""


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
        notes: What its end leaves in its cloud.
        tunnels: The ways to private API servers that are open.
        bootstrapped: Whether a bootstrap began it where its file says; such a one is never begun anew.
    """

    name: str
    settings: StackSettings
    flavour: Flavour
    engine: Engine
    backend: str
    config: RunConfig
    notes: KeptNotes
    tunnels: TunnelRecords = field(default_factory=TunnelRecords)
    bootstrapped: bool = False

    @classmethod
    def open(cls, name: str, *, create: bool, changes: bool = False) -> "Stack":
        """Check everything that can be checked before the engine runs, and before anything is built for it.

        Args:
            name: As in Pulumi.<name>.yaml.
            create: Whether one that was never brought up is no error: `up` makes it.
            changes: Whether what really is there is going to be changed.

        Raises:
            FleetError, SettingsError, ToolchainError: what is wrong, and what to do.
        """
        opened = cls._of(name, changes=changes)
        opened.begun(create=create)
        return opened

    @classmethod
    @contextmanager
    def for_preview(cls, name: str) -> Generator["Stack"]:
        """Open a stack for a preview: one that was never brought up is in the backend only meanwhile.

        Whoever wants to bring that one up in the meantime has to wait.

        Raises:
            FleetError, SettingsError, ToolchainError: what is wrong, and what to do.
        """
        opened = cls._of(name)
        with ExitStack() as ending:
            if not opened.begun(create=True):
                ending.enter_context(exclusive(name))
                if not opened.begun(create=True):  # nor by whoever held it until now
                    ending.callback(opened.withdraw)
                    opened.begin()
            yield opened

    @classmethod
    def _of(cls, name: str, *, changes: bool = False) -> "Stack":
        """Give a stack whose file, tools and environment are right, whether the backend knows it or not."""
        settings = from_stack_file(stack_file(name))
        if (world := rehearsed_world()) is not None:
            return cls._rehearsed(name, settings, world)
        if changes:
            check_rights(name, settings)
        check_bootstrapped(name, settings)
        if settings.cloud is not Cloud.LOCAL:
            if not settings.backend:
                check_backend_lasts(f"stack {name}")
            check_secrets_last(name, stack_file(name))
        flavour = choose_flavour()
        environment = dict(pulumi_environment(flavour))
        if settings.backend:
            environment["PULUMI_BACKEND_URL"] = settings.backend
        environment[CHECKED_VARIABLE] = name  # checked by whoever opens it, once: the program would check again
        backend = environment["PULUMI_BACKEND_URL"]
        return cls(
            name, settings, flavour, Engine(environment), backend,
            RunConfig(stack_file(name)), KeptNotes(name), bootstrapped=bool(settings.backend),
        )  # fmt: skip

    @classmethod
    def _rehearsed(cls, name: str, settings: StackSettings, world: World) -> "Stack":
        """Give a stack in a rehearsal: other plugins, another backend, the same file.

        Raises:
            FleetError: it is this machine's, which nothing simulates.
        """
        if settings.cloud is Cloud.LOCAL:
            raise FleetError(
                f"stack {name} is of this machine, and {guard.WORLD_VARIABLE} is set: unset it to work on real stacks"
            )
        return cls(
            name, settings, Flavour.SIMULATED, rehearsed.engine(world, name), guard.backend_url(world.folder),
            rehearsed.run_config(world, stack_file(name)), rehearsed.kept_notes(world, name), rehearsed.tunnels(world),
        )  # fmt: skip

    def begun(self, *, create: bool) -> bool:
        """Tell whether the backend knows it; one that it knows is made by the plugins that are about to run.

        Raises:
            StackUnknownError: it doesn't, and that is an error.
            FlavourMismatchError: other plugins made it.
        """
        complete_files(self.backend)
        if self.engine.exists(self.name):
            check_flavour(self.backend, self.name, self.flavour)
            return True
        if create and not self.bootstrapped:  # what a file says is in a backend is never begun anew there
            return False
        way = "bootstrap" if self.bootstrapped else "up"
        raise StackUnknownError(
            f"stack {self.name} was never brought up (backend {self.backend}): run `fleet {way} {self.name}`"
        )

    def begin(self) -> None:
        """Make it, empty, unless it is there; whoever calls this holds it.

        Raises:
            StateLostError: it was there, and the backend has lost its state.
        """
        if self.bootstrapped:
            return
        check_not_lost(self.backend, self.name)
        release_lock(self.name, self.backend)
        with self.config.kept_clean():
            self.engine.select(self.name)

    def withdraw(self) -> None:
        """Take back what `begin` did, the half of it too; the engine refuses where there are resources."""
        release_lock(self.name, self.backend)
        complete_files(self.backend)
        if self.engine.exists(self.name):
            self.engine.remove(self.name)
        self._forget()

    def _forget(self) -> None:
        """Remove what this machine keeps of a stack that is no more."""
        self.config.forget()
        authority_file(self.name).unlink(missing_ok=True)

    def up(self) -> Summary:
        """Bring the stack to what its file says, after repairing what a killed update left."""
        with exclusive(self.name):
            self.begin()
            self._prepare()
            record_flavour(self.backend, self.name, self.flavour)
            if not self.settings.tunnelled:
                return self._update(self.engine)
            return PhasedUpdate(self.engine, self.name, stack_file(self.name), self.tunnels).run(self._update)

    def _update(self, engine: Engine) -> Summary:
        if self.settings.cloud is not Cloud.LOCAL:
            # Policies on several resources together are judged at the end of a run: here before anything is made.
            self._run_by(engine, "preview", *policy_arguments())
        return self._run_by(engine, "up", "--yes", "--skip-preview", *policy_arguments())

    def preview(self) -> Summary:
        """Show what `up` would do; nothing is touched.

        Raises:
            FleetError: the stack's embedded cluster, which is asked, doesn't run.
        """
        self.check_awake()
        return self._run("preview", *policy_arguments())

    def drift(self) -> Summary:
        """Show what `up` would do once it has looked at what really is there; nothing is touched."""
        self.check_awake()
        return self._run("preview", "--refresh", *policy_arguments())

    def refresh(self) -> Summary:
        """Bring the state up to what really is there."""
        with exclusive(self.name):
            self._prepare()
            return self._run("refresh", "--yes", "--skip-preview")

    def down(self) -> Summary:
        """Delete every resource and forget the stack.

        Raises:
            FleetError: it holds data that is protected, or is where stacks keep their state.
        """
        with exclusive(self.name):
            self._check_not_of_states()
            self._repair()
            if guarded := protected(self.engine.export(self.name)):
                raise FleetError(
                    f"stack {self.name} holds data that is protected ({len(guarded)} resources, such as {guarded[0]}): "
                    f"`fleet down {self.name} --delete-data` deletes it for good"
                )
            summary, _ = self._destroy()
            return summary

    def down_with_data(self) -> tuple[Summary, list[Remainder]]:
        """Lift every protection of data, delete every resource, and forget the stack.

        The protections are lifted by an update of the whole stack, the engine's and the clouds' own, which also lets
        buckets be deleted with what is in them. One that was interrupted after that goes on with the deletion. What the
        next update must know of what the cloud keeps is written into the stack's file.

        Returns:
            What was done, and what the clouds keep.

        Raises:
            FleetError: it is where stacks keep their state.
        """
        with exclusive(self.name):
            self._check_not_of_states()
            self._prepare()
            checkpoint = self.engine.export(self.name)
            if protected(checkpoint):
                self._lift(checkpoint)
            return self._destroy()

    def _lift(self, checkpoint: Mapping[str, Any]) -> None:
        """Lift every protection; a region whose second phase never began needs no way to its API server for it."""
        update = ("up", "--yes", "--skip-preview", *policy_arguments())
        if self.settings.tunnelled and not holds_objects(checkpoint):
            self._run_by(self.engine, *update, deleteData="true", phase=Phase.CLOUD.value)
        else:
            self._run(*update, deleteData="true")

    def _check_not_of_states(self) -> None:
        """Refuse the place of all states: once its bucket is gone, the engine can't write down that it is."""
        if self.settings.kind is StackKind.STATE:
            raise FleetError(
                f"stack {self.name} is where stacks keep their state, its own too: "
                f"`fleet bootstrap {self.name} --undo` moves that to this machine and deletes the rest"
            )

    def _destroy(self) -> tuple[Summary, list[Remainder]]:
        left = remains(self.engine.export(self.name))
        self.notes.add(to_record(left))
        try:
            summary = self._run("destroy", "--yes", "--skip-preview")
        except BaseException:
            self._settle()
            raise
        record(self.notes.names(), self.config)
        self.engine.remove(self.name)
        self._forget()
        self.notes.clear()
        return summary, left

    def _settle(self) -> None:
        """Record what an end that didn't come to its end, this one or one that was killed, has deleted."""
        if self.notes.names():
            self.notes.settle(self.engine.export(self.name), self.config)

    def _run(self, operation: str, *arguments: str, **changed: str) -> Summary:
        if not self.settings.tunnelled:
            return self._run_by(self.engine, operation, *arguments, **changed)
        with with_its_way(self.engine, self.name, operation, self.tunnels) as engine:
            return self._run_by(engine, operation, *arguments, **changed)

    def _run_by(self, engine: Engine, operation: str, *arguments: str, **changed: str) -> Summary:
        view = UpdateView(console.err, preview=operation == "preview")
        with self.config.file(**changed) as file:
            return engine.run(operation, self.name, view, "--config-file", str(file), *arguments)

    def _prepare(self) -> None:
        self._repair()
        self._wake_cluster()

    def _repair(self) -> None:
        repair(self.engine, self.name, backend=self.backend, adopts=self.settings.cloud is Cloud.LOCAL)
        self._settle()

    def check_awake(self) -> None:
        """Tell whether the stack's embedded cluster can be asked.

        Raises:
            FleetError: it was made and does not run.
        """
        if (state := self._cluster_asleep()) is not None:
            name = self.settings.cluster.name
            raise FleetError(
                f"cluster {name} is {state}, so nothing can be said about what is in it: `fleet cluster start {name}` "
                f"first, or `fleet up {self.name}`, which starts it too"
            )

    def _wake_cluster(self) -> None:
        """Start the stack's embedded cluster if it was made and does not run, after a reboot for instance."""
        if (state := self._cluster_asleep()) is None:
            return
        from toolchain.cluster import ClusterSpec, EmbeddedCluster  # noqa: PLC0415 - only local stacks

        settings = self.settings.cluster
        console.step(f"cluster {settings.name} is {state}: starting it")
        EmbeddedCluster(settings.name).start(
            ClusterSpec(simulated_gpus=settings.simulated_gpus), on_progress=console.note
        )

    def _cluster_asleep(self) -> str | None:
        """Give the state of the stack's embedded cluster if it was made and does not run."""
        if not embeds_cluster(self.settings):
            return None
        from toolchain.cluster import ClusterState, EmbeddedCluster  # noqa: PLC0415 - only local stacks

        cluster = EmbeddedCluster(self.settings.cluster.name)
        state = cluster.status().state
        asleep = cluster.kubeconfig.is_file() and state in {ClusterState.STOPPED, ClusterState.CRASHED}
        return str(state) if asleep else None


def embeds_cluster(settings: StackSettings) -> bool:
    """Tell whether a stack's cluster is one of this machine's embedded ones."""
    return settings.cloud is Cloud.LOCAL and not settings.kube_context


def check_rights(name: str, settings: StackSettings) -> None:
    """Check that this user may do what the stack needs, before minutes are spent on building for it.

    Raises:
        FleetError: only root may.
    """
    if embeds_cluster(settings) and os.geteuid() != 0:
        raise FleetError(
            f"stack {name} has an embedded cluster, which takes namespaces and mounts: run as root (sudo), or set "
            f"modelfleet:kubeContext in Pulumi.{name}.yaml to a cluster that you may use"
        )


def check_bootstrapped(name: str, settings: StackSettings) -> None:
    """Check that a place of states has a place of its own: only `fleet bootstrap` can begin one.

    Raises:
        FleetError: it has none yet.
    """
    if settings.kind is StackKind.STATE and not settings.backend:
        raise FleetError(
            f"stack {name} makes the place of all states, and has none itself yet (no modelfleet:backend in "
            f"Pulumi.{name}.yaml): `fleet bootstrap {name}` makes it, and writes where it is"
        )


def stack_file(name: str) -> Path:
    """Give the path of a stack's file.

    Raises:
        FleetError: no stack can have that name.
    """
    if not _NAME.fullmatch(name):
        raise FleetError(f"{name!r} can't name a stack: use letters, digits, '-', '_' and '.'")
    return clone_dir() / f"Pulumi.{name}.yaml"


def known_stacks() -> list[str]:
    """Name the stacks that have a file."""
    return list(stack_names(clone_dir()))
