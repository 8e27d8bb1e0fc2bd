"""Train and publish in one go: what `fleet model train-demo` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.training import publication, run
from toolchain.locations import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


def work_dir() -> Path:
    """Where a run keeps its corpus, tokenizer and checkpoint."""
    return cache_dir() / "train-demo"


def train_demo(
    *, minutes: float, console: Console, work: Path | None = None, folder: Path | None = None, seed: int = 0
) -> bool:
    """Train the demo model (or go on), then export, measure and describe it.

    Args:
        minutes: that training may take; measuring takes some more.
        console: where progress is shown.
        work: see `work_dir`.
        folder: model folder, models/demo-coder in the repository unless given.
        seed: of weights and order.

    Returns:
        False when it was stopped by Ctrl-C: calling again goes on from there.

    Raises:
        checkpoint.CheckpointError: the work folder holds another run's state.
        run.RunInUseError: another process trains there.
        publication.TooLargeError: the model is larger than the repository takes.
        OSError: disk full or no permission.
    """
    made = run.make(work or work_dir(), minutes=minutes, steps=None, seed=seed, console=console)
    if not made.finished:
        console.print(f"stopped after step {made.checkpoint.step}; the same command goes on from there")
        return False
    target = folder or publication.DEMO_CODER
    results = publication.publish(made, target, console=console)
    console.print(publication.summary(target, results))
    return True
