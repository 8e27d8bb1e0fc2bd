"""The engine's loop: receive, plan, compute, settle. One thread owns the scheduler and the pool."""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import TYPE_CHECKING, NamedTuple

from service.engine.interface import (
    DeadlineExceededError,
    EngineDeadError,
    EngineStats,
    FinishReason,
    GenerationFailedError,
    OverloadedError,
)
from service.engine.step import Outcome
from service.engine.text import Ended, Produced
from service.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from service.engine.block_pool import BlockPool
    from service.engine.request import Choice, Request
    from service.engine.scheduler import Scheduler, Share
    from service.engine.step import Runner, StepBuilder
    from service.engine.text import TextWriter

_log = logs.get("engine")
# Once is an accident (memory ran out, say); a device that fails this often in a row won't come back by itself.
_FRUITLESS_STEPS = 3


class _Arrival(NamedTuple):
    request: Request


class _Departure(NamedTuple):
    """Nobody waits for the request any more."""

    request: Request


class _Over(NamedTuple):
    """The choice's text is over."""

    choice: Choice


class _Check(NamedTuple):
    """Compare the pool's books; the outcome goes to the caller."""

    outcome: Future[None]


class EngineLoop:
    """Computes requests until it is stopped. Methods without a note are for the loop's own thread."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        pool: BlockPool,
        builder: StepBuilder,
        runner: Runner,
        end_token_ids: frozenset[int],
        clock: Callable[[], float],
        check_when_idle: bool,
    ) -> None:
        """Makes a loop.

        Args:
            scheduler: what is computed when.
            pool: blocks of the cache.
            builder: packs steps.
            runner: computes them.
            end_token_ids: tokens that end a text.
            clock: seconds, of the same clock as requests' deadlines.
            check_when_idle: compare the pool's books whenever there is nothing to do; for tests.
        """
        self._scheduler = scheduler
        self._pool = pool
        self._builder = builder
        self._runner = runner
        self._ends = end_token_ids
        self._clock = clock
        self._check_when_idle = check_when_idle
        self._writer: TextWriter | None = None
        # Guards what other threads touch: the inbox, who is queued, and the reason to stop.
        self._wake = threading.Condition()
        self._inbox: list[_Arrival | _Departure | _Over | _Check] = []
        self._queued: set[Request] = set()
        self._stop_reason = ""
        self._alive: set[Request] = set()
        self._deadlines: list[tuple[float, int, Request]] = []
        self._numbers = itertools.count()
        self._steps = 0
        self._computed_tokens = 0
        self._generated_tokens = 0
        self._fruitless = 0

    def submit(self, request: Request, *, most_queued: int, most_queued_tokens: int) -> None:
        """Takes a request in. From any thread.

        Args:
            request: admitted.
            most_queued: requests that may wait for their turn.
            most_queued_tokens: of their prompts, for each choice; a request that would wait alone may have more.

        Raises:
            EngineDeadError: the loop was stopped.
            OverloadedError: too much waits already.
        """
        with self._wake:
            self._require_running()
            if len(self._queued) >= most_queued:
                raise OverloadedError(f"{most_queued} requests are waiting already; try again later.")
            tokens = sum(map(_queued_tokens, self._queued))
            if self._queued and tokens + _queued_tokens(request) > most_queued_tokens:
                raise OverloadedError(f"Requests of {tokens} tokens are waiting already; try again later.")
            self._queued.add(request)
            self._post(_Arrival(request))

    def give_up(self, request: Request) -> None:
        """Nobody waits for the request any more. From any thread."""
        with self._wake:
            self._queued.discard(request)
            self._post(_Departure(request))

    def end_choice(self, choice: Choice) -> None:
        """A choice's text is over. From any thread."""
        with self._wake:
            self._post(_Over(choice))

    def check(self, outcome: Future[None]) -> None:
        """Compares the pool's books between two steps; what is wrong becomes the outcome. From any thread.

        Raises:
            EngineDeadError: the loop was stopped.
        """
        with self._wake:
            self._require_running()
            self._post(_Check(outcome))

    def stop(self, reason: str) -> None:
        """Ends the loop before its next step. From any thread."""
        with self._wake:
            self._stop_reason = self._stop_reason or reason
            self._wake.notify()

    @property
    def waiting(self) -> int:
        """Requests of which nothing is computed: new ones, and those that gave their blocks back. From any thread."""
        with self._wake:
            waiting = self._queued.copy()
        waiting.update(choice.request for choice in self._scheduler.waiting)
        return len(waiting.difference(choice.request for choice in self._scheduler.running))

    @property
    def running(self) -> int:
        """Requests that are being computed. From any thread."""
        return len({choice.request for choice in self._scheduler.running})

    def stats(self) -> EngineStats:
        """What it has done. From any thread."""
        scheduler, pool = self._scheduler, self._pool
        return EngineStats(
            steps=self._steps,
            computed_tokens=self._computed_tokens,
            generated_tokens=self._generated_tokens,
            preemptions=scheduler.preemptions,
            prefix_queries=scheduler.looked_up_tokens,
            prefix_hits=scheduler.found_tokens,
            cache_usage=1 - pool.available / pool.size,
        )

    def run(self, writer: TextWriter, on_death: Callable[[str], None]) -> None:
        """The thread's work.

        Args:
            writer: gets what is produced.
            on_death: called with the reason when the loop ends without having been stopped.
        """
        self._writer = writer
        try:
            while self._receive():
                if shares := self._scheduler.plan():
                    self._begin(shares)
                    self._settle(shares, self._compute(shares), writer)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread has to be reported, not lost
            _log.exception("engine died")
            reason = f"its loop failed: {type(error).__name__}"
            self.stop(reason)
            on_death(reason)
        self._end_all(writer)

    def _require_running(self) -> None:
        """Refuses what nobody would answer any more; with the lock held."""
        if self._stop_reason:
            raise _dead(self._stop_reason)

    def _post(self, message: _Arrival | _Departure | _Over | _Check) -> None:
        self._inbox.append(message)
        self._wake.notify()

    def _receive(self) -> bool:
        """Waits for work and takes in what has come; False when the loop is to stop."""
        if self._check_when_idle and self._scheduler.idle:
            self._scheduler.check()
        with self._wake:
            while not self._inbox and self._scheduler.idle and not self._stop_reason:
                self._wake.wait()
            if self._stop_reason:
                return False
            inbox, self._inbox = self._inbox, []
        for message in inbox:
            match message:
                case _Arrival(request):
                    self._take_in(request)
                case _Departure(request):
                    self._finish(request)
                case _Over(choice):
                    self._finish_choice(choice)
                case _Check(outcome):
                    self._report_check(outcome)
        self._expire()
        return True

    def _take_in(self, request: Request) -> None:
        if request.stream.cancelled:
            return
        self._alive.add(request)
        # The others follow when the prompt is computed, and find its blocks.
        self._scheduler.add(request.choices[:1])
        if request.asked.deadline is not None:
            heapq.heappush(self._deadlines, (request.asked.deadline, next(self._numbers), request))

    def _expire(self) -> None:
        now = self._clock()
        while self._deadlines and (self._deadlines[0][0] < now or self._deadlines[0][2].finished):
            request = heapq.heappop(self._deadlines)[2]
            if not request.finished:
                self._end(request, DeadlineExceededError("The request's deadline passed before it was finished."))

    def _report_check(self, outcome: Future[None]) -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            self._scheduler.check()
        except Exception as error:  # noqa: BLE001 - the caller's to judge
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    def _begin(self, shares: Sequence[Share]) -> None:
        """Those whose turn has come wait no longer."""
        if started := [share.choice.request for share in shares if share.starts]:
            now = self._clock()
            for request in started:
                if request.queue_s is None:
                    request.queue_s = now - request.arrived
            with self._wake:
                self._queued.difference_update(started)

    def _compute(self, shares: Sequence[Share]) -> list[Outcome | None]:
        """What came of each share; None where there was nothing to choose yet."""
        try:
            outcomes = self._run(shares)
        except Exception as error:  # noqa: BLE001 - whatever it is, one of the requests may be at fault
            _log.exception("step failed", requests=len(shares))
            outcomes = self._compute_apart(shares, error)
        else:
            self._fruitless = 0
        self._steps += 1
        self._computed_tokens += sum(share.count for share in shares)
        return outcomes

    def _compute_apart(self, shares: Sequence[Share], error: Exception) -> list[Outcome | None]:
        """Each share as a step of its own, after they failed together: the one at fault fails alone.

        Where all of them fail, a plain token tells whether it is the device's fault or theirs: nobody can end the
        engine by sending what fails, however often.
        """
        outcomes: list[Outcome | None] = []
        for share in shares:
            try:
                outcomes += self._run([share], fresh=True)
            except Exception as own:  # noqa: BLE001 - becomes the request's failure
                outcomes.append(Outcome((), None, own))
        failed = all(outcome is not None and outcome.failure is not None for outcome in outcomes)
        self._fruitless = self._fruitless + 1 if failed and not self._works(shares[-1]) else 0
        if self._fruitless >= _FRUITLESS_STEPS:
            raise error
        return outcomes

    def _works(self, failed: Share) -> bool:
        """Whether a plain token can be computed, in the place of a share that is given up."""
        try:
            outcomes = self._runner.run(self._builder.probe(failed))
        except Exception:  # noqa: BLE001 - the answer
            _log.exception("probe failed")
            return False
        return all(outcome.failure is None for outcome in outcomes)

    def _run(self, shares: Sequence[Share], *, fresh: bool = False) -> list[Outcome | None]:
        outcomes = iter(self._runner.run(self._builder.build(shares, fresh=fresh)))
        return [next(outcomes) if share.samples else None for share in shares]

    def _settle(self, shares: Sequence[Share], outcomes: Sequence[Outcome | None], writer: TextWriter) -> None:
        """Takes in what a step has brought."""
        produced: list[Produced | Ended] = []
        for share, outcome in zip(shares, outcomes, strict=True):
            choice = share.choice
            if choice.finished:  # with another choice of its request, a moment ago
                continue
            self._scheduler.computed(share)
            if outcome is None:
                continue
            if outcome.failure is not None:
                self._fail(choice, outcome.failure)
                continue
            if choice.index == 0 and choice.generated == 0:
                self._scheduler.add(choice.request.choices[1:])
            if outcome.embedding is not None:
                self._finish_choice(choice)
                produced.append(Produced(choice, (), FinishReason.STOP, None, outcome.embedding))
            else:
                produced.append(self._extend(choice, outcome))
        if produced:
            writer.write(produced)

    def _extend(self, choice: Choice, outcome: Outcome) -> Produced:
        """Adds a choice's new tokens, up to where it ends."""
        request, reason = choice.request, None
        taken = 0
        for token in outcome.token_ids:
            choice.tokens.append(token)
            taken += 1
            if token in self._ends and not request.asked.sampling.ignore_eos:
                reason = FinishReason.STOP
            elif choice.generated >= request.max_tokens:
                reason = FinishReason.LENGTH
            if reason is not None:
                self._finish_choice(choice)
                break
        self._generated_tokens += taken
        return Produced(choice, outcome.token_ids[:taken], reason, outcome.logprobs)

    def _fail(self, choice: Choice, error: Exception) -> None:
        """A poisoned request ends alone; nobody is to find what it has computed."""
        request = choice.request
        _log.error("request failed", request_id=request.asked.request_id, error=repr(error))
        for each in request.choices:
            self._pool.forget(each.blocks)
        self._end(request, GenerationFailedError(f"The request failed in the engine: {type(error).__name__}."))

    def _end(self, request: Request, error: Exception) -> None:
        self._finish(request)
        if self._writer is not None:
            self._writer.write([Ended(request, error)])

    def _finish(self, request: Request) -> None:
        """Frees whatever a request holds."""
        for choice in request.choices:
            self._scheduler.finish(choice)
        request.finished = True
        self._alive.discard(request)
        with self._wake:
            self._queued.discard(request)

    def _finish_choice(self, choice: Choice) -> None:
        self._scheduler.finish(choice)
        if all(each.finished for each in choice.request.choices):
            self._finish(choice.request)

    def _end_all(self, writer: TextWriter) -> None:
        """Ends whatever is left when the loop is over."""
        with self._wake:
            inbox, self._inbox = self._inbox, []
            self._queued.clear()
            reason = self._stop_reason
        arrived = [message.request for message in inbox if isinstance(message, _Arrival)]
        error = _dead(reason)
        writer.write([Ended(request, error) for request in (*self._alive, *arrived)])
        for message in inbox:
            if isinstance(message, _Check) and message.outcome.set_running_or_notify_cancel():
                message.outcome.set_exception(error)
        for request in tuple(self._alive):
            self._finish(request)


def _dead(reason: str) -> EngineDeadError:
    return EngineDeadError(f"The engine does not run: {reason}.")


def _queued_tokens(request: Request) -> int:
    """What is to be computed or looked up before all of its choices have begun."""
    return len(request.asked.prompt_token_ids) * request.asked.sampling.n
