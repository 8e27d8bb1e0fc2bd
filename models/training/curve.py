"""The loss curve as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from models.training.results import CurvePoint


NAME = "loss.png"


def draw(points: list[CurvePoint], file: Path) -> None:
    """Loss over tokens, with the learning rate's share below it."""
    figure = Figure(figsize=(7.2, 4.4), dpi=110, layout="constrained")
    loss, rate = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    training = [(point.tokens / 1e6, point.training_loss) for point in points if point.training_loss is not None]
    held_out = [(point.tokens / 1e6, point.held_out_loss) for point in points if point.held_out_loss is not None]
    loss.plot(*zip(*training, strict=True), color="#9bb8d3", linewidth=0.8, label="training (mean since last point)")
    if held_out:
        loss.plot(*zip(*held_out, strict=True), color="#b5432a", marker="o", markersize=3, label="held out")
    loss.set(ylabel="loss [nats a token]", title="demo-coder: loss")
    loss.legend(frameon=False)
    loss.grid(alpha=0.25)
    rate.plot([point.tokens / 1e6 for point in points], [point.rate for point in points], color="#555555")
    rate.set(xlabel="tokens seen [millions]", ylabel="rate", ylim=(0, 1.1))
    rate.grid(alpha=0.25)
    figure.savefig(file, metadata={"Software": None})
