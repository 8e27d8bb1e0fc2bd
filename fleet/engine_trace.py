"""A trace of the engine's steps by torch's profiler."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.profiler import ProfilerActivity, profile

from service.engine import observed_runner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch.autograd.profiler_util import FunctionEvent

    from service.engine.observed_runner import StepRecord

# Every step's computing is a call of this file's, which the profiler names `path(line): function`.
_STEP = f"{Path(observed_runner.__file__).name}("
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


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
        self.operators = _of_engine(recorded.events() or [])
        self._profile = None


def _of_engine(events: Iterable[FunctionEvent]) -> list[OperatorTime]:
    """What the engine's thread did, the longest first; other threads' waiting would hide it."""
    recorded = list(events)
    engine = next((event.thread for event in recorded if _STEP in event.name), None)
    calls: Counter[str] = Counter()
    self_us: Counter[str] = Counter()
    device_us: Counter[str] = Counter()
    for event in recorded:
        if event.thread == engine or event.self_device_time_total:
            name = _ADDRESS.sub("", event.name)
            calls[name] += 1
            self_us[name] += event.self_cpu_time_total
            device_us[name] += event.self_device_time_total
    found = [OperatorTime(name, calls[name], self_us[name] / 1e3, device_us[name] / 1e3) for name in calls]
    return sorted(found, key=lambda operator: -(operator.self_ms + operator.device_ms))
