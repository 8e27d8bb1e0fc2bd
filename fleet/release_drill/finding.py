"""What came of one release of a drill, and whether that is what has to come of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.release_drill.clients import Seen
from fleet.release_drill.scenario import Scenario
from fleet.release_drill.standing import Standing
from fleet.release_drill.story import Story
from release.record import Outcome

BEYOND_LIMIT_S: Final = 60.0
"""Seconds from detection to restored, beyond the rollout's own time: the bar."""
SERVER: Final = "model-server"


@dataclass(frozen=True)
class RegionAfter:
    """A region after a release, beside what it was before.

    Attributes:
        wave: Name of its wave.
        before: What ran.
        after: What runs.
        recorded: Outcomes of the records that came meanwhile.
        answers: Whether it answers as the good release does.
        seen: What its clients got meanwhile.
    """

    wave: str
    before: Standing
    after: Standing
    recorded: tuple[str, ...]
    answers: bool
    seen: Seen

    @property
    def untouched(self) -> bool:
        """Whether nothing of it was changed: no Deployment, no pod, no record."""
        return self.before == self.after and not self.recorded


@dataclass(frozen=True)
class Finding:
    """One release of a drill.

    Attributes:
        scenario: What it was.
        wanted: The server's image.
        statuses: Exit statuses of the commands, one after the other.
        story: What the rollout did.
        regions: The regions, in the order of their waves.
        took_s: Seconds in all.
    """

    scenario: Scenario
    wanted: str
    statuses: tuple[int, ...]
    story: Story
    regions: Mapping[str, RegionAfter]
    took_s: float

    @property
    def problems(self) -> tuple[str, ...]:
        """What isn't as it has to be, a sentence each; none if all is."""
        return tuple(self._of_good() if self.scenario.good else self._of_bad())

    @property
    def row(self) -> Mapping[str, Any]:
        """What a report says of it. Times in seconds."""
        first = self.story.refusals[0] if self.story.refusals else None
        back = max(self.story.returns.values(), key=lambda each: each.beyond_s, default=None)
        return {
            "scenario": self.scenario.name,
            "told": self.scenario.told,
            "outcome": self.story.outcome,
            "caught_in": "" if first is None else self.story.touched[first.stack],
            "caught_by": [] if first is None else list(first.checks),
            "reason": "" if first is None else first.reason,
            "detected_s": None if first is None else round(first.detected_s, 1),
            "restored_s": None if back is None else round(back.restored_s, 1),
            "rollout_s": None if back is None else round(back.rollout_s, 1),
            "beyond_s": None if back is None else round(back.beyond_s, 1),
            "touched": list(self.story.touched),
            "untouched": [stack for stack, region in self.regions.items() if region.untouched],
            "clients": {
                stack: {
                    "answered": region.seen.answered,
                    "wrong": region.seen.wrong,
                    "failed": region.seen.failed,
                    "bad_s": round(region.seen.bad_s, 1),
                }
                for stack, region in self.regions.items()
            },
            "took_s": round(self.took_s, 1),
            "problems": list(self.problems),
        }

    def _of_good(self) -> Iterator[str]:
        if self.story.outcome != Outcome.RELEASED or self.statuses[-1] != 0:
            yield f"a good release ended as {self.story.outcome or 'unfinished'}: {self._reasons()}"
            return
        for stack, region in self.regions.items():
            if region.after.serving.get(SERVER) != {self.wanted}:
                yield f"{stack} doesn't serve from the released image alone"
            if region.recorded != (Outcome.RELEASED,):
                yield f"{stack} has records {region.recorded}, not one of a release"
            yield from _bad_answers(stack, region)

    def _of_bad(self) -> Iterator[str]:
        canary, *later = self.regions
        if self.story.outcome != Outcome.ROLLED_BACK:
            yield f"it ended as {self.story.outcome or 'unfinished'}, not taken back: {self._reasons()}"
            return
        if tuple(self.story.touched) != (canary,):
            yield f"it touched {', '.join(self.story.touched)}, not the canary alone"
        checks = {check for refusal in self.story.refusals for check in refusal.checks}
        if not checks & self.scenario.caught_by:
            expected = " or ".join(sorted(self.scenario.caught_by))
            yield f"it was refused by {', '.join(sorted(checks))}, not by {expected}"
        yield from self._of_canary(canary)
        for stack in later:
            if not self.regions[stack].untouched:
                yield f"{stack} was touched"
            yield from _bad_answers(stack, self.regions[stack])

    def _of_canary(self, stack: str) -> Iterator[str]:
        """Say what isn't as it was before a bad release came."""
        back, region = self.story.returns.get(stack), self.regions[stack]
        if back is None or back.beyond_s > BEYOND_LIMIT_S:
            told = "never verified" if back is None else f"back {back.beyond_s:.0f} s beyond its rollout"
            yield f"{stack} was {told}, and {BEYOND_LIMIT_S:.0f} s from detection on are allowed"
        if region.after.images != region.before.images:
            yield f"{stack} isn't told to run what it ran: {dict(region.after.images)}"
        if region.after.serving != region.before.serving:
            yield f"{stack} doesn't serve from what it did: {dict(region.after.serving)}"
        if region.recorded != (Outcome.ROLLED_BACK,):
            yield f"{stack} has records {region.recorded}, not one of a rollback"
        if not region.answers:
            yield f"{stack} doesn't answer as before"

    def _reasons(self) -> str:
        return "; ".join(refusal.reason for refusal in self.story.refusals) or "nothing was refused"


def _bad_answers(stack: str, region: RegionAfter) -> Iterator[str]:
    if not region.answers:
        yield f"{stack} doesn't answer as the good release does"
    if region.seen.wrong or region.seen.failed:
        yield f"clients of {stack} got {region.seen.wrong} wrong answers and {region.seen.failed} errors"
