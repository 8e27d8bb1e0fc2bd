"""The drill: three regions come up, releases go through them, and each one's end is compared with what it has to be."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import httpx
from filelock import FileLock, Timeout

from fleet.console import FleetError
from fleet.release_drill.clients import Clients, completion
from fleet.release_drill.finding import SERVER, Finding, RegionAfter
from fleet.release_drill.images import MISSING, DrillImages
from fleet.release_drill.place import DrillPlace, Ended
from fleet.release_drill.region import DrillRegion
from fleet.release_drill.scenario import Scenario
from fleet.release_drill.story import Story
from release.waves import GateSettings, Wave, WavePlan
from toolchain.cluster import leftovers

WAVES: Final = ("canary", "first", "last")
_BAKE_S: Final = 10
_LOOKS: Final = 1
_LOOK_EVERY_S: Final = 0.5
_LAST_LINES: Final = 20


@dataclass(frozen=True)
class ReleaseDrill:
    """Regions that are up, one in each wave.

    Attributes:
        place: Where they live.
        regions: The regions, in the order of their waves.
        images: What is released.
        waves: The plan's file.
        expected: What each region's good release answers, by stack.
    """

    place: DrillPlace
    regions: tuple[DrillRegion, ...]
    images: DrillImages
    waves: Path
    expected: Mapping[str, str]

    @classmethod
    @contextmanager
    def raised(
        cls, folder: Path, gate: GateSettings, tell: Callable[[str], None], *, keep: bool = False
    ) -> Generator[Self]:
        """Bring the regions up, and end them on leaving; what a killed drill left is ended first.

        Args:
            folder: Where they live; it is the drill's alone.
            gate: How strictly releases are judged.
            tell: Is told what happens.
            keep: Whether they stay when a drill is over.

        Raises:
            FleetError, ToolchainError: they can't be brought up, or another drill has the folder.
        """
        place = DrillPlace(folder, tell)
        regions = tuple(DrillRegion(f"drill-{wave}", place) for wave in WAVES)
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f".{folder.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise FleetError(f"another drill runs in {folder}: wait for its end") from None
        try:
            _end(regions, folder)
            folder.mkdir()
            try:
                yield cls._up(place, regions, gate, tell)
            finally:
                if not keep:
                    tell("the regions are ended")
                    _end(regions, folder)
                    for line in (line for region in regions for line in leftovers(region.stack, state=folder)):
                        tell(f"left behind: {line}")
        finally:
            lock.release()

    @classmethod
    def _up(
        cls, place: DrillPlace, regions: tuple[DrillRegion, ...], gate: GateSettings, tell: Callable[[str], None]
    ) -> Self:
        images = DrillImages(place.folder / "images")
        tell("images of this checkout")
        server, gateway = images.server, images.gateway
        for region in regions:
            tell(f"region {region.stack}")
            region.start(server.reference, gateway.reference, lambda line: tell(f"  cluster: {line}"))
            for image in (server, gateway):
                region.cluster.import_image(image.archive, image.reference)
            region.up()
        waves = place.folder / "waves.yaml"
        plan = WavePlan(
            waves=tuple(
                Wave(name=wave, stacks=(region.stack,), bake_s=_BAKE_S, looks=_LOOKS)
                for wave, region in zip(WAVES, regions, strict=True)
            ),
            gate=gate,
        )
        waves.write_text(json.dumps(plan.model_dump(mode="json", by_alias=True)), encoding="utf-8")
        return cls(place, regions, images, waves, {region.stack: _answer(region) for region in regions})

    def play(self, scenarios: Iterable[Scenario]) -> Iterator[Finding]:
        """Release one thing after the other.

        Raises:
            FleetError, ToolchainError: a release could not even be begun.
        """
        for number, scenario in enumerate(scenarios, start=1):
            self.place.tell(f"{scenario.name}: {scenario.told}")
            yield self._played(scenario, number)

    def _played(self, scenario: Scenario, number: int) -> Finding:
        start, earlier = time.monotonic(), self._rollouts()
        wanted, words = self._shelved(scenario, number)
        before = {region.stack: region.standing() for region in self.regions}
        records = {region.stack: len(self.place.history.of(region.stack)) for region in self.regions}
        doors = {region.stack: region.door for region in self.regions}
        lost = _lost_when_changed(self.regions[0], wanted) if scenario.loses_cluster else nullcontext()
        with Clients(doors, self.expected, noisy=scenario.noisy, seed=number) as clients, lost:
            ended = self._released(scenario, words)
        latest = self.place.journals.latest()
        if latest is None or self._rollouts() != earlier + 1:
            raise FleetError(f"{scenario.name}: no rollout was begun:\n" + "\n".join(ended[-1].said[-_LAST_LINES:]))
        after = {
            region.stack: RegionAfter(
                wave=wave,
                before=before[region.stack],
                after=region.standing(),
                recorded=tuple(
                    str(each.outcome) for each in self.place.history.of(region.stack)[records[region.stack] :]
                ),
                answers=_answer(region) == self.expected[region.stack],
                seen=clients.seen[region.stack],
            )
            for wave, region in zip(WAVES, self.regions, strict=True)
        }
        story = Story.of(latest.entries, WAVES)
        statuses = tuple(each.status for each in ended)
        return Finding(scenario, wanted, statuses, story, after, time.monotonic() - start)

    def _rollouts(self) -> int:
        """Count the rollouts that were begun."""
        latest = self.place.journals.latest()
        return 0 if latest is None else latest.number + 1

    def _shelved(self, scenario: Scenario, number: int) -> tuple[str, Sequence[str]]:
        """Make a scenario's images, give them to the nodes that can get them, and name them as a release does."""
        server = self.images.server_as(scenario.server, number)
        if server is not None:
            for region in self.regions:
                region.take(server)
        wanted = MISSING if server is None else server.reference
        words = [f"server={wanted}"]
        if scenario.gateway_missing:
            gateway = self.images.gateway_again(number)
            for region in self.regions[1:]:
                region.take(gateway)
            words.append(f"gateway={gateway.reference}")
        return wanted, words

    def _released(self, scenario: Scenario, words: Sequence[str]) -> Sequence[Ended]:
        deploy = ("release", "deploy", *words, "--waves", str(self.waves), "--reason", scenario.name, "--yes", "--json")
        ended = [self.place.fleet(*deploy, dies_at=scenario.dies_at)]
        if scenario.dies_at:
            ended.append(self.place.fleet("release", "deploy", "--resume", "--yes", "--json"))
        return ended


@contextmanager
def _lost_when_changed(region: DrillRegion, wanted: str) -> Generator[None]:
    """Kill a region's cluster once its model server has been told to run an image: in the middle of an update."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            try:
                changed = region.standing().images.get(SERVER) == wanted
            except FleetError:
                continue
            if changed:
                region.lose()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _answer(region: DrillRegion) -> str:
    """Ask for the text that clients compare; empty where there is none."""
    with region.door.client() as client:
        try:
            return completion(client, region.door)
        except (httpx.HTTPError, ValueError, LookupError):
            return ""


def _end(regions: Sequence[DrillRegion], folder: Path) -> None:
    for region in regions:
        region.end()
    shutil.rmtree(folder, ignore_errors=True)
