"""One fault in a life, and none before or after it: what a chain of faults might heal by chance has to heal alone.

A stage is lived without faults first. Then, from the point at which it began, it is lived again for each operation that
the seed draws: that one is refused, times out, or dies with the engine, and nothing else goes wrong. The engine isn't
told to go on after an error, as `fleet up` doesn't tell it either.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from fleet.faults import REFUSALS, Weathered, aimed_at, drawn, kinds
from fleet.remains import remains
from fleet.short_life import Run, ShortLife, Stage, faulted
from rehearsal.journal import Call, Entry, entries, last_number
from rehearsal.mishaps import Fault, Plan
from rehearsal.snapshot import Snapshot

_FAULTS: Final = (*REFUSALS, Fault.ENGINE_KILLED)


@dataclass
class IsolatedDrill:
    """A short life, some operations of which fail: each in a life of its own.

    Attributes:
        life: in a world of its own, whose clusters are remembered.
        each: how many operations of each stage fail.
        seed: what is drawn, is drawn from this.
        policies: arguments by which the engine applies the policy pack in what is looked at after each fault.
        on_run: called before each run.
    """

    life: ShortLife
    each: int
    seed: int = 0
    policies: tuple[str, ...] = ()
    on_run: Callable[[Run], None] = lambda _: None

    def play(self) -> Iterator[Weathered]:
        """Live stage by stage; the world is then as it is without faults.

        Raises:
            UpdateFailedError: a run failed without any fault of ours.
            FleetError: a stage doesn't come to its end.
        """
        rehearsal = self.life.rehearsal
        world = rehearsal.world
        for stage in self.life.stages():
            began = time.monotonic()
            Plan().write(world.folder)
            self.life.prepare(stage)
            stays = {(each.type, each.id) for each in remains(rehearsal.checkpoint())} if stage is Stage.DOWN else set()
            with Snapshot.of(world) as beginning:
                before = last_number(world.memory)
                self.life.operate(stage)
                without = self.life.ended(before)
                with Snapshot.of(world) as end:
                    chosen = drawn(without.possible(stage), self.each, f"{self.seed}/{stage}/isolated")
                    met: list[Entry] = []
                    problems: list[str] = []
                    runs = 0
                    for call in chosen:
                        beginning.restore()
                        runs += self._healed(stage, call)
                        of_this = [entry for entry in entries(world.memory, after=before) if entry.fault]
                        found = self.life.problems(stage, without, stays, self.policies)
                        problems.extend(f"{_told(of_this) or call.name}: {problem}" for problem in found)
                        met.extend(of_this)
                    end.restore()
            yield Weathered(
                stage,
                runs,
                time.monotonic() - began,
                kinds(met),
                faulted(met, stage),
                len(without.possible(stage)),
                len(chosen),
                tuple(problems),
            )

    def _healed(self, stage: Stage, call: Call) -> int:
        """Let one operation fail, and run the engine until a run succeeds; give how many it took."""
        folder = self.life.rehearsal.world.folder
        Plan(self.seed, (aimed_at(call, stage, _FAULTS),)).write(folder)
        runs = self.life.brought_to_its_end(stage, 1, self.on_run)
        Plan().write(folder)
        return runs


def _told(met: list[Entry]) -> str:
    return ", ".join(f"{entry.call.operation} {entry.call.name} {entry.fault}" for entry in met)
