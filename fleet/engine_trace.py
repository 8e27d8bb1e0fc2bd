"""A trace of the engine's steps by torch's profiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.profiler import ProfilerActivity, profile

if TYPE_CHECKING:
    from pathlib import Path

    from service.engine.observed_runner import StepRecord


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """How long an operator took over all traced steps.

    Attributes:
        name: of the operator.
        calls: how often it was called.
        self_ms: processor time in it and in nothing that it calls.
        device_ms: time on the GPU that it started.
    """

    name: str
    calls: int
    self_ms: float
    device_ms: float


class StepTrace:
    """Traces some of the engine's steps. Its `on_step` is called in the engine's thread, which is what it records."""

    def __init__(self, file: Path, *, first: int, steps: int) -> None:
        """Make a trace that hasn't begun.

        Args:
            file: Chrome's trace format, as JSON; ending in .gz it is compressed.
            first: steps that are let pass.
            steps: steps that are recorded.
        """
        self._file = file
        self._first = first
        self._last = first + steps
        self._seen = 0
        self._profile: profile | None = None
        self.operators: list[OperatorTime] = []

    def on_step(self, step: StepRecord) -> None:
        """Begin after the first steps, end after the last, and write then."""
        del step
        self._seen += 1
        if self._seen == self._first:
            activities = [ProfilerActivity.CPU]
            if torch.cuda.is_available():
                activities.append(ProfilerActivity.CUDA)
            self._profile = profile(activities=activities, with_stack=True)
            self._profile.start()
        elif self._seen == self._last and self._profile is not None:
            self._finish(self._profile)

    @property
    def complete(self) -> bool:
        """Whether enough steps came to write the file."""
        return self._seen >= self._last

    def _finish(self, recorded: profile) -> None:
        recorded.stop()
        recorded.export_chrome_trace(str(self._file))
        self.operators = sorted(
            (
                OperatorTime(
                    event.key, event.count, event.self_cpu_time_total / 1e3, event.self_device_time_total / 1e3
                )
                for event in recorded.key_averages()
            ),
            key=lambda operator: -(operator.self_ms + operator.device_ms),
        )
        self._profile = None
