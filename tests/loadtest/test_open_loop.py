from __future__ import annotations

import asyncio
import contextlib
import itertools
import selectors
import statistics
from typing import TYPE_CHECKING

import pytest

from loadtest import open_loop
from loadtest.arrivals import poisson
from loadtest.errors import LoadTestError
from loadtest.open_loop import Load, Piece
from loadtest.outcome import Failure, FailureKind, Outcome, RequestFailedError
from loadtest.plot import draw
from loadtest.randomness import seeded
from loadtest.slo import Slo
from loadtest.summary import Spread, Summary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence
    from pathlib import Path


class LeapingSelector(selectors.SelectSelector):
    """Nothing comes from outside: instead of waiting, time has passed."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += timeout or 0.0
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock leaps to the next timer: hours of load take no time, and times are exact."""

    def __init__(self) -> None:
        self.selector = LeapingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s


async def one_at_a_time(task: float) -> AsyncGenerator[Piece]:
    """A server that takes `task` seconds, for one request after the other."""
    async with _busy[asyncio.get_running_loop()]:
        await asyncio.sleep(task)
        yield Piece(text=True)
        yield Piece(text=False, prompt_tokens=5, output_tokens=1)


_busy: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}


def run(
    tasks: Sequence[float],
    arrivals: Iterable[float],
    *,
    concurrency: int | None = None,
    timeout_s: float = 1e6,
    stop_after_s: float | None = None,
) -> tuple[list[Outcome], int]:
    outcomes: list[Outcome] = []

    async def main() -> int:
        loop = asyncio.get_running_loop()
        _busy[loop] = asyncio.Lock()
        stop = asyncio.Event()
        if stop_after_s is not None:
            loop.call_later(stop_after_s, stop.set)
        load = Load(concurrency, timeout_s)
        return await open_loop.run(one_at_a_time, tasks, arrivals, load=load, on_outcome=outcomes.append, stop=stop)

    with contextlib.closing(LeapingLoop()) as loop:
        abandoned = loop.run_until_complete(main())
    return sorted(outcomes, key=lambda outcome: outcome.number), abandoned


@pytest.mark.parametrize("concurrency", [None, 1])
def test_a_stall_is_felt_by_everyone_who_would_have_come_meanwhile(concurrency: int | None) -> None:
    # A request a second for 100 s; the tenth takes 50 s instead of 0.1 s. A client that waited for its answer before it
    # went on would have seen one slow request; its users would have seen fifty.
    tasks = [50.0 if number == 10 else 0.1 for number in range(100)]
    outcomes, _ = run(tasks, itertools.count(), concurrency=concurrency)
    latencies = [outcome.latency_s for outcome in outcomes]
    assert latencies[9] == pytest.approx(0.1)
    assert latencies[10] == pytest.approx(50.0)
    assert latencies[11] == pytest.approx(49.1)
    assert sum(latency > 1 for latency in latencies) > 50
    summary = Summary.of(outcomes, slo=Slo(latency=1.0))
    assert summary.latency_s is not None
    assert summary.latency_s.p50 > 1
    assert summary.goodput_share == pytest.approx(sum(latency <= 1 for latency in latencies) / 100)
    late = [outcome.client_delay_s for outcome in outcomes]
    assert max(late) == (pytest.approx(0) if concurrency is None else pytest.approx(49.0))


def test_requests_are_sent_when_they_were_meant_to_be() -> None:
    arrivals = list(itertools.islice(poisson(7.0, seeded(3)), 200))
    outcomes, _ = run([0.01] * 200, arrivals)
    assert [outcome.intended_s for outcome in outcomes] == arrivals
    assert max(outcome.client_delay_s for outcome in outcomes) < 1e-6


def test_arrivals_are_those_of_a_poisson_process() -> None:
    times = list(itertools.islice(poisson(4.0, seeded(1)), 20_000))
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert statistics.mean(gaps) == pytest.approx(0.25, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(0.25, rel=0.05)  # an exponential's deviation is its mean
    assert list(itertools.islice(poisson(float("inf"), seeded(1)), 3)) == [0, 0, 0]


def test_a_request_that_takes_too_long_is_a_failure() -> None:
    outcomes, _ = run([1.0, 30.0, 1.0], [0, 10, 20], timeout_s=5)
    assert [outcome.failure and outcome.failure.kind for outcome in outcomes] == [None, FailureKind.TIMEOUT, None]
    assert outcomes[1].latency_s == pytest.approx(5)


def test_stopping_gives_up_what_is_in_flight_and_keeps_what_is_known() -> None:
    outcomes, abandoned = run([1.0, 1.0, 100.0, 100.0, 1.0], [0, 1, 2, 3, 50], stop_after_s=10)
    assert [outcome.number for outcome in outcomes] == [0, 1]
    assert abandoned == 2


def test_what_is_no_request_s_failure_ends_the_load() -> None:
    async def broken(task: float) -> AsyncGenerator[Piece]:
        del task
        raise KeyError("ours")
        yield

    async def main() -> None:
        await open_loop.run(broken, [1.0], [0.0], load=Load(), on_outcome=lambda _: None, stop=asyncio.Event())

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(main())
    assert raised.group_contains(KeyError)


def outcome(number: int, *, pieces: Sequence[float], tokens: int, failure: Failure | None = None) -> Outcome:
    return Outcome(
        number,
        float(number),
        number + 0.001,
        number + pieces[-1],
        tuple(number + p for p in pieces),
        10,
        tokens,
        failure,
    )


def test_figures_of_a_load() -> None:
    failure = RequestFailedError(FailureKind.OVERLOADED, "HTTP 429: later").failure
    outcomes = [
        outcome(0, pieces=(0.1, 0.2, 0.3), tokens=5),
        outcome(1, pieces=(0.5, 0.9), tokens=2),
        outcome(2, pieces=(0.1,), tokens=1),
        outcome(3, pieces=(9.0,), tokens=1, failure=failure),
    ]
    assert outcomes[0].tpot_s == pytest.approx(0.05)
    assert outcomes[0].gaps_s == pytest.approx([0.1, 0.1])
    assert outcomes[2].tpot_s is None
    slo = Slo.parse("ttft=200ms, tpot=0.1s")
    assert [slo.met_by(each) for each in outcomes] == [True, False, True, False]
    summary = Summary.of(outcomes, slo=slo, abandoned=3)
    assert (summary.requests, summary.succeeded, summary.abandoned) == (4, 3, 3)
    assert summary.duration_s == 12.0
    assert summary.output_token_rate == pytest.approx(8 / 12)
    assert summary.goodput_share == 0.5
    assert summary.failures == {"overloaded": 1}
    assert summary.examples == {"overloaded": "HTTP 429: later"}
    assert summary.ttft_s is not None
    assert summary.ttft_s.maximum == pytest.approx(0.5)


def test_percentiles() -> None:
    spread = Spread.of(range(101, 0, -1))
    assert spread is not None
    assert (spread.count, spread.p50, spread.p90, spread.p99, spread.maximum) == (101, 51, 91, 100, 101)
    assert Spread.of([]) is None


@pytest.mark.parametrize("text", ["", "ttft", "ttft=5", "ttft=5min", "speed=1s", "ttft=1s,ttft=2s", "tpot=0ms"])
def test_what_is_no_objective_is_refused(text: str) -> None:
    with pytest.raises(LoadTestError, match="ttft=500ms"):
        Slo.parse(text)


def test_a_picture_is_drawn_of_whatever_was_measured(tmp_path: Path) -> None:
    failed = outcome(1, pieces=(1.0,), tokens=1, failure=Failure(FailureKind.SERVER, "500"))
    for name, outcomes in (("mixed", [outcome(0, pieces=(0.1, 0.2), tokens=2), failed]), ("failed", [failed])):
        draw(outcomes, tmp_path / f"{name}.png", title=name, slo=Slo(ttft=0.5))
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
