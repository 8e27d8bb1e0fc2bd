"""An open-loop load on a server, with its progress, and what is left of it when it is interrupted."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from fleet.load_progress import LoadProgress, stop_on_signal
from loadtest import open_loop
from loadtest.arrivals import poisson
from loadtest.openai_client import OpenAIClient, Target
from loadtest.prompts import PromptWriter
from loadtest.randomness import seeded
from loadtest.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtest.lengths import Lengths
    from loadtest.openai_client import TextTask
    from loadtest.outcome import Outcome
    from loadtest.slo import Slo

# Beyond it, waiting for the client's own turn begins to show in a time to first token.
_LATE_CLIENT_S = 0.010


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What is asked of a server, and when.

    Attributes:
        target: whom to ask.
        model: its model; empty takes the first that it lists.
        requests: how many are measured.
        warm_up: requests before them, one after the other, that are not.
        rate_per_s: of arrivals; infinite sends all at once.
        prompt_tokens: lengths of prompts, each its own.
        shared_tokens: with which all prompts begin besides.
        output_tokens: lengths of answers.
        load: limits.
        slo: what counts as served well.
        seed: of prompts, lengths and arrivals.
    """

    target: Target
    model: str
    requests: int
    warm_up: int
    rate_per_s: float
    prompt_tokens: Lengths
    shared_tokens: int
    output_tokens: Lengths
    load: open_loop.Load
    slo: Slo | None
    seed: int


@dataclass(slots=True)
class ServeResult:
    """What was measured.

    Attributes:
        plan: what was asked.
        model: that was asked.
        prompts: how prompts were made to length.
        outcomes: of requests that have ended.
        abandoned: requests given up by an interruption.
        interrupted: whether there was one.
    """

    plan: ServePlan
    model: str
    prompts: PromptWriter
    outcomes: list[Outcome] = field(default_factory=list)
    abandoned: int = 0
    interrupted: bool = False

    @property
    def summary(self) -> Summary:
        """What it means together."""
        return Summary.of(self.outcomes, slo=self.plan.slo, abandoned=self.abandoned)

    def as_json(self) -> dict[str, Any]:
        """Give all but the single requests as a JSON object."""
        plan = self.plan
        return {
            "target": {"url": plan.target.base_url, "api": plan.target.api.value, "model": self.model},
            "load": {
                "requests": plan.requests,
                "rate_per_s": str(plan.rate_per_s),
                "arrivals": "poisson",
                "concurrency": plan.load.concurrency,
                "timeout_s": plan.load.timeout_s,
                "prompt_tokens": str(plan.prompt_tokens),
                "shared_tokens": plan.shared_tokens,
                "output_tokens": str(plan.output_tokens),
                "ignore_eos": plan.target.ignore_eos,
                "temperature": plan.target.temperature,
                "seed": plan.seed,
                "slo": str(plan.slo) if plan.slo else None,
            },
            "prompts": asdict(self.prompts),
            "latency": "from the intended start",
            "interrupted": self.interrupted,
            "summary": self.summary.as_json(),
        }

    def warnings(self) -> Iterator[str]:
        """Tell what a reader of the figures should know."""
        if self.interrupted:
            unsent = self.plan.requests - len(self.outcomes) - self.abandoned
            yield f"interrupted: {self.abandoned} requests were given up and {unsent} never sent; none of them counts"
        delay_s = self.summary.client_delay_s
        if delay_s is not None and delay_s.p99 > _LATE_CLIENT_S:
            why = (
                f"{self.plan.load.concurrency} were in flight already; latencies hold the wait"
                if self.plan.load.concurrency
                else "this client could not keep up; latencies hold its slowness: use a lower rate, or several clients"
            )
            yield f"1 % of the requests were sent {delay_s.p99 * 1e3:.0f} ms late or more: {why}"


def run(plan: ServePlan) -> ServeResult:
    """Measure, showing progress on stderr; an interruption ends it with what is known by then.

    Raises:
        LoadTestError: the server can't be measured.
    """
    return asyncio.run(_run(plan))


async def _run(plan: ServePlan) -> ServeResult:
    async with OpenAIClient(plan.target) as client:
        model = await client.choose_model(plan.model)
        writer = await PromptWriter.calibrate(client.ask, seed=plan.seed)
        tasks = writer.tasks(
            plan.warm_up + plan.requests,
            plan.prompt_tokens,
            plan.output_tokens,
            shared_tokens=plan.shared_tokens,
            seed=plan.seed,
        )
        for task in tasks[: plan.warm_up]:
            async for _ in client.ask(task):
                pass
        result = ServeResult(plan, model, writer)
        await _measure(client, tasks[plan.warm_up :], result)
    return result


async def _measure(client: OpenAIClient, tasks: Sequence[TextTask], result: ServeResult) -> None:
    plan = result.plan
    arrivals = poisson(plan.rate_per_s, seeded(f"arrivals {plan.seed}"))
    with stop_on_signal() as stop, LoadProgress("requests", len(tasks)) as progress:

        def take(outcome: Outcome) -> None:
            result.outcomes.append(outcome)
            progress.take(outcome)

        result.abandoned = await open_loop.run(client.ask, tasks, arrivals, load=plan.load, on_outcome=take, stop=stop)
    result.interrupted = stop.is_set()
