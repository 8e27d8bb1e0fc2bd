"""A stack's rehearsal: the real engine on the real program, against clouds that are simulated."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from documents.yaml_edit import set_at
from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine, Summary
from fleet.leaks import leaks, secrets_of
from fleet.phases import PhasedUpdate, with_its_way
from fleet.remains import Remainder, recorded
from fleet.repair import repair
from fleet.tunnel import TunnelRecords
from fleet.update_view import UpdateView
from fleet.world_engine import WorldEngine
from infra.config import SettingsError, from_stack_file
from rehearsal.account import evidence, holdings
from rehearsal.clusters.mode import ClusterMode
from rehearsal.inputs import Evidence
from rehearsal.roll_call import require_simulators
from rehearsal.tunnel import install
from rehearsal.world import World


@dataclass(frozen=True)
class Identity:
    """What simulated clouds go by where a program's provider doesn't say.

    Attributes:
        account: the account, subscription or project.
        region: the region.
    """

    account: str
    region: str


@dataclass(frozen=True)
class Rehearsal:
    """A stack that is ready to be rehearsed.

    Attributes:
        stack: its name.
        world: where it happens.
        engine: the engine there.
        policies: arguments by which the engine applies the policy pack, none to leave it out.
        goes_on: whether an operation goes on with what doesn't depend on what failed.
    """

    stack: str
    world: World
    engine: Engine
    policies: tuple[str, ...]
    goes_on: bool = False

    @classmethod
    def open(
        cls,
        stack: str,
        world: World,
        identity: Identity,
        *,
        project: Path | None = None,
        files: Path | None = None,
        policies: tuple[str, ...] = (),
        clusters: ClusterMode = ClusterMode.REMEMBERED,
        continues: bool = False,
    ) -> "Rehearsal":
        """Make everything ready; the caller holds the world.

        Args:
            stack: the stack's name, as in its file.
            world: where it happens; begun here.
            identity: what the clouds go by.
            project: the folder with Pulumi.yaml, this clone by default.
            files: the folder with stack and tenant files, the project by default.
            policies: arguments by which the engine applies the policy pack.
            clusters: what stands for managed clusters.
            continues: whether what an earlier rehearsal here has changed in stack and tenant files stays.

        Raises:
            ToolchainError, FleetError: it can't be rehearsed; the message says why.
        """
        given_up = world.begin(
            account=identity.account,
            region=identity.region,
            source=project,
            files=files,
            clusters=clusters,
            goes_on=continues,
        )
        for name in given_up:
            console.note(f"  {name} has changed since the last rehearsal here: what that had changed in it is gone")
        environment = world.environment(stack, os.environ)
        for plugin in require_simulators(Path(environment["PULUMI_HOME"]), environment):
            console.note(f"  {plugin}")
        # The clouds' own command lines, as far as a tunnel takes them.
        environment["PATH"] = f"{install(world.folder)}{os.pathsep}{environment['PATH']}"
        engine = WorldEngine(environment, project=world.project, backend=world.folder / "backend")
        engine.select(stack)
        return cls(stack, world, engine, policies)

    def up(self) -> Summary:
        """Bring the stack up in the simulated cloud."""
        self._repair()
        if not self._is_tunnelled():
            return self._run("up", "--yes", "--skip-preview")
        update = PhasedUpdate(self.engine, self.stack, self.world.stack_file(self.stack), self._tunnels)
        return update.run(lambda engine: self._run_by(engine, "up", "--yes", "--skip-preview"))

    def lift(self) -> Summary:
        """Lift the protection of all data, by an update as `fleet down --delete-data` makes it."""
        self.configure(("deleteData",), "true")
        return self.up()

    def record(self, left: Sequence[Remainder], already: Sequence[str]) -> None:
        """Take the lifting back, and write into the stack file what the next update must know of what stayed.

        Args:
            left: what the clouds keep.
            already: what the file named before.
        """
        self.configure(("deleteData",), "false")
        if names := recorded(left, already):
            self.configure(("kept",), names)

    def configure(self, path: Sequence[str | int], written: str) -> None:
        """Change a value of the stack's file in this world, the committed one stays as it is.

        Args:
            path: where it is below our namespace, such as `("gpuPools", 0, "sku")`.
            written: the value as YAML writes it.
        """
        file = self.world.stack_file(self.stack)
        place = ("config", f"modelfleet:{path[0]}", *path[1:])
        file.write_text(set_at(file.read_text(encoding="utf-8"), place, written), encoding="utf-8")

    def checkpoint(self) -> Mapping[str, Any]:
        """Give the stack's state."""
        return self.engine.export(self.stack)

    def leaks(self) -> list[str]:
        """Look for the stack's secrets in all that the rehearsal has written."""
        secrets = secrets_of(self.engine.export(self.stack, show_secrets=True))
        return list(leaks(secrets, self.world.folder, outside=(self.world.project,)))

    def preview_nothing(self) -> Summary:
        """Look whether the program and the simulated cloud agree.

        Raises:
            UpdateFailedError: they don't: the engine found something to change.
        """
        return self._run("preview", "--expect-no-changes")

    def refresh(self) -> Summary:
        """Bring the state up to what the simulated cloud holds."""
        return self._run("refresh", "--yes", "--skip-preview")

    def refresh_nothing(self) -> Summary:
        """Look whether the state and the simulated cloud agree.

        Raises:
            UpdateFailedError: they don't.
        """
        return self._run("refresh", "--yes", "--skip-preview", "--expect-no-changes")

    def down(self) -> Summary:
        """Delete every resource in the simulated cloud."""
        self._repair()
        return self._run("destroy", "--yes", "--skip-preview")

    def holdings(self) -> list[Mapping[str, Any]]:
        """Count what the simulated accounts hold, by cloud and type."""
        counted: dict[tuple[str, str, str], int] = {}
        for cloud, _, resource in holdings(self.world.memory):
            key = (cloud, resource.type, "" if resource.afterlife is None else str(resource.afterlife))
            counted[key] = counted.get(key, 0) + 1
        return [
            {"cloud": cloud, "type": kind, "state": state or "live", "number": number}
            for (cloud, kind, state), number in sorted(counted.items())
        ]

    def unproved(self) -> list[Mapping[str, str]]:
        """List the inputs of which no more than the type could be checked."""
        return [
            {"cloud": cloud, "type": kind, "property": place}
            for cloud, kind, place, found in evidence(self.world.memory)
            if found == Evidence.TYPE
        ]

    def proved(self) -> Mapping[str, int]:
        """Count inputs (by type and place) by how well they could be checked."""
        return dict(Counter(found for *_, found in evidence(self.world.memory)))

    def export(self, file: Path) -> None:
        """Write the stack's state to a file, secrets encrypted."""
        try:
            file.write_text(json.dumps(self.engine.export(self.stack), indent=2), encoding="utf-8")
        except OSError as error:
            raise FleetError(f"{file} can't be written: {error}") from error

    def _repair(self) -> None:
        """Make the stack fit for an update after one that was killed, as `fleet up` and `fleet down` do."""
        repair(self.engine, self.stack, backend=f"file://{self.world.folder / 'backend'}", adopts=False)

    @property
    def _tunnels(self) -> TunnelRecords:
        return TunnelRecords(self.world.folder / "tunnels")

    def _is_tunnelled(self) -> bool:
        """Tell whether the stack's API server is private; a file that is wrong is the program's to refuse."""
        try:
            return from_stack_file(self.world.stack_file(self.stack)).tunnelled
        except SettingsError:
            return False

    def _run(self, operation: str, *arguments: str) -> Summary:
        if not self._is_tunnelled():
            return self._run_by(self.engine, operation, *arguments)
        with with_its_way(self.engine, self.stack, operation, self._tunnels) as engine:
            return self._run_by(engine, operation, *arguments)

    def _run_by(self, engine: Engine, operation: str, *arguments: str) -> Summary:
        if operation in {"up", "preview"}:
            arguments = (*arguments, *self.policies)
        if self.goes_on and operation in {"up", "destroy"}:
            arguments = (*arguments, "--continue-on-error")
        return engine.run(operation, self.stack, UpdateView(console.err, preview=operation == "preview"), *arguments)
