"""A workload on the engine itself, in this process: what it does without a network and a server around it."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from loadtest import open_loop
from loadtest.open_loop import Load, Piece
from loadtest.outcome import FailureKind, Outcome, RequestFailedError
from loadtest.summary import Spread, Summary
from service.engine.batching_engine import BatchingEngine
from service.engine.interface import EngineError, GenerationRequest, SamplingParams

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from loadtest.workloads import PromptTask, Workload
    from service.engine.loading import BatchingEngineOptions
    from service.engine.observed_runner import StepRecord

_WARM_UP_SEED = -1


@dataclass(frozen=True, slots=True)
class EngineRound:
    """One pass of a workload.

    Attributes:
        outcomes: of its requests.
        steps: that the engine computed for it, in order.
    """

    outcomes: Sequence[Outcome]
    steps: Sequence[StepRecord]

    @property
    def summary(self) -> Summary:
        """What the outcomes mean together."""
        return Summary.of(self.outcomes)

    @property
    def step_s(self) -> Spread | None:
        """How long steps took to compute."""
        return Spread.of(step.duration_s for step in self.steps)

    @property
    def between_steps_s(self) -> Spread | None:
        """From the end of a step to the beginning of the next: what planning and settling cost."""
        return Spread.of(
            later.began_s - earlier.began_s - earlier.duration_s for earlier, later in itertools.pairwise(self.steps)
        )

    @property
    def occupancy(self) -> Spread | None:
        """Requests a step."""
        return Spread.of(step.requests for step in self.steps)

    @property
    def tokens_per_step(self) -> Spread | None:
        """Tokens a step, of prompts and of texts."""
        return Spread.of(step.tokens for step in self.steps)


class EngineUnderTest:
    """An engine in this process that tells its steps. A context manager."""

    def __init__(self, folder: Path, options: BatchingEngineOptions) -> None:
        """Make one that isn't loaded yet.

        Args:
            folder: of the model.
            options: how the engine runs; who else wants to be told of steps is told too.
        """
        self._steps: list[StepRecord] = []
        self._also = options.on_step
        self.engine = BatchingEngine(folder, name=folder.name, options=replace(options, on_step=self._stepped))
        self._numbers = itertools.count()

    async def __aenter__(self) -> Self:
        await self.engine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.stop()

    async def warm_up(self, workload: Workload) -> None:
        """Run a workload's shapes once, unmeasured: the first pass pays for memory and kernels' choices."""
        info = self.engine.model_info()
        tasks = workload.draw(vocabulary_size=info.vocabulary_size, seed=_WARM_UP_SEED)
        short = [replace(task, output_tokens=min(task.output_tokens, 4)) for task in tasks]
        await self._send(short, asyncio.Event(), lambda _: None)

    async def run(
        self, workload: Workload, *, seed: int, stop: asyncio.Event, on_outcome: Callable[[Outcome], object]
    ) -> EngineRound:
        """Send a workload's requests all at once and wait for their answers.

        Args:
            workload: what is asked.
            seed: of its prompts.
            stop: once set, what is in flight is given up.
            on_outcome: told each outcome.
        """
        outcomes: list[Outcome] = []

        def take(outcome: Outcome) -> None:
            outcomes.append(outcome)
            on_outcome(outcome)

        tasks = workload.draw(vocabulary_size=self.engine.model_info().vocabulary_size, seed=seed)
        self._steps = []
        await self._send(tasks, stop, take)
        return EngineRound(outcomes, self._steps)

    async def _send(
        self, tasks: Sequence[PromptTask], stop: asyncio.Event, on_outcome: Callable[[Outcome], object]
    ) -> None:
        await open_loop.run(self._ask, tasks, itertools.repeat(0.0), load=Load(), on_outcome=on_outcome, stop=stop)

    async def _ask(self, task: PromptTask) -> AsyncGenerator[Piece]:
        sampling = SamplingParams(temperature=0.0, max_tokens=task.output_tokens, ignore_eos=True)
        request = GenerationRequest(f"bench-{next(self._numbers)}", task.prompt_token_ids, sampling)
        try:
            stream = await self.engine.generate(request)
            try:
                async for delta in stream:
                    usage = delta.usage
                    yield Piece(bool(delta.token_ids), usage.prompt_tokens, usage.completion_tokens)
            finally:
                await stream.aclose()
        except EngineError as error:
            raise RequestFailedError(FailureKind.SERVER, str(error)) from None

    def _stepped(self, step: StepRecord) -> None:
        self._steps.append(step)
        if self._also is not None:
            self._also(step)


def as_json(rounds: Sequence[EngineRound]) -> list[dict[str, Any]]:
    """Give rounds as JSON, without their single requests and steps."""

    def spread(found: Spread | None) -> dict[str, float] | None:
        return None if found is None else asdict(found)

    return [
        {
            "steps": len(each.steps),
            "step_s": spread(each.step_s),
            "between_steps_s": spread(each.between_steps_s),
            "requests_per_step": spread(each.occupancy),
            "tokens_per_step": spread(each.tokens_per_step),
            "summary": each.summary.as_json(),
        }
        for each in rounds
    ]
