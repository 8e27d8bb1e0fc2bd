"""What `fleet tunnel` works on: a real stack, or one that a rehearsal has left in its simulated world."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.engine import Engine
from fleet.phases import record_phase
from fleet.stacks import Stack, stack_file
from fleet.tunnel.errors import TunnelError
from fleet.tunnel.reach import tunnel_of
from fleet.tunnel.record import TunnelRecords
from fleet.tunnel.tunnel import Tunnel
from infra.config import Cloud, Phase, StackSettings, from_stack_file
from rehearsal.tunnel import install
from rehearsal.world import World


@dataclass(frozen=True)
class TunnelCommand:
    """One stack, seen from its tunnel.

    Attributes:
        stack: Its name.
        settings: What its file says.
        file: That file.
        engine: Its engine; the environment is also the cloud tools'.
        records: Where open tunnels are noted.
    """

    stack: str
    settings: StackSettings
    file: Path
    engine: Engine
    records: TunnelRecords

    @classmethod
    def of_stack(cls, stack: str) -> "TunnelCommand":
        """Take a stack of the real world.

        Raises:
            FleetError: there is no such stack.
        """
        opened = Stack.open(stack, create=False)
        return cls(stack, opened.settings, stack_file(stack), opened.engine, opened.tunnels)

    @classmethod
    def of_world(cls, stack: str, name: str) -> "TunnelCommand":
        """Take a stack that a rehearsal has left.

        Raises:
            TunnelError: it has left none.
        """
        world = World.named(name)
        file = world.stack_file(stack)
        if not file.is_file():
            raise TunnelError(f"no rehearsal in world {name} has left a stack {stack}: `fleet rehearse {stack}` first")
        environment = world.environment(stack, os.environ)
        environment["PATH"] = f"{install(world.folder)}{os.pathsep}{environment['PATH']}"
        engine = Engine(environment, project=world.project, whole=True)
        return cls(stack, from_stack_file(file), file, engine, TunnelRecords(world.folder / "tunnels"))

    def tunnel(self, port: int, tell: Callable[[str], None]) -> Tunnel | None:
        """Give the stack's tunnel, not open yet; None where its API server is reached without one.

        Raises:
            TunnelError: it has none yet.
        """
        if not self.settings.tunnelled:
            return None
        found = tunnel_of(self.engine, self.stack, self.records, tell, port)
        if found is None:
            raise TunnelError(
                f"stack {self.stack} has no tunnel yet: its first update makes the way in (`fleet up {self.stack}`)"
            )
        return found

    def direct_way(self) -> str:
        """Say how the API server is reached where it takes no tunnel."""
        match self.settings.cloud:
            case Cloud.LOCAL:
                return "it runs on this machine"
            case Cloud.GCP:
                return "GKE's DNS endpoint lets pass whom IAM gives container.clusters.connect (gke-gcloud-auth-plugin)"
            case _:
                return "api.access is `restricted`: it answers the authorised ranges"

    def record_phase(self) -> None:
        """Let the next update go all the way, now that the API server is reached."""
        if self.settings.phase is Phase.CLOUD:
            record_phase(self.file, Phase.COMPLETE)
