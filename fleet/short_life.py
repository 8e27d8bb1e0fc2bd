"""The short life of a stack by which faults are judged: up, a tag of every resource changed, down with all data.

Each stage is one operation of the engine where nothing goes wrong. Where something does, the engine is run until one
run succeeds, and what the stage left is compared with what it leaves without faults.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from fleet.console import FleetError
from fleet.convergence import differences, kept, misfits
from fleet.engine import UpdateFailedError
from fleet.rehearse import Rehearsal
from fleet.remains import resources
from rehearsal.account import Resource, holdings
from rehearsal.journal import Call, Entry, Operation, entries, last_number

_MOST_RUNS: Final = 200
"""More than any stack has layers and deaths together: a stack that needs more doesn't converge."""


class Stage(StrEnum):
    """A part of the short life."""

    UP = "up"
    CHANGE = "tags changed"
    DOWN = "down with its data"


OPERATIONS: Final[Mapping[Stage, Operation]] = {
    Stage.UP: Operation.CREATE,
    Stage.CHANGE: Operation.UPDATE,
    Stage.DOWN: Operation.DELETE,
}


@dataclass(frozen=True)
class Ended:
    """What a stage left behind.

    Attributes:
        calls: what the engine asked of the simulators, in order.
        checkpoint: the stack's state.
        held: what the accounts hold.
    """

    calls: tuple[Call, ...]
    checkpoint: Mapping[str, Any]
    held: tuple[Resource, ...]

    def possible(self, stage: Stage) -> Sequence[Call]:
        """Give the operations of the stage that can fail, each once."""
        found = {call.urn: call for call in self.calls if call.operation is OPERATIONS[stage]}
        return [found[urn] for urn in sorted(found)]


@dataclass(frozen=True)
class Run:
    """A run of the engine that is about to begin.

    Attributes:
        stage: what it is for.
        number: which of the stage's it is, from 1.
        faulted: how many operations have met a fault in those before it.
        planned: how many are to.
    """

    stage: Stage
    number: int
    faulted: int
    planned: int


@dataclass(frozen=True)
class ShortLife:
    """A stack that is brought up, changed and taken down.

    Attributes:
        rehearsal: the stack in its world.
        change: makes a change that reaches every resource; None where the program has none.
        until: the last stage.
    """

    rehearsal: Rehearsal
    change: Callable[[Rehearsal], None] | None = None
    until: Stage = Stage.DOWN

    def stages(self) -> Sequence[Stage]:
        """Name the stages that it has."""
        every = list(Stage)
        up_to = every[: every.index(self.until) + 1]
        return [stage for stage in up_to if stage is not Stage.CHANGE or self.change is not None]

    def prepare(self, stage: Stage) -> None:
        """Do what comes before a stage's operation, and meets no faults."""
        if stage is Stage.CHANGE and self.change is not None:
            self.change(self.rehearsal)
        elif stage is Stage.DOWN:
            self.rehearsal.lift()

    def operate(self, stage: Stage) -> None:
        """Run the engine for a stage, once."""
        self.rehearsal.down() if stage is Stage.DOWN else self.rehearsal.up()

    def brought_to_its_end(self, stage: Stage, planned: int, on_run: Callable[[Run], None] = lambda _: None) -> int:
        """Run the engine for a stage until a run succeeds; give how many it took.

        Args:
            stage: which one; its faults are planted.
            planned: how many operations are to fail.
            on_run: called before each run.

        Raises:
            UpdateFailedError: a run failed without any fault of ours.
            FleetError: no run succeeds.
        """
        memory = self.rehearsal.world.memory
        first = last_number(memory)
        for number in range(1, _MOST_RUNS + 1):
            before = last_number(memory)
            met = [entry for entry in entries(memory, after=first) if entry.fault]
            on_run(Run(stage, number, faulted(met, stage), planned))
            try:
                self.operate(stage)
            except UpdateFailedError as error:
                if not any(entry.fault for entry in entries(memory, after=before)):
                    raise UpdateFailedError(f"run {number} of {stage!s} failed, and met no fault:\n{error}") from error
            else:
                return number
        raise FleetError(f"{stage!s} didn't come to its end in {_MOST_RUNS} runs")

    def problems(
        self, stage: Stage, without: Ended, stays: set[tuple[str, str]], policies: tuple[str, ...] = ()
    ) -> Iterator[str]:
        """Tell what isn't as it would be if nothing had gone wrong in a stage.

        Args:
            stage: which one; it is at its end, and nothing goes wrong any more.
            without: how it ended without faults.
            stays: types and ids of what a cloud was expected to keep.
            policies: arguments by which the engine applies the policy pack.
        """
        ended = self.ended(last_number(self.rehearsal.world.memory))
        if stage is Stage.DOWN:
            yield from (f"{each['urn']} is still in the state" for each in resources(ended.checkpoint))
            left = {(each.type, each.id) for each in ended.held}
            yield from (f"{kind} {resource_id} is still there" for kind, resource_id in sorted(left - stays))
            yield from (f"{kind} {resource_id} was said to stay, and is gone" for kind, resource_id in stays - left)
        else:
            try:
                replace(self.rehearsal, policies=policies).preview_nothing()
                self.rehearsal.refresh_nothing()
            except UpdateFailedError as error:
                yield str(error)
            yield from differences(without.checkpoint, ended.checkpoint)
            yield from misfits(ended.checkpoint, ended.held)
        if (found := kept(ended.held)) != (usual := kept(without.held)):
            yield f"the accounts keep {dict(found)} dead, and {dict(usual)} without faults"

    def ended(self, after: int) -> Ended:
        """Tell what there is now.

        Args:
            after: number of the last entry of the journal before the stage.
        """
        memory = self.rehearsal.world.memory
        return Ended(
            tuple(entry.call for entry in entries(memory, after=after)),
            self.rehearsal.checkpoint(),
            tuple(each for _, _, each in holdings(memory)),
        )


def undisturbed(life: ShortLife, on_stage: Callable[[Stage], None] = lambda _: None) -> Mapping[Stage, Ended]:
    """Live without faults, and note what each stage left.

    Args:
        life: in a world of its own.
        on_stage: called before each stage.
    """
    found = {}
    for stage in life.stages():
        on_stage(stage)
        life.prepare(stage)
        before = last_number(life.rehearsal.world.memory)
        life.operate(stage)
        found[stage] = life.ended(before)
    return found


def faulted(met: Iterable[Entry], stage: Stage) -> int:
    """Count the stage's operations that met something; an engine may be killed at what repairs an earlier one, too."""
    return len({entry.call.urn for entry in met if entry.call.operation is OPERATIONS[stage]})
