"""`python -m models.training`: train the demo model, measure and publish it, write its card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from models.training import demo, publication, run
from models.training.checkpoint import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Work = Annotated[
    Path | None, typer.Option(help="Folder of corpus, tokenizer and checkpoint; else in the user's cache.")
]
Folder = Annotated[Path, typer.Option(help="Model folder.")]
Seed = Annotated[int, typer.Option(help="Of weights and order.")]


@app.command()
def train(
    work: Work = None,
    finish_within: Annotated[float, typer.Option(min=0.1, help="Minutes that the training may take.")] = 90.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Number of steps instead of minutes.")] = None,
    seed: Seed = 0,
) -> None:
    """Train from scratch, or go on from the work folder's checkpoint. Ctrl-C keeps what was done."""
    console = Console(soft_wrap=True)
    made = run.make(work or demo.work_dir(), minutes=finish_within, steps=steps, seed=seed, console=console)
    if not made.finished:
        console.print(f"stopped after step {made.checkpoint.step}; the same command goes on from there")
        raise typer.Exit(130)


@app.command()
def publish(work: Work = None, folder: Folder = publication.DEMO_CODER, seed: Seed = 0) -> None:
    """Export the work folder's checkpoint as a model folder, measure it, write its card and manifest."""
    console = Console(soft_wrap=True)
    made = run.load(work or demo.work_dir(), seed=seed, console=console)
    results = publication.publish(made, folder, console=console)
    console.print(publication.summary(folder, results))


@app.command()
def card(folder: Folder = publication.DEMO_CODER) -> None:
    """Write loss curve, card and manifest anew from the folder's results.json."""
    publication.redescribe(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; an error of ours is one line."""
    try:
        app(arguments)
    except (CheckpointError, run.RunInUseError, publication.TooLargeError, ValidationError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", style="red", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
