"""Outcomes as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import LoadTestError
from loadtest.slo import Slo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from loadtest.outcome import Outcome


_LINE, _LIMIT, _FAILED = "#2b6ca3", "#b5432a", "#b5432a"
_BINS = 60


def draw(outcomes: Sequence[Outcome], file: Path, *, title: str, slo: Slo | None) -> None:
    """Draw how latencies are spread, and how they and the throughput went over time.

    Args:
        outcomes: of requests that have ended; at least one.
        file: a PNG.
        title: what was measured.
        slo: whose limits are drawn in.

    Raises:
        LoadTestError: matplotlib isn't installed.
    """
    figure = new_figure(title)
    slo = slo or Slo()
    axes = figure.subplots(2, 2)
    whole = [outcome for outcome in outcomes if outcome.failure is None]
    cumulative(axes[0][0], [outcome.ttft_s for outcome in whole], "time to first token", slo.ttft)
    tpots_s = [tpot_s for outcome in whole if (tpot_s := outcome.tpot_s) is not None]
    cumulative(axes[0][1], tpots_s, "time per output token", slo.tpot)
    _over_time(axes[1][0], outcomes)
    _throughput(axes[1][1], outcomes)
    figure.savefig(file, metadata={"Software": None})


def new_figure(title: str) -> Figure:
    """Give an empty picture.

    Raises:
        LoadTestError: matplotlib isn't installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - 0.3 s, and only a picture needs it
    except ImportError:
        raise LoadTestError(
            "a picture needs matplotlib, which `make setup-all` installs; or leave it out: --no-plot"
        ) from None
    figure = Figure(figsize=(10, 6.4), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=10)
    return figure


def cumulative(axes: Axes, samples_s: Sequence[float], name: str, limit_s: float | None = None) -> None:
    """Draw the share of requests that took at most so long."""
    axes.ecdf([sample_s * 1e3 for sample_s in samples_s] or [0.0], color=_LINE)
    if limit_s is not None:
        axes.axvline(limit_s * 1e3, color=_LIMIT, linewidth=0.9, linestyle="--", label="objective")
        axes.legend(frameon=False)
    axes.set(xlabel=f"{name} [ms]", ylabel="share of requests", ylim=(0, 1.02))
    axes.grid(alpha=0.25)


def _over_time(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    for failed, color, label in ((False, _LINE, "answered"), (True, _FAILED, "failed")):
        shown = [outcome for outcome in outcomes if (outcome.failure is not None) is failed]
        if shown:
            axes.scatter(
                [outcome.intended_s for outcome in shown],
                [outcome.latency_s for outcome in shown],
                s=6,
                color=color,
                marker="x" if failed else "o",
                label=label,
            )
    axes.set(xlabel="intended start [s]", ylabel="end-to-end latency [s]")
    axes.legend(frameon=False)
    axes.grid(alpha=0.25)


def _throughput(axes: Axes, outcomes: Sequence[Outcome]) -> None:
    end_s = max(outcome.ended_s for outcome in outcomes) or 1.0
    bins = [end_s * edge / _BINS for edge in range(_BINS + 1)]
    times_s, weights = [], []
    for outcome in outcomes:
        # A piece may hold several tokens: the request's tokens are spread evenly over its pieces.
        times_s += outcome.pieces_s
        weights += [outcome.output_tokens / len(outcome.pieces_s) * _BINS / end_s for _ in outcome.pieces_s]
    axes.hist(times_s, bins=bins, weights=weights, histtype="stepfilled", color=_LINE, alpha=0.35)
    axes.set(xlabel="time [s]", ylabel="output tokens a second")
    in_flight = axes.twinx()
    in_flight.plot(
        bins, [sum(each.sent_s <= at_s < each.ended_s for each in outcomes) for at_s in bins], color="#555555", lw=0.9
    )
    in_flight.set(ylabel="requests in flight (line)", ylim=(0, None))
    axes.grid(alpha=0.25)
