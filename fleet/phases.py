"""A region's first update, in two phases of one stack where its API server is private.

A private EKS or AKS cluster is reached through a tunnel that only exists once the region does. So the first update
stops before what runs in the cluster (`modelfleet:phase: cloud`), a tunnel is opened through what it has made, and a
second one goes all the way (`complete`). The phase stands in the stack file, where the plain CLI reads it too; which
one is due is seen from the state, so that an update killed in between is taken up where it was.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from documents.yaml_edit import YamlEditError, set_at
from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine, Summary
from fleet.tunnel import TunnelRecords, reached
from infra.config import Phase, from_stack_file

_KEY = "modelfleet:phase"


S = TypeVar("S", bound=Summary)


@dataclass(frozen=True)
class PhasedUpdate:
    """Updates of one stack, each with a way to its API server.

    Attributes:
        engine: The stack's engine.
        stack: Its name; the backend knows it.
        file: Its file, in which the phase is recorded.
        tunnels: Open tunnels.
    """

    engine: Engine
    stack: str
    file: Path
    tunnels: TunnelRecords

    def run(self, update: Callable[[Engine], S]) -> S:
        """Update the stack, the cloud's part first where its API server can't be reached yet.

        Args:
            update: Runs one update by the engine that it is given.

        Returns:
            What the one or two updates did together.
        """
        before = None
        if not holds_objects(self.engine.export(self.stack)):
            console.step(f"stack {self.stack}, phase cloud: all but what runs in the cluster, and the way to that")
            record_phase(self.file, Phase.CLOUD)
            before = update(self.engine)
        if from_stack_file(self.file).phase is Phase.CLOUD:
            console.step(f"stack {self.stack}, phase complete: recorded in {self.file.name} ({_KEY})")
            record_phase(self.file, Phase.COMPLETE)
        with reached(self.engine, self.stack, self.tunnels) as engine:
            last = update(engine)
        return last if before is None else before.followed_by(last)


def record_phase(file: Path, phase: Phase) -> None:
    """Write the phase into a stack file; all else in it stays as it is.

    Raises:
        FleetError: the file can't be changed.
    """
    try:
        text = file.read_text(encoding="utf-8")
        changed = set_at(text, ("config", _KEY), phase.value)
        if changed != text:
            file.write_text(changed, encoding="utf-8")
    except (OSError, YamlEditError) as error:
        raise FleetError(
            f"{_KEY}: {phase} can't be written to {file} ({error}): write it there by hand, under `config:`"
        ) from error


@contextmanager
def with_its_way(engine: Engine, stack: str, operation: str, tunnels: TunnelRecords) -> Generator[Engine]:
    """Give the engine of a stack whose API server is private, with a way there if the operation takes one.

    What is deleted or read back is in the state: with no object there, the way may be gone already, and isn't missed.

    Raises:
        TunnelError: there is no way; the message says why and what to do.
    """
    if operation in {"destroy", "refresh"} and not holds_objects(engine.export(stack)):
        yield engine
        return
    with reached(engine, stack, tunnels) as reaching:
        yield reaching


def holds_objects(checkpoint: Mapping[str, Any]) -> bool:
    """Tell whether a stack's state has objects of a cluster: then both phases have been through, or were begun."""
    resources = (checkpoint.get("deployment") or {}).get("resources") or ()
    return any(resource["type"].startswith("kubernetes:") for resource in resources)
