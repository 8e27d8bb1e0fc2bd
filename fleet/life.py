"""The life of a cloud stack, played in a rehearsal: what each act must do, and what it did.

Up, up again, a tenant more, another machine for a GPU pool, down with all data, up again: each act is an operation of
the real engine, and each has demands that are read from the steps it took and from what the simulated accounts hold.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import catalog
from fleet.console import FleetError
from fleet.engine import Summary
from fleet.rehearse import Rehearsal
from fleet.remains import Remainder, protected, remains, resources
from fleet.steps import Step
from infra.config import Cloud, SettingsError, StackKind, StackSettings, from_stack_file
from rehearsal.account import Resource, holdings
from rehearsal.parts import Home, missing
from tenants import Plan
from tenants.new_file import new_tenant_file

TENANT: Final = "rehearsed"
"""The tenant that is added; part of the name of whatever it has."""
POOL_TYPES: Final = frozenset(
    {
        "aws:eks/nodeGroup:NodeGroup",
        "azure-native:containerservice:AgentPool",
        "gcp:container/nodePool:NodePool",
    }
)
"""Where machines are."""
_SHARED_WITH_TENANTS: Final = frozenset({"gateway-keys"})
"""What names every tenant, and so changes with each: the gateway's list of API keys."""


class Act(StrEnum):
    """One part of a stack's life."""

    UP = "up"
    SAME = "nothing to change"
    TENANT = "tenant added"
    POOL = "pool's machine changed"
    DOWN = "down with its data"
    AGAIN = "up again"
    SETTLED = "nothing to change again"


@dataclass(frozen=True)
class Played:
    """What an act did.

    Attributes:
        act: which one.
        run: what the engine did.
        problems: demands that weren't met, empty where all were.
        told: what is worth knowing.
        remains: what the clouds keep, after the end of a stack.
    """

    act: Act
    run: Summary
    problems: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    remains: tuple[Remainder, ...] = ()

    def as_data(self) -> Mapping[str, Any]:
        """Give it for a program."""
        return {
            "act": str(self.act),
            "green": not self.problems,
            "changes": dict(self.run.changes),
            "duration_s": self.run.duration_s,
            "problems": list(self.problems),
            "told": list(self.told),
            "remains": [each.as_row() for each in self.remains],
        }


@dataclass
class Life:
    """A stack's life in one rehearsal.

    Attributes:
        rehearsal: the stack, in its world.
        settings: what its file says.
    """

    rehearsal: Rehearsal
    settings: StackSettings
    _strangers: frozenset[tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self._strangers = frozenset(place for place, _ in self._held())

    def play(self, *, without: Collection[Act] = ()) -> Iterator[Played]:
        """Play the acts that this kind of stack has, one by one.

        Args:
            without: acts to leave out.

        Raises:
            UpdateFailedError: the engine, a policy or a simulated cloud refused one: the life ends there.
        """
        acts: dict[Act, Callable[[], Played]] = {
            Act.UP: self._up,
            Act.SAME: self._nothing,
            Act.TENANT: self._tenant,
            Act.POOL: self._pool,
            Act.DOWN: self._down,
            Act.AGAIN: self._again,
            Act.SETTLED: self._settled,
        }
        missing_here = set(without)
        if self.settings.kind is not StackKind.REGION:
            missing_here.add(Act.TENANT)
        if not self.settings.gpu_pools:
            missing_here.add(Act.POOL)
        for act, play in acts.items():
            if act not in missing_here:
                yield play()

    def _up(self) -> Played:
        run = self.rehearsal.up()
        checkpoint = self.rehearsal.checkpoint()
        told = f"{len(protected(checkpoint))} of {len(resources(checkpoint))} resources are protected"
        problems = (*self._missing(resources(checkpoint)), *self.rehearsal.leaks())
        return Played(Act.UP, run, problems=problems, told=(told,))

    def _nothing(self) -> Played:
        return Played(Act.SAME, self.rehearsal.preview_nothing())

    def _tenant(self) -> Played:
        stack = self.rehearsal.stack
        self.rehearsal.world.tenants.write(TENANT, new_tenant_file(TENANT, plan=Plan.STANDARD, stacks=[stack]))
        run = self.rehearsal.up()
        its_own = [each for each in resources(self.rehearsal.checkpoint()) if TENANT in each["urn"].rsplit("::", 1)[-1]]
        return Played(
            Act.TENANT,
            run,
            problems=(*strangers_to(run.steps, TENANT), *missing(Home.TENANT, self.settings.cloud, its_own)),
            told=tuple(sorted({f"{step} ({', '.join(step.properties)})" for step in run.steps if not step.makes})),
        )

    def _pool(self) -> Played:
        pool = self.settings.gpu_pools[0]
        sku = self._other_machine()
        run = self.rehearsal.up()
        return Played(
            Act.POOL,
            run,
            problems=tuple(new_before_old(run.steps)),
            told=(f"{pool.name}: {pool.sku} -> {sku}", *(str(step) for step in run.steps if step.type in POOL_TYPES)),
        )

    def _down(self) -> Played:
        self.rehearsal.lift()
        expected = remains(self.rehearsal.checkpoint())
        run = self.rehearsal.down()
        left = {(each.type, each.id): each for place, each in self._held() if place not in self._strangers}
        self.rehearsal.record(expected, self.settings.kept)
        return Played(Act.DOWN, run, problems=tuple(wrong_remains(expected, left)), remains=tuple(expected))

    def _again(self) -> Played:
        run = self.rehearsal.up()
        taken = [str(step) for step in run.steps if step.operation.startswith("import")]
        return Played(Act.AGAIN, run, told=tuple(taken))

    def _settled(self) -> Played:
        return Played(Act.SETTLED, self.rehearsal.preview_nothing())

    def _missing(self, held: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """Name what a stack of this kind has to have and hasn't."""
        front = self.settings.front
        clouds = [each.cloud for each in front.fronts] if front else [self.settings.cloud]
        for cloud in clouds:
            yield from missing(Home(self.settings.kind), cloud, held)

    def _other_machine(self) -> str:
        """Give the first GPU pool another machine: the first of the catalogue with which the stack file is right.

        Raises:
            FleetError: there is none.
        """
        file = self.rehearsal.world.stack_file(self.rehearsal.stack)
        before = file.read_text(encoding="utf-8")
        pool = self.settings.gpu_pools[0]
        known = catalog.machine(self.settings.cloud, pool.sku)
        for machine in catalog.machines(self.settings.cloud):
            if machine.sku == pool.sku or machine.arch != known.arch or machine.gpu.count < known.gpu.count:
                continue
            self.rehearsal.configure(("gpuPools", 0, "sku"), machine.sku)
            try:
                from_stack_file(file)
            except SettingsError:
                file.write_text(before, encoding="utf-8")
                continue
            return machine.sku
        raise FleetError(f"the catalogue has no other machine that pool {pool.name} of {file.name} could have")

    def _held(self) -> Iterator[tuple[tuple[str, ...], Resource]]:
        for cloud, account, each in holdings(self.rehearsal.world.memory):
            yield (cloud, account, each.region, each.type, each.id), each


def strangers_to(steps: Sequence[Step], tenant: str) -> Iterator[str]:
    """Find what an added tenant did to what isn't the tenant's, by the names of resources."""
    for step in steps:
        if tenant in step.name or step.type.startswith("pulumi:"):
            continue
        if step.makes or step.deletes or step.name not in _SHARED_WITH_TENANTS:
            yield f"{step}: no resource of tenant {tenant}"


def new_before_old(steps: Sequence[Step]) -> Iterator[str]:
    """Find where machines of a pool went before their successors were there, by the order of events."""
    made = [step for step in steps if step.type in POOL_TYPES and step.makes]
    gone = [step for step in steps if step.type in POOL_TYPES and step.deletes]
    if not made or not gone:
        yield f"{len(made)} pools were made and {len(gone)} deleted: another machine needs another pool"
    for old in gone:
        for new in made:
            if new.ended > old.began:
                yield f"{old} began before the end of {new}"


def wrong_remains(expected: Sequence[Remainder], left: Mapping[tuple[str, str], Resource]) -> Iterator[str]:
    """Compare what is said to stay with what a simulated account holds."""
    foretold = {(each.type, each.id): each.afterlife for each in expected}
    for place in sorted(foretold.keys() | left.keys()):
        kind, resource_id = place
        held = left.get(place)
        if held is None:
            yield f"{kind} {resource_id} was said to stay, and is gone"
        elif place not in foretold:
            yield f"{kind} {resource_id} is still there: {held.afterlife or 'alive'}"
        elif held.afterlife is not foretold[place]:
            yield f"{kind} {resource_id} was said to be {foretold[place]}, and is {held.afterlife or 'alive'}"


def plays(settings: StackSettings) -> bool:
    """Tell whether a stack's life can be played: this machine's own stacks are real."""
    return settings.cloud is not Cloud.LOCAL
