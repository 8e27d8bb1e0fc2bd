"""Requests straight to the engine."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.soak.cases import CONTEXT_TOKENS, VOCABULARY_SIZE, Case, Ending, Question
from benchmarks.soak.clients import ask_all
from benchmarks.soak.verdict import Level, Verdict
from service.engine.batching_engine import BatchingEngine
from service.engine.interface import (
    DeadlineExceededError,
    EngineError,
    FinishReason,
    GenerationRequest,
    InvalidParameterError,
    RequestTooLargeError,
)
from service.engine.loading import BatchingEngineOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

CLIENTS = 120
_ROUNDS = 20
# Enough requests a round for all clients to be busy.
_ROUND = 100
# Few blocks and a small budget: prompts are computed in pieces, requests wait, are preempted and find prefixes.
_OPTIONS = BatchingEngineOptions(max_running=24, max_waiting=CLIENTS, cache_tokens=1024, token_budget=96)
_ALONE = BatchingEngineOptions(max_running=1, prefix_cache=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question is answered with.

    Attributes:
        tokens: ids.
        text: theirs, up to a stop string.
        reason: why it ended.
    """

    tokens: tuple[int, ...]
    text: str
    reason: FinishReason | None


async def answers_alone(model: Path, asked: Sequence[Question], on_answer: Callable[[], object]) -> list[Answer]:
    """Ask every question of an engine that has nothing else to do.

    Args:
        model: its folder.
        asked: the questions.
        on_answer: called after each.
    """
    engine = BatchingEngine(model, name="soak", options=_ALONE)
    await engine.start()
    try:
        answers = []
        for question in asked:
            answers.append(await _collect(engine, GenerationRequest("alone", question.prompt, question.sampling)))
            on_answer()
        return answers
    finally:
        await engine.stop()


async def soak(
    model: Path,
    asked: Sequence[Question],
    expected: Sequence[Answer],
    cases: Sequence[Case],
    on_end: Callable[[], object],
) -> Verdict:
    """Send all requests, many at once, in rounds; between rounds the engine is idle and its books are compared.

    Args:
        model: its folder.
        asked: the questions.
        expected: their answers.
        cases: the requests.
        on_end: called after each.

    Raises:
        IntegrityError: a block is lost or counted twice.
    """
    engine = BatchingEngine(model, name="soak", options=replace(_OPTIONS, check_when_idle=True))
    await engine.start()
    verdict = Verdict()
    try:
        size = max(_ROUND, -(-len(cases) // _ROUNDS))
        began_s = time.monotonic()

        async def ask(case: Case) -> None:
            await _one(engine, asked[case.question], expected[case.question], case, verdict)
            on_end()

        for first in range(0, len(cases), size):
            await ask_all(cases[first : first + size], CLIENTS, ask)
            await engine.check_integrity()
            usage, health = engine.stats().cache_usage, engine.health()
            if usage or health.running or health.waiting:
                verdict.differs(f"idle, and yet {usage:.1%} of the cache is held: {health}")
            verdict.levels.append(Level.of_this_process(min(first + size, len(cases))))
        stats = engine.stats()
        verdict.details = {
            "duration_s": round(time.monotonic() - began_s, 1),
            "steps": stats.steps,
            "generated_tokens": stats.generated_tokens,
            "preemptions": stats.preemptions,
            "prefix_hits_tokens": stats.prefix_hits,
        }
    finally:
        await engine.stop()
    return verdict


async def _one(engine: BatchingEngine, question: Question, expected: Answer, case: Case, verdict: Verdict) -> None:
    leaves_after = case.leaves_after if case.ending is Ending.LEAVES else None
    try:
        answer = await _collect(engine, _request(question, case), leaves_after)
    except (RequestTooLargeError, InvalidParameterError, DeadlineExceededError) as error:
        if case.ending in _ENDS_IN.get(type(error), ()):
            verdict.ended(case.ending.value)
        else:
            verdict.differs(f"{case} ended in {error!r}")
        return
    if leaves_after is not None and answer.tokens == expected.tokens[: len(answer.tokens)]:
        verdict.ended(case.ending.value)
    elif case.ending in {Ending.WHOLE, Ending.LATE} and answer == expected:
        verdict.ended("late, and answered in time" if case.ending is Ending.LATE else case.ending.value)
    else:
        verdict.differs(f"{case} is answered {answer}, alone {expected}")


_ENDS_IN: Mapping[type[EngineError], frozenset[Ending]] = {
    RequestTooLargeError: frozenset({Ending.OVERSIZED_PROMPT, Ending.OVERSIZED_OUTPUT}),
    InvalidParameterError: frozenset({Ending.UNKNOWN_ID}),
    DeadlineExceededError: frozenset({Ending.LATE}),
}


def _request(question: Question, case: Case) -> GenerationRequest:
    prompt, sampling = question.prompt, question.sampling
    match case.ending:
        case Ending.OVERSIZED_PROMPT:
            prompt = (11,) * (CONTEXT_TOKENS + case.leaves_after)
        case Ending.OVERSIZED_OUTPUT:
            sampling = replace(sampling, max_tokens=CONTEXT_TOKENS)
        case Ending.UNKNOWN_ID:
            prompt = (*prompt, VOCABULARY_SIZE)
    return GenerationRequest(
        f"soak-{case.number}",
        prompt,
        sampling,
        priority=case.priority,
        deadline=None if case.deadline_s is None else time.monotonic() + case.deadline_s,
        prefix_salt=case.tenant,
    )


async def _collect(engine: BatchingEngine, request: GenerationRequest, leaves_after: int | None = None) -> Answer:
    stream = await engine.generate(request)
    tokens: list[int] = []
    text, reason, deltas = "", None, 0
    try:
        while leaves_after is None or deltas < leaves_after:
            try:
                delta = await anext(stream)
            except StopAsyncIteration:
                break
            tokens += delta.token_ids
            text += delta.text
            reason = delta.finish_reason or reason
            deltas += 1
    finally:
        await stream.aclose()
    return Answer(tuple(tokens), text, reason)
