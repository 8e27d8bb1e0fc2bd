"""The learning rate over a run: warm-up, stable, linear decay (WSD: Hu et al. 2024, "MiniCPM").

The decay may begin at any time, so a run need not know beforehand how many steps a machine makes: it either has a
number of steps (then it is repeatable to the bit on one machine) or a deadline (then the clock decides).
"""

from __future__ import annotations

from dataclasses import dataclass

WARM_UP_STEPS = 100
DECAY_SHARE = 0.3
"""Of the whole run; 20 to 30 % is enough to reach a cosine schedule's loss (Hägele et al. 2024)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a run ends; exactly one of `steps` and `deadline_s` is set."""

    steps: int | None
    """Number of steps in all."""
    deadline_s: float | None
    """Point in time, on the clock that the trainer was given."""
    decay_s: float = 0.0
    """With a deadline: how long before it the decay begins."""

    def __post_init__(self) -> None:
        """Refuse a schedule without an end, or with two."""
        if (self.steps is None) == (self.deadline_s is None):
            raise ValueError("a schedule has either a number of steps or a deadline")

    def factor(self, step: int, now_s: float) -> float:
        """Share of the peak learning rate for this step (from 0) at this time."""
        warm = min(1.0, (step + 1) / WARM_UP_STEPS)
        if self.steps is not None:
            decay = max(1.0, self.steps * DECAY_SHARE)
            return warm * min(1.0, max(0.0, (self.steps - step) / decay))
        left = (self.deadline_s or 0.0) - now_s
        return warm * min(1.0, max(0.0, left / self.decay_s)) if self.decay_s else warm

    def ended(self, step: int, now_s: float) -> bool:
        """Whether this step is not to be made any more."""
        if self.steps is not None:
            return step >= self.steps
        return now_s >= (self.deadline_s or 0.0)
