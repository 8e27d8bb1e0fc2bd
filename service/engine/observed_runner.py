"""A runner whose steps are told to whoever measures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.engine.step import Outcome, Runner, Step


class StepRecord(NamedTuple):
    """One step that was computed.

    Attributes:
        began_s: when, in seconds of `time.monotonic`.
        duration_s: how long it took to compute, sampling included and planning not.
        requests: that had a part in it.
        tokens: computed, of prompts and of texts.
        sampled: requests that got a token.
    """

    began_s: float
    duration_s: float
    requests: int
    tokens: int
    sampled: int


class ObservedRunner:
    """Implements `service.engine.step.Runner` by another one."""

    def __init__(self, runner: Runner, on_step: Callable[[StepRecord], object]) -> None:
        """Takes the runner that computes, and who is told after each step, in the engine's thread."""
        self._runner = runner
        self._on_step = on_step

    def run(self, step: Step) -> list[Outcome]:
        """See `Runner.run`."""
        began_s = time.monotonic()
        outcomes = self._runner.run(step)
        self._on_step(
            StepRecord(
                began_s,
                time.monotonic() - began_s,
                len(step.context_lens),
                len(step.token_ids),
                len(step.sampled_slots),
            )
        )
        return outcomes
