"""A release's way through its waves, and back: one state machine that may be killed anywhere and taken up again.

Every step is announced in the journal, then taken. Taking one twice ends as taking it once, so a process that takes the
rollout over begins each region at its last announced step.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, TypeVar

from release.artefacts import Artefacts, short
from release.baseline import Baseline
from release.errors import RegionBusyError, RegionError, RegionIllError, ReleaseError
from release.gate.deployed import as_wanted
from release.gate.verdict import UPDATE_CHECK, Result, Verdict, failures
from release.journal import (
    Announced,
    BakeBegun,
    Before,
    Concluded,
    Condemned,
    Driven,
    Event,
    Journal,
    Rested,
    WaveBegun,
    WavePassed,
)
from release.progress import Progress
from release.record import Deployed, Outcome, Record
from release.region import Region
from release.steps import BACK, FORWARD, Moment, Step, fault_point
from release.surroundings import Surroundings
from release.waves import Wave

T = TypeVar("T")


class _RefusedError(Exception):
    """A region refuses the release, or doesn't come back."""

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        super().__init__("; ".join(map(str, verdicts)))
        self.verdicts = tuple(verdicts)


class Rollout:
    """One rollout, driven by this process.

    Args:
        journal: Its journal; it has begun.
        around: What it works with.
    """

    def __init__(self, journal: Journal, around: Surroundings) -> None:
        self._journal = journal
        self._around = around
        self._progress = Progress.of(journal.entries)
        self._lock = threading.Lock()
        self._verdicts: dict[str, tuple[Verdict, ...]] = {}
        self._busy: dict[str, RegionBusyError] = {}
        self._actions: Final[Mapping[Step, Callable[[str], object]]] = {
            Step.CONFIGURE: self._configure,
            Step.MIGRATE: self._migrate,
            Step.UPDATE: self._update,
            Step.GATE: self._judge,
            Step.RECORD: self._record,
            Step.RESTORE: self._restore,
            Step.REVERT: self._revert,
            Step.VERIFY: self._judge,
            Step.NOTE: self._note,
        }

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    def run(self, who: str, through: int) -> Concluded | None:
        """Drive it on to its end, or until it rests after a wave.

        Args:
            who: Who asks.
            through: Number of the last wave to release to now.

        Returns:
            How it ended; None where it rests between two waves.

        Raises:
            TakenOverError: another process drives it.
            RegionBusyError: another engine holds a region; nothing is decided, and it is resumed later.
            RegionIllError: a region of the next wave was ill before; it is untouched.
            RegionError: a touched region's file can't be brought up to date here.
            StoreError: the store can't be read or written.
        """
        if self._progress.concluded is not None:
            return self._progress.concluded
        self._write(Driven(who=who, through=through))
        self._at("rollout:begun")
        self._pin_touched()
        if self._progress.begun.back:
            return self._go_to_chosen()
        if self._progress.condemned:
            return self._roll_back()
        waves = self._progress.begun.plan.waves
        for number, wave in enumerate(waves[: through + 1]):
            if number in self._progress.passed:
                continue
            if not (self._rolled_out(number, wave) and self._baked(number, wave)):
                return self._roll_back()
            self._pass(number, wave)
        if through + 1 >= len(waves):
            return self._conclude(Outcome.RELEASED, self._progress.begun.reason)
        self._write(Rested())
        return None

    def _pin_touched(self) -> None:
        """Write into this checkout's files what touched regions are to pin: another checkout began it, maybe."""
        for stack, step in self._progress.steps.items():
            self._region(stack).configure(self._before(stack).artefacts if step in BACK else self._wanted(stack))

    def _rolled_out(self, number: int, wave: Wave) -> bool:
        """Bring the target to a wave's regions side by side; tell whether all are healthy."""
        if not self._progress.condemned and number not in self._progress.bakes:
            self._begin(number, wave.stacks)
            self._around.tell(f"wave {wave.name}: {', '.join(wave.stacks)}")
            self._condemn(self._side_by_side(wave.stacks, lambda stack: self._walk(stack, FORWARD)))
            if not self._progress.condemned:  # else the way back meets the lock
                self._stop_if_busy()
        return not self._progress.condemned

    def _begin(self, number: int, stacks: Sequence[str]) -> None:
        """Look at the regions of a wave, and write down what they go back to before any is touched."""
        if number in self._progress.waves:
            return
        looked = self._looked(stacks)
        self._at("wave:observed")
        self._write(WaveBegun(wave=number, before=looked))
        self._at("wave:begun")

    def _looked(self, stacks: Sequence[str]) -> Mapping[str, Before]:
        """Look at regions; one that can't be released to leaves the rollout at rest, since nothing is half done."""
        try:
            looked = self._side_by_side_values(stacks, self._look)
            ills = [f"{stack}: {ill}" for stack, before in looked.items() for ill in before.baseline.ills]
            if ills and not self._around.anyway:
                raise RegionIllError(
                    f"ill before the release, and untouched: {'; '.join(ills)}. Make it well and release again, or "
                    "release to it all the same by --anyway"
                )
        except (ReleaseError, KeyboardInterrupt):
            self._write(Rested())
            raise
        return looked

    def _look(self, stack: str) -> Before:
        region, last = self._around.regions[stack], self._last_good(stack)
        artefacts = region.artefacts() if last is None else last.artefacts
        self._progress.begun.target.applied(artefacts, stack)  # what can't be applied is refused here, untouched
        baseline = region.observe()
        if baseline.note:
            self._around.tell(f"{stack}: {baseline.note}")
        return Before(artefacts=artefacts, baseline=baseline)

    def _look_away(self, stack: str) -> Before:
        """Give what a region is to go back to by hand; how it answers now is no measure, since it is being left."""
        region = self._region(stack)
        artefacts = self._progress.begun.target.applied(region.artefacts(), stack)
        seen = region.observe()
        return Before(artefacts=artefacts, baseline=Baseline(restarts=seen.restarts, lost_gpus=seen.lost_gpus))

    def _baked(self, number: int, wave: Wave) -> bool:
        """Watch a wave's regions until its bake ends; tell whether all have stayed healthy.

        A bake that a killed process began goes on, and ends when it would have: what is due is looked at once.
        """
        if number not in self._progress.bakes:
            since = self._around.clock.now()
            self._write(BakeBegun(wave=number, since=since, until=since + timedelta(seconds=wave.bake_s)))
        self._at("bake:begun")
        bake = self._progress.bakes[number]
        for look in range(1, wave.looks + 1 if wave.bake_s else 1):
            due = bake.since + (bake.until - bake.since) * look / wave.looks
            left_s = (due - self._around.clock.now()).total_seconds()
            if left_s <= 0 and look < wave.looks:
                continue
            self._around.clock.wait(max(0.0, left_s))
            self._around.tell(f"wave {wave.name}: look {look} of {wave.looks}")
            self._condemn(self._side_by_side(wave.stacks, self._judge))
            if not self._progress.condemned:  # else the way back meets the lock
                self._stop_if_busy()
            if self._progress.condemned:
                return False
        return True

    def _pass(self, number: int, wave: Wave) -> None:
        for stack in wave.stacks:
            self._walk(stack, (Step.RECORD,))
        self._write(WavePassed(wave=number))
        self._at("wave:passed")
        self._around.tell(f"wave {wave.name} has passed")

    def _roll_back(self) -> Concluded:
        """Take every touched region back, the newest wave first; one that doesn't come back holds up no other."""
        reason = "; ".join(f"{one.stack}: {verdict}" for one in self._progress.condemned for verdict in one.verdicts)
        self._around.tell(f"rolling back: {reason}")
        self._at("rollback:decided")
        self._busy.clear()
        lost: dict[str, _RefusedError] = {}
        for number in sorted(self._progress.waves, reverse=True):
            stacks = tuple(self._progress.waves[number])
            lost |= self._side_by_side(stacks, lambda stack: self._walk(stack, BACK))
        self._stop_if_busy()
        return self._stuck(reason, lost) if lost else self._conclude(Outcome.ROLLED_BACK, reason)

    def _go_to_chosen(self) -> Concluded:
        """Bring the stacks of a rollback by hand to what was chosen."""
        stacks = self._progress.begun.plan.waves[0].stacks
        reason = self._progress.begun.reason
        if 0 not in self._progress.waves:
            self._write(WaveBegun(wave=0, before=self._side_by_side_values(stacks, self._look_away)))
        self._at("rollback:decided")
        lost = self._side_by_side(stacks, lambda stack: self._walk(stack, BACK))
        self._stop_if_busy()
        return self._stuck(reason, lost) if lost else self._conclude(Outcome.ROLLED_BACK, reason)

    def _stuck(self, reason: str, lost: Mapping[str, _RefusedError]) -> Concluded:
        """End: what can't be taken back is a person's, with the commands that go on from here."""
        why = "; ".join(f"{stack}: {error}" for stack, error in lost.items())
        for stack, error in lost.items():
            self._add(stack, Outcome.STUCK, self._before(stack).artefacts, why, error.verdicts)
        return self._conclude(
            Outcome.STUCK,
            f"{reason}. Going back failed: {why}",
            tuple(_way_back(stack, self._before(stack).artefacts) for stack in lost),
        )

    def _walk(self, stack: str, steps: Sequence[Step]) -> None:
        """Take a region through steps, from the one on that was announced last."""
        last = self._progress.steps.get(stack)
        start = steps.index(last) if last in steps else 0
        for step in steps[start:]:
            if step is not last:
                self._write(Announced(stack=stack, step=step))
            self._at(fault_point(step, Moment.ANNOUNCED))
            self._around.tell(f"{stack}: {step}")
            self._actions[step](stack)
            self._at(fault_point(step, Moment.DONE))

    def _configure(self, stack: str) -> None:
        self._region(stack).configure(self._wanted(stack))

    def _migrate(self, stack: str) -> None:
        self._region(stack).migrate(self._wanted(stack))

    def _update(self, stack: str) -> None:
        self._region(stack).update(self._before(stack).baseline)

    def _revert(self, stack: str) -> None:
        self._region(stack).update()

    def _judge(self, stack: str) -> tuple[Verdict, ...]:
        before = self._before(stack)
        # On the way back the measure is the release that is gone back to, not the one that is left.
        back = self._progress.begun.back or bool(self._progress.condemned)
        last = self._last_good(stack, before.artefacts if back else None)
        region = self._region(stack)
        verdicts = (
            *region.judge(before.baseline, None if last is None else last.fingerprint),
            as_wanted(before.artefacts if back else self._wanted(stack), region),
        )
        self._verdicts[stack] = verdicts
        if failed := failures(verdicts):
            raise _RefusedError(failed)
        return verdicts

    def _record(self, stack: str) -> None:
        # Empty where a process was killed after the last look: the journal has that it passed.
        verdicts = self._verdicts.get(stack, ())
        self._add(stack, Outcome.RELEASED, self._wanted(stack), self._progress.begun.reason, verdicts)

    def _restore(self, stack: str) -> None:
        self._region(stack).configure(self._before(stack).artefacts)

    def _note(self, stack: str) -> None:
        condemned = [one for one in self._progress.condemned if one.stack == stack] or self._progress.condemned
        reason = "; ".join(f"{one.stack}: {verdict}" for one in condemned for verdict in one.verdicts)
        verdicts = tuple(verdict for one in condemned for verdict in one.verdicts)
        self._add(
            stack,
            Outcome.ROLLED_BACK,
            self._before(stack).artefacts,
            reason or self._progress.begun.reason,
            verdicts,
        )

    def _add(
        self, stack: str, outcome: Outcome, artefacts: Artefacts, reason: str, verdicts: tuple[Verdict, ...] = ()
    ) -> None:
        region, begun = self._region(stack), self._progress.begun
        attempted = begun.leaves if begun.back else self._wanted(stack)
        self._around.history.add(
            Record(
                stack=stack,
                rollout=self._journal.number,
                outcome=outcome,
                artefacts=artefacts,
                attempted=None if outcome is Outcome.RELEASED else attempted,
                deployed=_deployed(region),
                at=self._around.clock.now(),
                who=self._progress.who,
                reason=reason,
                verdicts=verdicts,
                fingerprint=None if outcome is Outcome.STUCK else region.fingerprint(),
                writer=self._around.writer,
            )
        )

    def _conclude(self, outcome: Outcome, reason: str, commands: tuple[str, ...] = ()) -> Concluded:
        end = Concluded(outcome=outcome, reason=reason, commands=commands)
        self._write(end)
        return end

    def _condemn(self, refused: "Mapping[str, _RefusedError]") -> None:
        for stack, refusal in refused.items():
            self._write(Condemned(stack=stack, verdicts=refusal.verdicts))

    def _stop_if_busy(self) -> None:
        """Stop where another engine holds a region.

        Raises:
            RegionBusyError: with all that were held.
        """
        busy = list(self._busy.values())
        if busy:
            raise RegionBusyError(
                f"{'; '.join(map(str, busy))}. Nothing was decided by that: once the lock is gone, "
                "`fleet release deploy --resume` goes on"
            )

    def _side_by_side(self, stacks: Iterable[str], act: Callable[[str], object]) -> "dict[str, _RefusedError]":
        """Do something in several regions at once, all to its end, and give those that refused."""

        def attempted(stack: str) -> _RefusedError | None:
            try:
                act(stack)
            except _RefusedError as refusal:
                return refusal
            except RegionBusyError as busy:
                self._busy[stack] = busy
            except RegionError as error:
                return _RefusedError([Verdict(check=UPDATE_CHECK, result=Result.FAILED, reason=str(error))])
            return None

        outcomes = self._side_by_side_values(stacks, attempted)
        return {stack: refusal for stack, refusal in outcomes.items() if refusal is not None}

    def _side_by_side_values(self, stacks: Iterable[str], act: Callable[[str], T]) -> dict[str, T]:
        names = list(stacks)
        pool = ThreadPoolExecutor(len(names))
        try:
            return dict(zip(names, pool.map(act, names), strict=True))
        except BaseException:
            for stack in names:
                self._region(stack).interrupt()
            raise
        finally:
            pool.shutdown()

    def _wanted(self, stack: str) -> Artefacts:
        return self._progress.begun.target.applied(self._before(stack).artefacts, stack)

    def _before(self, stack: str) -> Before:
        return self._progress.before[stack]

    def _last_good(self, stack: str, artefacts: Artefacts | None = None) -> Record | None:
        return self._around.history.last_good(stack, before=self._journal.number, artefacts=artefacts)

    def _region(self, stack: str) -> Region:
        return self._around.regions[stack]

    def _write(self, event: Event) -> None:
        with self._lock:
            self._journal.append(event)
            self._progress.take(self._journal.entries[-1])

    def _at(self, point: str) -> None:
        self._around.hook(point)


def _deployed(region: Region) -> Deployed | None:
    try:
        return region.deployed()
    except RegionError:
        return None


def _way_back(stack: str, artefacts: Artefacts) -> str:
    """Give the command that tries once more to bring a region back."""
    to = "".join(f" --to {word}" for word in artefacts.words)
    return f"fleet release rollback {stack}{to}  # {short(artefacts.server)}, {short(artefacts.gateway)}"
