"""Four simulated regions in three waves, all on digest 1, and rollouts over them that can be killed."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from release.append_log import open_store
from release.artefacts import Target
from release.history import History
from release.journal import Concluded, Journal, Journals
from release.progress import Progress
from release.record import Record
from release.releases import Releases
from release.rollout import Rollout
from release.surroundings import Clock, Surroundings
from release.waves import WavePlan
from tests.release.simulated import Behaviour, ManualClock, SimulatedRegion, artefacts, digest

PLAN = WavePlan.model_validate(
    {
        "waves": [
            {"name": "canary", "stacks": ["c"], "bakeS": 60, "looks": 2},
            {"name": "first", "stacks": ["f1", "f2"], "bakeS": 60, "looks": 1},
            {"name": "last", "stacks": ["l"], "bakeS": 0},
        ]
    }
)
STACKS = [stack for wave in PLAN.waves for stack in wave.stacks]
GOOD, WRONG, MISSING, HALF, LATE = 2, 3, 4, 5, 6
BEHAVIOURS = {
    digest(WRONG): Behaviour.WRONG,
    digest(MISSING): Behaviour.MISSING,
    digest(HALF): Behaviour.HALF,
    digest(LATE): Behaviour.LATE,
}


@dataclass
class SimulatedFleet:
    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    behaviours: Mapping[str, Behaviour] = field(default_factory=lambda: dict(BEHAVIOURS))
    by_stack: dict[str, Mapping[str, Behaviour]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    compared: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for region in self.regions().values():
            region.pin(artefacts(1))
            region.update()

    def releases(self) -> Releases:
        store = open_store((self.folder / "backend").as_uri())
        return Releases(Journals(store, writer=secrets.token_hex(4), now=self.clock.now), History(store))

    def regions(self, hook: Callable[[str], None] = lambda _: None) -> dict[str, SimulatedRegion]:
        return {
            stack: SimulatedRegion(
                stack,
                self.folder / "regions",
                {**self.behaviours, **self.by_stack.get(stack, {})},
                hook,
                self.broken.get(stack, ""),
                self.compared,
            )
            for stack in STACKS
        }

    def drive(
        self,
        journal: Journal,
        *,
        through: int = len(PLAN.waves) - 1,
        hook: Callable[[str], None] = lambda _: None,
        anyway: bool = False,
    ) -> Concluded | None:
        around = Surroundings(
            history=self.releases().history,
            regions=self.regions(hook),
            clock=Clock(self.clock.now, self.clock.wait),
            tell=self.said.append,
            writer=secrets.token_hex(4),
            hook=hook,
            anyway=anyway,
        )
        return Rollout(journal, around).run("tester", through)

    def deploy(self, number: int, *, hook: Callable[[str], None] = lambda _: None) -> Concluded | None:
        journal = self.releases().start(Target.parse([digest(number)]), PLAN, f"release {number}")
        return self.drive(journal, hook=hook)

    def resume(self, *, hook: Callable[[str], None] = lambda _: None) -> Concluded | None:
        return self.drive(self.releases().unfinished(), hook=hook)

    def fresh_checkout(self) -> None:
        """Go on where no file says what the rollout has written: another release where it was, the first elsewhere."""
        touched = Progress.of(self.releases().unfinished().entries).before
        for stack, region in self.regions().items():
            region.pin(artefacts(7 if stack in touched else 1))

    def last(self, stack: str) -> Record:
        return self.releases().history.of(stack)[-1]

    def state(self) -> dict[str, Any]:
        """All that a release leaves, without who wrote it when."""
        histories = self.releases().history
        latest = self.releases().journals.latest()
        end = None if latest is None else latest.entries[-1].event
        return {
            "ended": end.model_dump(mode="json") if isinstance(end, Concluded) else None,
            "pinned": {stack: region.artefacts().server for stack, region in self.regions().items()},
            "running": {stack: dict(region.running()) for stack, region in self.regions().items()},
            "records": {
                stack: [
                    json.loads(record.model_dump_json(exclude={"at", "writer", "verdicts"}))
                    for record in histories.of(stack)
                ]
                for stack in STACKS
            },
        }

    def servers(self) -> list[int]:
        """The number of each region's running digest."""
        return [int(region.running()["server"].rpartition(":")[2], 16) for region in self.regions().values()]
