"""A stack's rehearsal: the real engine on the real program, against clouds that are simulated."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine, Summary
from fleet.repair import repair
from fleet.update_view import UpdateView
from rehearsal.account import holdings
from rehearsal.roll_call import require_simulators
from rehearsal.world import World
from toolchain.locations import clone_dir


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
        policy_pack: the folder of the policy pack that the engine applies, None for none.
    """

    stack: str
    world: World
    engine: Engine
    policy_pack: Path | None

    @classmethod
    def open(
        cls, stack: str, world: World, identity: Identity, *, project: Path | None = None, policies: bool = True
    ) -> "Rehearsal":
        """Make everything ready; the caller holds the world.

        Args:
            stack: the stack's name, as in its file.
            world: where it happens; begun here.
            identity: what the clouds go by.
            project: the folder with Pulumi.yaml, this clone by default.
            policies: whether the policy pack is applied.

        Raises:
            ToolchainError, FleetError: it can't be rehearsed; the message says why.
        """
        world.begin(account=identity.account, region=identity.region, source=project)
        environment = world.environment(stack, os.environ)
        for plugin in require_simulators(Path(environment["PULUMI_HOME"]), environment):
            console.note(f"  {plugin}")
        engine = Engine(environment, project=world.project, whole=True)
        engine.select(stack)
        pack = clone_dir() / "infra" / "policy"
        return cls(stack, world, engine, pack if policies and (pack / "PulumiPolicy.yaml").is_file() else None)

    def up(self) -> Summary:
        """Bring the stack up in the simulated cloud."""
        repair(self.engine, self.stack, backend=f"file://{self.world.folder / 'backend'}", adopts=False)
        return self._run("up", "--yes", "--skip-preview")

    def preview_nothing(self) -> Summary:
        """Look whether the program and the simulated cloud agree.

        Raises:
            UpdateFailedError: they don't: the engine found something to change.
        """
        return self._run("preview", "--expect-no-changes")

    def refresh_nothing(self) -> Summary:
        """Look whether the state and the simulated cloud agree.

        Raises:
            UpdateFailedError: they don't.
        """
        return self._run("refresh", "--yes", "--skip-preview", "--expect-no-changes")

    def down(self) -> Summary:
        """Delete every resource in the simulated cloud."""
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

    def export(self, file: Path) -> None:
        """Write the stack's state to a file, secrets encrypted."""
        try:
            file.write_text(json.dumps(self.engine.export(self.stack), indent=2), encoding="utf-8")
        except OSError as error:
            raise FleetError(f"{file} can't be written: {error}") from error

    def _run(self, operation: str, *arguments: str) -> Summary:
        if self.policy_pack is not None and operation in {"up", "preview"}:
            arguments = (*arguments, "--policy-pack", str(self.policy_pack))
        return self.engine.run(
            operation, self.stack, UpdateView(console.err, preview=operation == "preview"), *arguments
        )
