"""`fleet model`: what makes a folder of weights a model that a stack can name, and the demo model's training."""

from pathlib import Path
from typing import Annotated

import typer

from fleet import console

app = typer.Typer(help="Models: manifests, and how the demo model is trained.", no_args_is_help=True)

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""The training program reads its own options; importing it here for its help would import torch every time."""


@app.command(name="train-demo", context_settings=_PASSED_ON, add_help_option=False)
def train_demo(context: typer.Context) -> None:
    """Train models/demo-coder from scratch, then export, measure and describe it.

    `fleet model train-demo --help` lists the steps and their options.

    Example:
        fleet model train-demo train --finish-within 60
    """
    from models.training.__main__ import main  # noqa: PLC0415

    main(context.args)


@app.command()
def manifest(
    folder: Annotated[Path, typer.Argument(help="Folder in Hugging Face layout: config.json, tokenizer, safetensors")],
    name: Annotated[str | None, typer.Option(help="The model's name; by default the folder's")] = None,
) -> None:
    """Write a folder's manifest.json, by which every file is checked wherever the model goes.

    The digest that is printed names the whole model: clouds want it as modelfleet:model.digest.

    Example:
        fleet model manifest ~/models/my-coder
    """
    from service.weights.manifest import MANIFEST_NAME, Manifest, ManifestError, digest_of  # noqa: PLC0415

    try:
        content = Manifest.of_folder(folder, name=name).to_bytes()
        (folder / MANIFEST_NAME).write_bytes(content)
    except (ManifestError, OSError) as error:
        raise console.FleetError(str(error)) from error
    console.note(f"{folder / MANIFEST_NAME} is written")
    console.out.print(digest_of(content), markup=False)
