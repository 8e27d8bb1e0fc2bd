"""A fault at every single resource of a stack: each creation, change and deletion fails once, and is healed.

Two worlds live the same short life: up, a tag of every resource changed, down with all data. In one nothing goes wrong.
In the other each resource's operation fails once, in a way that the seed draws, and the engine is killed at every tenth
that would succeed. As `--continue-on-error` goes on with whatever doesn't depend on what failed, a run meets a whole
layer of the dependency graph; the next one heals it and meets the next. At the end of each stage both worlds must be
alike, and the account must hold exactly what the state says.

A chain needs as many runs as there are deaths, or layers where these are more: refusals are met on the way from one
death to the next, and cost no run of their own.

Policies look at inputs, which no fault changes: they are applied by the life without faults and by the preview after
each stage, and the runs between, of which a region takes a hundred, do without.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.remains import remains
from fleet.short_life import OPERATIONS, Ended, Run, ShortLife, Stage, faulted
from rehearsal.journal import Call, Entry, Outcome, entries, last_number
from rehearsal.mishaps import Fault, Plan, Rule

KILLED_EVERY: Final = 10
"""Operations between two deaths of the engine."""
REFUSALS: Final = (Fault.DENIED, Fault.QUOTA, Fault.INTERNAL, Fault.TIMEOUT)


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
        on_run: called before each run.
    """

    life: ShortLife
    without: Mapping[Stage, Ended]
    seed: int = 0
    sample: int | None = None
    killed_every: int = KILLED_EVERY
    policies: tuple[str, ...] = ()
    on_run: Callable[[Run], None] = lambda _: None

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
            runs = self.life.brought_to_its_end(stage, planned, self.on_run)
            Plan().write(rehearsal.world.folder)
            stays = {(each.type, each.id) for each in expected}
            problems = tuple(self.life.problems(stage, self.without[stage], stays, self.policies))
            met = [entry for entry in entries(rehearsal.world.memory, after=before) if entry.fault]
            yield Weathered(
                stage,
                runs,
                time.monotonic() - began,
                kinds(met),
                faulted(met, stage),
                len(self.without[stage].possible(stage)),
                planned,
                problems,
            )

    def _plan(self, stage: Stage) -> int:
        """Plant a stage's faults, and give how many operations are to fail."""
        possible = self.without[stage].possible(stage)
        chosen = possible if self.sample is None else drawn(possible, self.sample, f"{self.seed}/{stage}")
        rules = [Rule(id=f"{stage}: each", faults=REFUSALS, operations=(OPERATIONS[stage],))]
        if self.sample is not None:
            rules = [aimed_at(call, stage, REFUSALS) for call in chosen]
        if self.killed_every:
            rules.append(Rule(id=f"{stage}: killed", faults=(Fault.ENGINE_KILLED,), every=self.killed_every))
        Plan(self.seed, tuple(rules)).write(self.life.rehearsal.world.folder)
        return len(chosen)


def drawn(possible: Sequence[Call], number: int, seed: str) -> Sequence[Call]:
    """Draw some of a stage's operations."""
    return random.Random(seed).sample(possible, min(number, len(possible)))  # noqa: S311 - a sample, no secret


def aimed_at(call: Call, stage: Stage, faults: tuple[Fault, ...]) -> Rule:
    """Give the rule by which one operation of a stage fails once."""
    return Rule(
        id=f"{stage}: {call.urn}", faults=faults, type=call.type, name=call.name, operations=(OPERATIONS[stage],)
    )


def kinds(met: Iterable[Entry]) -> Mapping[str, int]:
    """Count what calls met by what it was; a call that ended with a killed engine says so."""
    return dict(sorted(Counter(_kind(entry) for entry in met).items()))


def _kind(entry: Entry) -> str:
    return entry.fault if entry.outcome is not Outcome.BEGUN or "killed" in entry.fault else f"{entry.fault}, cut off"
