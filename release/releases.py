"""Beginning, resuming and superseding rollouts: at most one is under way in a backend."""

from collections.abc import Sequence
from dataclasses import dataclass

from release.artefacts import Artefacts, Target
from release.errors import ReleaseError
from release.history import History, uncondemned
from release.journal import Begun, Concluded, Journal, Journals
from release.progress import Progress
from release.record import Outcome, Record
from release.waves import GateSettings, WavePlan


class UnfinishedRolloutError(ReleaseError):
    """Another rollout is under way, or its driver was lost."""


class NothingToResumeError(ReleaseError):
    """No rollout is unfinished."""


class WaveOrderError(ReleaseError):
    """A wave is asked for whose predecessors haven't passed."""


class UnknownReleaseError(ReleaseError):
    """A stack never ran what it is to go back to."""


@dataclass(frozen=True)
class Releases:
    """All rollouts and records of a backend.

    Attributes:
        journals: Rollouts.
        history: Records.
    """

    journals: Journals
    history: History

    def start(self, target: Target, plan: WavePlan, reason: str, *, wave: int | None = None) -> Journal:
        """Begin a rollout, or go on with one that rests before the wave that is asked for.

        Args:
            target: What to release.
            plan: Its waves.
            reason: Why.
            wave: The only wave to release to now; None: all.

        Raises:
            UnfinishedRolloutError: another one is under way.
            WaveOrderError: there is no such wave, or the waves before it haven't passed.
            StoreError, TakenOverError: the store can't be read or written, or somebody else was first.
        """
        if wave is not None and wave >= len(plan.waves):
            raise WaveOrderError(f"there is no wave {wave}: the plan has waves 0 to {len(plan.waves) - 1}")
        latest = self.journals.latest()
        progress = None if latest is None else Progress.of(latest.entries)
        if latest is not None and progress is not None and progress.concluded is None:
            if not progress.resting:
                raise UnfinishedRolloutError(_unfinished(latest, progress))
            if (progress.begun.target, progress.begun.plan) == (target, plan):
                _check_order(wave, len(progress.passed), plan)
                return latest
            _check_order(wave, 0, plan)  # a wrong wave gives nothing up
            latest.append(Concluded(outcome=Outcome.SUPERSEDED, reason=f"{target} is released instead: {reason}"))
        _check_order(wave, 0, plan)
        return self.journals.begin(
            Begun(target=target, plan=plan, through=len(plan.waves) - 1 if wave is None else wave, reason=reason)
        )

    def unfinished(self, number: int | None = None) -> Journal:
        """Give the rollout that is under way, or whose driver was lost.

        Args:
            number: The only rollout that is meant; None: whichever it is.

        Raises:
            NothingToResumeError: there is none.
            UnfinishedRolloutError: it is another one than `number`.
            StoreError: the store can't be read.
        """
        latest = self.journals.latest()
        if latest is None or Progress.of(latest.entries).concluded is not None:
            raise NothingToResumeError("no rollout is unfinished: `fleet release status` shows how the last one ended")
        if number is not None and number != latest.number:
            raise UnfinishedRolloutError(
                f"rollout {latest.number} is unfinished, not {number}, which is left alone: somebody began it since"
            )
        return latest

    def back(
        self, stack: str, artefacts: Artefacts, gate: GateSettings, reason: str, *, supersede: bool = False
    ) -> Journal:
        """Begin a rollback by hand.

        Args:
            stack: The stack.
            artefacts: What it goes back to.
            gate: How strictly it is judged.
            reason: Why.
            supersede: Whether a rollout that is under way is given up for it.

        Raises:
            UnfinishedRolloutError: one is under way, and not to be given up.
            StoreError, TakenOverError: as `start`.
        """
        latest = self.journals.latest()
        progress = None if latest is None else Progress.of(latest.entries)
        left = self.runs(stack)
        if latest is not None and progress is not None and progress.concluded is None:
            if not (progress.resting or supersede):
                raise UnfinishedRolloutError(f"{_unfinished(latest, progress)}, or `--supersede` gives it up as it is")
            latest.append(Concluded(outcome=Outcome.SUPERSEDED, reason=f"{stack} is rolled back by hand: {reason}"))
            if not progress.begun.back and stack in progress.before:
                left = progress.begun.target.applied(progress.before[stack].artefacts, stack)
        begun = Begun(
            target=Target.exactly(artefacts),
            plan=WavePlan.of_one(stack, gate),
            through=0,
            back=True,
            leaves=None if left == artefacts else left,
            reason=reason,
        )
        return self.journals.begin(begun)

    def runs(self, stack: str) -> Artefacts | None:
        """Give what was brought to a stack last, whether it was good or not; None where records don't say.

        Raises:
            StoreError: the store can't be read.
        """
        records = self.history.of(stack)
        if not records:
            return None
        return records[-1].artefacts if records[-1].good else records[-1].attempted

    def chosen(self, stack: str, words: Sequence[str], pinned: Artefacts | None) -> Record:
        """Find the release that a stack is to go back to.

        Args:
            stack: The stack.
            words: Digests, or their first 12 digits or more, each alone or as `component=DIGEST`, that it has all of.
                Empty: the last good one other than what runs, and not one that was left for its faults.
            pinned: What the stack's file pins now; what runs, where there is no record.

        Raises:
            UnknownReleaseError: the stack has no such good release.
            StoreError: the store can't be read.
        """
        records = self.history.of(stack)
        runs = self.runs(stack) if records else pinned
        # Asked for by its digests it may be any that was good, or that a rollback which failed was on its way to.
        good = list(uncondemned(records))
        named = [*good, *(one for one in reversed(records) if one.good), *reversed(records)]
        for record in named if words else good:
            if all(map(record.artefacts.pins, words)) if words else record.artefacts != runs:
                return record
        known = ", ".join(dict.fromkeys(record.artefacts.server for record in records if record.good)) or "none"
        other = "another good release (one that was left for its faults wants --to)"
        wanted = f"a good release of {', '.join(words)}" if words else other
        raise UnknownReleaseError(f"stack {stack} never had {wanted}; known: {known} (`fleet release history {stack}`)")


def _check_order(wave: int | None, passed: int, plan: WavePlan) -> None:
    if wave is not None and wave > passed:
        raise WaveOrderError(
            f"wave {wave} ({plan.waves[wave].name}) comes after wave {passed} ({plan.waves[passed].name}), which "
            f"hasn't passed with these digests: release to it first, by --wave {passed}"
        )


def _unfinished(journal: Journal, progress: Progress) -> str:
    touched = ", ".join(sorted(progress.before)) or "no region touched"
    return (
        f"rollout {journal.number} ({progress.begun.target}) is under way since {progress.began_at:%Y-%m-%d %H:%M} "
        f"UTC, {progress.phase} ({touched}): wait until it has ended; if its driver was lost, "
        "`fleet release deploy --resume` takes it to its end"
    )
