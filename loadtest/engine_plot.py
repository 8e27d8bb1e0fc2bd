"""A round of the engine as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.plot import cumulative, new_figure

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.engine_run import EngineRound

_DECODE, _PREFILL = "#2b6ca3", "#b5432a"


def draw(measured: EngineRound, file: Path, *, title: str) -> None:
    """Draw latencies, and the engine's steps over time.

    Args:
        measured: a round of at least one step.
        file: a PNG.
        title: what was measured.

    Raises:
        LoadTestError: matplotlib isn't installed.
    """
    figure = new_figure(title)
    axes = figure.subplots(2, 2)
    cumulative(axes[0][0], [outcome.ttft_s for outcome in measured.outcomes], "time to first token")
    tpots_s = [tpot_s for outcome in measured.outcomes if (tpot_s := outcome.tpot_s) is not None]
    cumulative(axes[0][1], tpots_s, "time per output token")
    began_s = measured.steps[0].began_s
    for name, color, reads_prompts in (("decode", _DECODE, False), ("with pieces of prompts", _PREFILL, True)):
        steps = [step for step in measured.steps if (step.tokens > step.requests) is reads_prompts]
        axes[1][0].scatter(
            [step.began_s - began_s for step in steps],
            [step.duration_s * 1e3 for step in steps],
            s=6,
            color=color,
            label=name,
        )
    axes[1][0].set(xlabel="time [s]", ylabel="step [ms]", ylim=(0, None))
    axes[1][0].legend(frameon=False)
    times_s = [step.began_s - began_s for step in measured.steps]
    axes[1][1].step(times_s, [step.requests for step in measured.steps], where="post", color=_DECODE)
    axes[1][1].set(xlabel="time [s]", ylabel="requests in the step", ylim=(0, None))
    for each in axes[1]:
        each.grid(alpha=0.25)
    figure.savefig(file, metadata={"Software": None})
