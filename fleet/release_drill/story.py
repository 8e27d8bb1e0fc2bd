"""A rollout's story with its times, read from the journal that it has written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from release.journal import Announced, Concluded, Condemned, Entry, WaveBegun, WavePassed
from release.steps import Step


@dataclass(frozen=True)
class Refusal:
    """A region that refused a release.

    Attributes:
        stack: The region.
        checks: Names of the checks that refused.
        reason: Why, in the checks' words.
        detected_s: Seconds from the beginning of its update to the verdict: the rollout of its pods is a part of it.
    """

    stack: str
    checks: tuple[str, ...]
    reason: str
    detected_s: float


@dataclass(frozen=True)
class Return:
    """A region's way back.

    Attributes:
        restored_s: Seconds from the first verdict until the gate had passed what it went back to.
        rollout_s: What the update back took of that.
    """

    restored_s: float
    rollout_s: float

    @property
    def beyond_s(self) -> float:
        """Seconds from detection to restored, but for the rollout's own time."""
        return self.restored_s - self.rollout_s


@dataclass(frozen=True)
class Story:
    """What a rollout did.

    Attributes:
        outcome: How it ended, in the journal's word; empty if it has no end.
        touched: Regions of the waves that began, with the wave's name.
        passed: Names of waves that passed.
        refusals: Regions that refused, in order.
        returns: Regions that were taken back, and passed the gate.
        took_s: Seconds from its first entry to its last.
    """

    outcome: str
    touched: Mapping[str, str]
    passed: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    returns: Mapping[str, Return]
    took_s: float

    @classmethod
    def of(cls, entries: Iterable[Entry], waves: tuple[str, ...]) -> "Story":
        """Read a journal.

        Args:
            entries: Its entries, in order.
            waves: The waves' names.
        """
        written = list(entries)
        begun: dict[Step, dict[str, datetime]] = {step: {} for step in Step}
        condemned: list[tuple[datetime, Condemned]] = []
        touched: dict[str, str] = {}
        passed: list[str] = []
        outcome = ""
        for entry in written:
            match entry.event:
                case Announced(stack=stack, step=step):
                    begun[step].setdefault(stack, entry.at)
                case Condemned() as refusal:
                    condemned.append((entry.at, refusal))
                case WaveBegun(wave=wave, before=before):
                    touched |= dict.fromkeys(before, waves[wave])
                case WavePassed(wave=wave):
                    passed.append(waves[wave])
                case Concluded() as end:
                    outcome = str(end.outcome)
        return cls(
            outcome=outcome,
            touched=touched,
            passed=tuple(passed),
            refusals=tuple(
                _refusal(refusal, _seconds(begun[Step.UPDATE][refusal.stack], at)) for at, refusal in condemned
            ),
            returns={
                stack: Return(
                    restored_s=_seconds(condemned[0][0], noted),
                    rollout_s=_seconds(begun[Step.REVERT][stack], begun[Step.VERIFY][stack]),
                )
                for stack, noted in begun[Step.NOTE].items()
            },
            took_s=_seconds(written[0].at, written[-1].at),
        )


def _refusal(refusal: Condemned, detected_s: float) -> Refusal:
    checks = tuple(verdict.check for verdict in refusal.verdicts)
    return Refusal(refusal.stack, checks, "; ".join(map(str, refusal.verdicts)), detected_s)


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()
