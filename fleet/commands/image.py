"""`fleet image`: container images of this checkout."""

from typing import TYPE_CHECKING, Annotated

import typer

from fleet import console

if TYPE_CHECKING:
    from toolchain.images import BuiltImage

app = typer.Typer(help="Container images: build and push.", no_args_is_help=True)

_COLUMNS = ["image", "reference", "MB"]

Names = Annotated[list[str] | None, typer.Argument(help="Images (folders under images/); all by default")]


@app.command()
def build(
    names: Names = None,
    base: Annotated[str | None, typer.Option(help="Base image by digest, where a registry is reachable")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Build images; what is built already is taken as it is.

    Examples:
        fleet image build

        fleet image build server --base registry.example/python@sha256:...
    """
    from toolchain import images  # noqa: PLC0415 - not needed for --help

    built = [images.build(name, base=base, on_progress=console.note) for name in names or sorted(images.RECIPES)]
    console.result([_row(image) for image in built], _COLUMNS, as_json=as_json)


@app.command(name="list")
def list_images(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """List the images on this disk, the newest first.

    Example:
        fleet image list --json
    """
    from toolchain import images  # noqa: PLC0415

    console.result([_row(image) for image in images.list_built()], _COLUMNS, as_json=as_json)


@app.command()
def push(
    registry: Annotated[str, typer.Argument(help="Registry and optional path, such as registry.example/team")],
    names: Names = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Build images and push them; prints the references by digest.

    Example:
        fleet image push localhost:5000
    """
    from toolchain import images  # noqa: PLC0415

    pushed = {}
    for name in names or sorted(images.RECIPES):
        pushed[name] = images.push(images.build(name, on_progress=console.note), registry)
        if not as_json:
            console.out.print(pushed[name], markup=False, soft_wrap=True)
    if as_json:
        console.json_result(pushed)


def _row(image: "BuiltImage") -> dict[str, object]:
    return {
        "image": image.name,
        "reference": image.reference,
        "MB": round(image.size_bytes / 1e6),
        "archive": str(image.archive),
    }
