"""`fleet config`: what a stack file may say, and whether one is right."""

from typing import TYPE_CHECKING, Annotated

import typer

from fleet import console

if TYPE_CHECKING:
    from documents import Finding

app = typer.Typer(help="Stack files: their keys, their checks, their JSON Schema.", no_args_is_help=True)


@app.command()
def check(
    stacks: Annotated[list[str] | None, typer.Argument(help="Stacks; all by default")] = None,
    annotate: Annotated[bool, typer.Option(help="Also point at each line as GitHub's annotations do")] = False,
) -> None:
    """Check stack files, and the tenant files that name them, without running the engine.

    Examples:
        fleet config check

        fleet config check aws-us-east-1 global

        fleet config check --annotate    # in a workflow
    """
    from fleet.review.annotations import annotation  # noqa: PLC0415
    from fleet.stacks import known_stacks, stack_file  # noqa: PLC0415 - not needed for --help
    from infra.config import SettingsError, from_stack_file  # noqa: PLC0415
    from tenants import TenantFolder  # noqa: PLC0415
    from toolchain.locations import clone_dir  # noqa: PLC0415

    wrong = 0
    found: list[Finding] = []
    for stack in stacks or known_stacks():
        try:
            from_stack_file(stack_file(stack))
        except SettingsError as error:
            wrong += 1
            console.error(str(error))
            found += error.findings
        else:
            console.note(f"Pulumi.{stack}.yaml is right")
    if not stacks and not wrong and (lost := TenantFolder(clone_dir()).hosted_nowhere(known_stacks())):
        wrong += len(lost)
        console.error("\n".join(map(str, lost)))
        found += lost
    if annotate:
        for finding in dict.fromkeys(found):  # a tenant's file is read with each of its stacks
            print(annotation(finding))  # noqa: T201 - GitHub's runner reads them from stdout
    if wrong:
        raise typer.Exit(1)


@app.command()
def schema(
    check_only: Annotated[bool, typer.Option("--check", help="Change nothing; fail if a file isn't current")] = False,
    printed: Annotated[
        str | None, typer.Option("--print", help="Print one instead: stack, tenant, waves or scenario")
    ] = None,
) -> None:
    """Write the JSON Schemas of stack files, tenant files, waves and scenarios, which editors read, to schemas/.

    Examples:
        fleet config schema

        fleet config schema --check

        fleet config schema --print stack
    """
    from infra.config.schema import schemas  # noqa: PLC0415
    from rehearsal import scenario  # noqa: PLC0415
    from release import schema as waves  # noqa: PLC0415
    from toolchain.locations import clone_dir  # noqa: PLC0415

    texts = {**schemas(), waves.NAME: waves.schema_text(), scenario.SCHEMA: scenario.schema()}
    if printed is not None:
        if (file := f"{printed}.schema.json") not in texts:
            raise console.FleetError(f"{printed!r} has no schema; there are: stack, tenant, waves, scenario")
        print(texts[file], end="")  # noqa: T201 - a result
        return
    stale = 0
    for name, text in texts.items():
        file = clone_dir() / "schemas" / name
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            console.note(f"schemas/{name} is current")
        elif check_only:
            stale += 1
            console.error(f"schemas/{name} is not what the settings say: run `fleet config schema` and commit it")
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            console.note(f"schemas/{name} is written")
    if stale:
        raise typer.Exit(1)


@app.command()
def explain(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False) -> None:
    """List every key of a stack file with its meaning and default.

    Example:
        fleet config explain --json
    """
    from infra.config.keys import described_keys  # noqa: PLC0415

    rows = [{"key": key.path, "default": key.default, "meaning": key.meaning} for key in described_keys()]
    console.result(rows, ["key", "default", "meaning"], as_json=as_json)
