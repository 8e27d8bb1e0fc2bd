"""A fault at every single resource of a stack: each creation, change and deletion fails once, and is healed.

Two worlds live the same short life: up, a tag of every resource changed, down with all data. In one nothing goes wrong.
In the other each resource's operation fails once, in a way that the seed draws, and the engine is killed at every tenth
that would succeed. As `--continue-on-error` goes on with whatever doesn't depend on what failed, a run meets a whole
layer of the dependency graph; the next one heals it and meets the next. At the end of each stage both worlds must be
alike, and the account must hold exactly what the state says.

Policies look at inputs, which no fault changes: they are applied by the life without faults and by the preview after
each stage, and the runs between, of which a region takes a hundred, do without.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from fleet.console import FleetError
from fleet.convergence import differences, kept, misfits
from fleet.engine import UpdateFailedError
from fleet.rehearse import Rehearsal
from fleet.remains import remains, resources
from rehearsal.account import Resource, holdings
from rehearsal.journal import Call, Entry, Operation, Outcome, entries, last_number
from rehearsal.mishaps import Fault, Plan, Rule

KILLED_EVERY: Final = 10
"""Operations between two deaths of the engine."""
_REFUSALS: Final = (Fault.DENIED, Fault.QUOTA, Fault.INTERNAL, Fault.TIMEOUT)
_MOST_RUNS: Final = 200
"""More than any stack has layers and deaths together: a stack that needs more doesn't converge."""


class Stage(StrEnum):
    """A part of the short life."""

    UP = "up"
    CHANGE = "tags changed"
    DOWN = "down with its data"


_OPERATIONS: Final[Mapping[Stage, Operation]] = {
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


@dataclass(frozen=True)
class Weathered:
    """What became of a stage with faults.

    Attributes:
        stage: which one.
        runs: how often the engine was started for it.
        duration_s: seconds that these took, with what was looked at after them.
        met: faults by kind.
        faulted: how many resources met one.
        possible: how many operations the stage has without faults.
        planned: how many of these were to fail.
        problems: what isn't as it should be, empty where all healed.
    """

    stage: Stage
    runs: int
    duration_s: float
    met: Mapping[str, int]
    faulted: int
    possible: int
    planned: int
    problems: tuple[str, ...]

    def as_data(self) -> Mapping[str, Any]:
        """Give it for a program."""
        return {
            "stage": str(self.stage),
            "runs": self.runs,
            "duration_s": round(self.duration_s, 1),
            "met": dict(self.met),
            "faulted": self.faulted,
            "planned": self.planned,
            "possible": self.possible,
            "healed": not self.problems,
            "problems": list(self.problems),
        }


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


@dataclass
class FaultDrill:
    """A short life in which every operation fails once.

    Attributes:
        life: in a world of its own.
        without: what each stage left in the world without faults.
        seed: what is drawn, is drawn from this.
        sample: how many operations of each stage fail; None for every one.
        killed_every: operations between two deaths of the engine; 0 to leave it alive.
        policies: arguments by which the engine applies the policy pack in what is looked at after each stage.
        on_run: called before each run with its stage and number.
    """

    life: ShortLife
    without: Mapping[Stage, Ended]
    seed: int = 0
    sample: int | None = None
    killed_every: int = KILLED_EVERY
    policies: tuple[str, ...] = ()
    on_run: Callable[[Stage, int], None] = lambda _stage, _run: None

    def play(self) -> Iterator[Weathered]:
        """Live stage by stage.

        Raises:
            UpdateFailedError: a run failed without any fault of ours.
            FleetError: a stage doesn't come to its end.
        """
        rehearsal = self.life.rehearsal
        for stage in self.life.stages():
            began = time.monotonic()
            Plan().write(rehearsal.world.folder)
            self.life.prepare(stage)
            expected = remains(rehearsal.checkpoint()) if stage is Stage.DOWN else []
            planned = self._plan(stage)
            before = last_number(rehearsal.world.memory)
            runs = self._chain(stage)
            Plan().write(rehearsal.world.folder)
            problems = [*self._problems(stage, {(each.type, each.id) for each in expected})]
            met = [entry for entry in entries(rehearsal.world.memory, after=before) if entry.fault]
            yield Weathered(
                stage,
                runs,
                time.monotonic() - began,
                dict(sorted(Counter(_kind(entry) for entry in met).items())),
                len({(entry.call.operation, entry.call.urn) for entry in met}),
                len(self._possible(stage)),
                planned,
                tuple(problems),
            )

    def _possible(self, stage: Stage) -> Sequence[Call]:
        """Give the operations of a stage that can fail, each once."""
        found = {call.urn: call for call in self.without[stage].calls if call.operation is _OPERATIONS[stage]}
        return [found[urn] for urn in sorted(found)]

    def _plan(self, stage: Stage) -> int:
        """Plant a stage's faults, and give how many operations are to fail."""
        operation, possible = _OPERATIONS[stage], self._possible(stage)
        drawn = random.Random(f"{self.seed}/{stage}")  # noqa: S311 - a sample, no secret
        chosen = possible if self.sample is None else drawn.sample(possible, min(self.sample, len(possible)))
        rules = [Rule(id=f"{stage}: each", faults=_REFUSALS, operations=(operation,))]
        if self.sample is not None:
            rules = [
                Rule(
                    id=f"{stage}: {call.urn}", faults=_REFUSALS, type=call.type, name=call.name, operations=(operation,)
                )
                for call in chosen
            ]
        if self.killed_every:
            rules.append(Rule(id=f"{stage}: killed", faults=(Fault.ENGINE_KILLED,), every=self.killed_every))
        Plan(self.seed, tuple(rules)).write(self.life.rehearsal.world.folder)
        return len(chosen)

    def _chain(self, stage: Stage) -> int:
        """Run the engine until a run succeeds; give how many it took."""
        memory = self.life.rehearsal.world.memory
        for run in range(1, _MOST_RUNS + 1):
            before = last_number(memory)
            self.on_run(stage, run)
            try:
                self.life.operate(stage)
            except UpdateFailedError as error:
                if not any(entry.fault for entry in entries(memory, after=before)):
                    raise UpdateFailedError(f"run {run} of {stage!s} failed, and met no fault:\n{error}") from error
            else:
                return run
        raise FleetError(f"{stage!s} didn't come to its end in {_MOST_RUNS} runs")

    def _problems(self, stage: Stage, stays: set[tuple[str, str]]) -> Iterator[str]:
        ended, without = self.life.ended(0), self.without[stage]
        if stage is Stage.DOWN:
            yield from (f"{each['urn']} is still in the state" for each in resources(ended.checkpoint))
            left = {(each.type, each.id) for each in ended.held}
            yield from (f"{kind} {resource_id} is still there" for kind, resource_id in sorted(left - stays))
            yield from (f"{kind} {resource_id} was said to stay, and is gone" for kind, resource_id in stays - left)
        else:
            try:
                replace(self.life.rehearsal, policies=self.policies).preview_nothing()
                self.life.rehearsal.refresh_nothing()
            except UpdateFailedError as error:
                yield str(error)
            yield from differences(without.checkpoint, ended.checkpoint)
            yield from misfits(ended.checkpoint, ended.held)
        if (found := kept(ended.held)) != (usual := kept(without.held)):
            yield f"the accounts keep {dict(found)} dead, and {dict(usual)} without faults"


def _kind(entry: Entry) -> str:
    return entry.fault if entry.outcome is not Outcome.BEGUN or "killed" in entry.fault else f"{entry.fault}, cut off"
