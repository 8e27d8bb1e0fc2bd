"""`fleet config`: what a stack file may say, and whether one is right."""

import json
from typing import Annotated

import typer

from fleet import console

app = typer.Typer(help="Stack files: their keys, their checks, their JSON Schema.", no_args_is_help=True)


@app.command()
def check(stacks: Annotated[list[str] | None, typer.Argument(help="Stacks; all by default")] = None) -> None:
    """Check stack files without running the engine.

    Example:
        fleet config check local
    """
    from fleet.stacks import known_stacks, stack_file  # noqa: PLC0415 - not needed for --help
    from infra.config import SettingsError, from_stack_file  # noqa: PLC0415

    wrong = 0
    for stack in stacks or known_stacks():
        try:
            from_stack_file(stack_file(stack))
        except SettingsError as error:
            wrong += 1
            console.error(str(error))
        else:
            console.note(f"Pulumi.{stack}.yaml is right")
    if wrong:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a stack file's `config`, for editors."""
    from infra.config import StackSettings  # noqa: PLC0415

    print(json.dumps(StackSettings.model_json_schema(by_alias=True), indent=2))  # noqa: T201 - a result


@app.command()
def explain(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False) -> None:
    """List every key with its meaning, type and default."""
    from pydantic import BaseModel  # noqa: PLC0415

    from infra.config import StackSettings  # noqa: PLC0415

    rows: list[dict[str, str]] = []

    def walk(model: type[BaseModel], prefix: str, joint: str) -> None:
        for name, field in model.model_fields.items():
            key = prefix + joint + (field.alias or name)
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                walk(inner, key, ".")
            else:
                default = "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
                rows.append({"key": key, "default": default, "meaning": field.description or ""})

    walk(StackSettings, "modelfleet", ":")
    console.result(rows, ["key", "default", "meaning"], as_json=as_json)
