"""Workloads on the engine in this process, as `fleet bench engine` and `fleet profile engine` run them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
import torch

from fleet.load_progress import LoadProgress, stop_on_signal
from loadtest.engine_run import EngineRound, EngineUnderTest, as_json
from loadtest.errors import LoadTestError
from loadtest.lengths import parse_lengths
from loadtest.workloads import WORKLOADS, Workload
from service.engine.interface import ModelLoadError
from service.engine.loading import BatchingEngineOptions
from service.engine.reference import LinearMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from service.engine.observed_runner import StepRecord


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """What is measured.

    Attributes:
        model: its folder.
        workload: what is asked of it in each round.
        rounds: how often, with other prompts each.
        linear_mode: how linear layers are multiplied; empty takes the engine's default.
        threads: of torch; 0 takes what this process may use.
        seed: of the first round's prompts.
        prefix_cache: whether requests find what earlier ones have computed.
    """

    model: Path
    workload: Workload
    rounds: int
    linear_mode: str
    threads: int
    seed: int
    prefix_cache: bool = True


def workload_of(name: str, requests: int, concurrency: int, prompt_tokens: str, output_tokens: str) -> Workload:
    """Give a workload by name, or one of one's own.

    Args:
        name: of `WORKLOADS`; empty takes what follows.
        requests: how many.
        concurrency: most that are computed at once; 0 takes all.
        prompt_tokens: their lengths.
        output_tokens: likewise.

    Raises:
        LoadTestError: there is no such workload.
        LengthsError: a length is not written as one.
    """
    if name and name not in WORKLOADS:
        raise LoadTestError(f"--workload {name}: there are {', '.join(WORKLOADS)}; or leave it out and give lengths")
    if name:
        return WORKLOADS[name]
    return Workload(
        "custom", requests, concurrency or requests, parse_lengths(prompt_tokens), parse_lengths(output_tokens)
    )


def run(
    plan: EnginePlan,
    on_step: Callable[[StepRecord], object] | None = None,
    around: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
) -> tuple[list[EngineRound], bool]:
    """Measure, showing progress on stderr.

    Args:
        plan: what.
        on_step: told each step of the measured rounds, in the engine's thread.
        around: entered for the measured rounds.

    Returns:
        The rounds that were whole, and whether there was an interruption.

    Raises:
        LoadTestError: the model can't be run, or a request failed.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return asyncio.run(_run(plan, on_step, around))
    except ModelLoadError as error:
        raise LoadTestError(f"{plan.model}: {error}") from None


async def _run(
    plan: EnginePlan,
    on_step: Callable[[StepRecord], object] | None,
    around: Callable[[], AbstractContextManager[object]],
) -> tuple[list[EngineRound], bool]:
    workload, rounds = plan.workload, []
    measuring = False

    def stepped(step: StepRecord) -> None:
        if measuring and on_step is not None:
            on_step(step)

    options = BatchingEngineOptions(
        max_running=workload.concurrency,
        max_waiting=workload.requests,
        threads=plan.threads,
        linear_mode=LinearMode(plan.linear_mode) if plan.linear_mode else None,
        prefix_cache=plan.prefix_cache,
        on_step=stepped,
    )
    async with EngineUnderTest(plan.model, options) as under_test:
        context_tokens = under_test.engine.model_info().context_tokens
        if workload.context_tokens > context_tokens:
            raise LoadTestError(
                f"{plan.model}: its context is {context_tokens} tokens, {workload.name} needs {workload.context_tokens}"
            )
        await under_test.warm_up(workload)
        total = workload.requests * plan.rounds
        with around(), stop_on_signal() as stop, LoadProgress(workload.name, total) as progress:
            measuring = True
            for number in range(plan.rounds):
                found = await under_test.run(workload, seed=plan.seed + number, stop=stop, on_outcome=progress.take)
                if stop.is_set():
                    break
                if failures := found.summary.failures:
                    raise LoadTestError(f"requests failed: {failures}: {found.summary.examples}")
                rounds.append(found)
    return rounds, stop.is_set()


def median_round(rounds: Sequence[EngineRound]) -> EngineRound:
    """Give the round of the median rate; the faster of two."""
    ordered = sorted(rounds, key=lambda each: each.summary.output_token_rate)
    return ordered[len(ordered) // 2]


def figures(plan: EnginePlan, rounds: Sequence[EngineRound], *, interrupted: bool) -> dict[str, Any]:
    """Give what was measured as a JSON object."""
    workload = plan.workload
    return {
        "model": str(plan.model),
        "workload": {
            "name": workload.name,
            "requests": workload.requests,
            "concurrency": workload.concurrency,
            "prompt_tokens": str(workload.prompt_tokens),
            "output_tokens": str(workload.output_tokens),
            "seed": plan.seed,
        },
        "linear_mode": plan.linear_mode or "default",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "interrupted": interrupted,
        "rounds": as_json(rounds),
    }
