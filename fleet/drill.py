"""Drills: the short life of a stack with faults, held against the same life without any."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from fleet import console
from fleet.faults import FaultDrill, Weathered
from fleet.isolated_faults import IsolatedDrill
from fleet.rehearse import Identity, Rehearsal
from fleet.short_life import Run, ShortLife, Stage, undisturbed
from infra.config import StackSettings
from rehearsal.clusters.mode import ClusterMode
from rehearsal.world import World


@dataclass(frozen=True)
class Drill:
    """Stacks that are brought up one after the other, and the last one of which meets faults.

    Attributes:
        settings: what each stack's file says, by name.
        files: folder of the stack and tenant files, if not the project's.
        policies: arguments by which the engine applies the policy pack.
        clusters: what stands for managed clusters.
    """

    settings: Mapping[str, StackSettings]
    files: Path | None = None
    policies: tuple[str, ...] = ()
    clusters: ClusterMode = ClusterMode.REMEMBERED

    def play(self, world: World, *, seed: int, sample: int | None, isolated: bool = False) -> Iterator[Weathered]:
        """Live without faults, and with them, from empty accounts.

        Args:
            world: where the faults are; a life without any is lived in another one beside it, or before each stage.
            seed: what is drawn is drawn from this.
            sample: how many operations of each stage fail; None for every one.
            isolated: whether each of a sample fails in a life of its own.

        Raises:
            ToolchainError, FleetError: it can't be played, or a run failed without a fault.
        """
        if isolated and sample is not None:
            yield from self._isolated(world, seed, sample)
        else:
            yield from self._chained(world, seed, sample)

    def _chained(self, world: World, seed: int, sample: int | None) -> Iterator[Weathered]:
        """Let all faults meet one life."""
        beside = World.named(f"{world.folder.name}-without-faults")
        with ExitStack() as held:
            for place in (world, beside):
                held.enter_context(place.held())
                place.forget()
            console.step("first without faults")
            without = undisturbed(self._life(beside), lambda stage: self._announce(stage, "without faults"))
            console.step(f"then with faults, drawn by seed {seed}")
            life = self._life(world)
            goes_on = replace(life, rehearsal=replace(life.rehearsal, goes_on=True, policies=()))
            drill = FaultDrill(
                goes_on, without, seed=seed, sample=sample, policies=self.policies, on_run=self._announce_run
            )
            yield from drill.play()

    def _isolated(self, world: World, seed: int, each: int) -> Iterator[Weathered]:
        """Let each fault meet a life of its own."""
        with world.held():
            world.forget()
            life = self._life(world)
            unjudged = replace(life, rehearsal=replace(life.rehearsal, policies=()))
            drill = IsolatedDrill(unjudged, each, seed=seed, policies=self.policies, on_run=self._announce_run)
            yield from drill.play()

    def _life(self, world: World) -> ShortLife:
        *before, last = self.settings
        for stack in before:
            self._opened(stack, world).up()
        return ShortLife(self._opened(last, world), self._change)

    def _opened(self, stack: str, world: World) -> Rehearsal:
        settings = self.settings[stack]
        return Rehearsal.open(
            stack,
            world,
            Identity(settings.account, settings.region),
            files=self.files,
            policies=self.policies,
            clusters=self.clusters,
        )

    def _change(self, rehearsal: Rehearsal) -> None:
        """Give every resource that has tags or labels another one."""
        if self.settings[rehearsal.stack].tags:
            rehearsal.configure(("tags", "rehearsal"), "changed")
        else:
            rehearsal.configure(("tags",), "{rehearsal: changed}")

    def _announce(self, stage: Stage, how: str) -> None:
        *_, last = self.settings
        console.step(f"{last}: {stage} {how}")

    def _announce_run(self, run: Run) -> None:
        met = f"{run.faulted} of {run.planned} faults met"
        self._announce(run.stage, f"with faults, run {run.number} ({met})")
