"""`fleet model`: the demo model that ships with the repository."""

import typer

app = typer.Typer(help="The demo model: how it is trained.", no_args_is_help=True)


@app.command(
    name="train-demo",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def train_demo(context: typer.Context) -> None:
    """Train models/demo-coder from scratch; `fleet model train-demo --help` lists the options."""
    from models.training.__main__ import main  # noqa: PLC0415 - imports torch

    raise typer.Exit(main(context.args) or 0)
