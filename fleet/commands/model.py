"""`fleet model`: the demo model that ships with the repository."""

import typer

app = typer.Typer(help="The demo model: how it is trained.", no_args_is_help=True)

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""The training program reads its own options; importing it here for its help would import torch every time."""


@app.command(name="train-demo", context_settings=_PASSED_ON, add_help_option=False)
def train_demo(context: typer.Context) -> None:
    """Train models/demo-coder from scratch, then export, measure and describe it.

    `fleet model train-demo --help` lists the steps and their options.
    """
    from models.training.__main__ import main  # noqa: PLC0415

    main(context.args)
