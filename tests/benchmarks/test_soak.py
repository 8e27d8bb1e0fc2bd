"""A sample of the soak: its 10,000 requests are `python -m benchmarks.soak`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.soak import in_process, over_http
from benchmarks.soak.cases import SHAPE, Ending, Question, cases, questions
from benchmarks.soak.verdict import Level, Verdict
from loadtest import reference_model

if TYPE_CHECKING:
    from pathlib import Path

_SEED = 1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reference_model.make(tmp_path_factory.mktemp("models") / "soak", seed=_SEED, **SHAPE)


@pytest.fixture(scope="module")
def asked() -> list[Question]:
    return questions(_SEED, families=1)


@pytest.fixture(scope="module")
def expected(model: Path, asked: list[Question]) -> list[in_process.Answer]:
    return asyncio.run(in_process.answers_alone(model, asked, lambda: None))


def test_every_kind_of_request_is_drawn(asked: list[Question]) -> None:
    drawn = cases(300, asked, _SEED)
    assert drawn == cases(300, asked, _SEED)
    assert {case.ending for case in drawn} == set(Ending)
    assert len({case.question for case in drawn}) > len(asked) // 2


async def test_requests_in_a_crowd_are_answered_as_alone(
    model: Path, asked: list[Question], expected: list[in_process.Answer]
) -> None:
    verdict = await in_process.soak(model, asked, expected, cases(300, asked, _SEED), lambda: None)
    assert (verdict.wrong, verdict.examples) == (0, [])
    assert verdict.counts.total() == 300
    assert verdict.details["preemptions"] > 0
    assert verdict.details["prefix_hits_tokens"] > 0


async def test_another_answer_is_noticed(model: Path, asked: list[Question], expected: list[in_process.Answer]) -> None:
    wrong = [replace(answer, tokens=(*answer.tokens[:-1], answer.tokens[-1] + 1)) for answer in expected]
    some = [case for case in cases(40, asked, _SEED) if case.ending is Ending.WHOLE]
    verdict = await in_process.soak(model, asked, wrong, some, lambda: None)
    assert verdict.wrong == len(some)


@pytest.mark.slow
async def test_a_server_answers_as_the_engine_alone(
    model: Path, asked: list[Question], expected: list[in_process.Answer]
) -> None:
    verdict = await over_http.soak(model, asked, expected, cases(60, asked, _SEED + 1), lambda: None)
    assert (verdict.wrong, verdict.examples) == (0, [])
    assert verdict.counts.total() == 60


def test_a_leak_is_seen_and_noise_at_the_start_is_not() -> None:
    flat = Verdict(levels=[Level(n * 100, 5_000_000 + 4096 * min(n, 4), 1000) for n in range(10)])
    assert flat.rss_slope == 0
    leaking = Verdict(levels=[Level(n * 100, 5_000_000 + 200_000 * n, 1000 + 100 * n) for n in range(10)])
    assert leaking.rss_slope == pytest.approx(2000)
    assert leaking.object_slope == pytest.approx(1)
    assert Verdict(levels=leaking.levels[:2]).rss_slope is None
