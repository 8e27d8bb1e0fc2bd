"""`fleet review` and `fleet drift`: what the workflows say of a change, and of a cloud that changed by itself."""

from pathlib import Path
from typing import Annotated

import typer

from fleet import console

app = typer.Typer(
    help="A change as reviewers see it: the stacks that it touches, their plans in one comment.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]

_DRIFTS = 2
"""Exit status of `fleet drift` where something differs: told apart from a failure."""
_DRIFT = """Look whether the cloud is still what the state says, and the state what the files say; nothing is touched.

Ends with 0 if nothing differs, 2 if something does, 1 if it couldn't be looked at.

Examples:

    fleet drift aws-us-east-1
    fleet drift aws-us-east-1 --save plans/aws-us-east-1.json --issue    # in a scheduled job
"""
_COLUMNS = ["stack", "cloud", "kind", "environment", "account", "region"]


def register(top: typer.Typer) -> None:
    """Add `fleet drift` to the top level."""
    top.command(help=_DRIFT)(drift)


@app.command()
def stacks(
    base: Annotated[str, typer.Option(help="Branch or commit that the change goes into")] = "origin/main",
    head: Annotated[str, typer.Option(help="Branch or commit with the change")] = "HEAD",
    every: Annotated[bool, typer.Option("--all", help="Every stack of a cloud, whatever has changed")] = False,
    only: Annotated[str, typer.Option(help="Count only what has changed below this folder")] = "",
    matrix: Annotated[bool, typer.Option(help="Print a job matrix, on one line, for $GITHUB_OUTPUT")] = False,
    as_json: AsJson = False,
) -> None:
    """List the stacks that a change touches; local ones are left out.

    Examples:
        fleet review stacks --base origin/main

        fleet review stacks --base "$BEFORE" --only tenants

        echo "matrix=$(fleet review stacks --matrix)" >> "$GITHUB_OUTPUT"
    """
    import json  # noqa: PLC0415 - none of these is needed for --help

    from fleet.review.affected import affected, as_matrix, changed_files, every_target  # noqa: PLC0415
    from toolchain.locations import clone_dir  # noqa: PLC0415

    root = clone_dir()
    if every:
        found = every_target(root)
    else:
        inside = f"{only.rstrip('/')}/" if only else ""
        changed = [file for file in changed_files(root, base, head) if file.startswith(inside)]
        found = affected(root, changed, base=base)
    if matrix:
        print(json.dumps(as_matrix(found), separators=(",", ":")))  # noqa: T201 - a result
        return
    console.result([each.as_row() for each in found], _COLUMNS, as_json=as_json)


@app.command()
def comment(
    plans: Annotated[
        list[Path] | None, typer.Argument(help="Files that `fleet preview STACK --save FILE` wrote")
    ] = None,
    stacks: Annotated[
        str, typer.Option(help="Stacks that should have been planned, comma between; one without a plan is told")
    ] = "",
    pull: Annotated[int | None, typer.Option(help="Pull request to write it to; printed if there is none")] = None,
    costs: Annotated[
        Path | None, typer.Option(help="Folder with <stack>.md: what each would cost more or less")
    ] = None,
    commit: Annotated[str, typer.Option(help="The commit that was planned")] = "",
) -> None:
    """Tell what a change would do to each stack, in one comment that is updated in place.

    Examples:
        fleet review comment plans/*.json

        fleet review comment plans/*.json --pull 42 --commit "$GITHUB_SHA"

        fleet review comment plans/*.json --stacks aws-us-east-1,global --pull 42
    """
    from fleet.review.comment import MARK  # noqa: PLC0415
    from fleet.review.comment import comment as written  # noqa: PLC0415
    from fleet.review.github import GitHub  # noqa: PLC0415
    from fleet.review.plan import Plan  # noqa: PLC0415

    read = [Plan.read(file) for file in plans or ()]
    expected = filter(None, (name.strip() for name in stacks.split(",")))
    read += [Plan.missing(name) for name in sorted({*expected} - {plan.stack for plan in read})]
    texts = {file.stem: file.read_text(encoding="utf-8") for file in costs.glob("*.md")} if costs else {}
    text = written(read, costs=texts, commit=commit)
    if pull is None:
        print(text, end="")  # noqa: T201 - a result
        return
    with GitHub.of_environment() as github:
        console.step(f"the comment is at {github.put_comment(pull, MARK, text)}")


def drift(
    stack: Annotated[str, typer.Argument(help="Stack, as in Pulumi.<stack>.yaml")],
    save: Annotated[Path | None, typer.Option(help="File to write what differs to, as `fleet preview --save`")] = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Open, update or close the stack's issue on GitHub (GH_TOKEN)")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for drift."""
    from fleet.review.drift import report  # noqa: PLC0415
    from fleet.review.github import GitHub, job_address  # noqa: PLC0415
    from fleet.review.plan import Plan  # noqa: PLC0415
    from fleet.stacks import Stack  # noqa: PLC0415

    plan = Plan.of_preview(stack, Stack.open(stack, create=False).drift)
    if save is not None:
        plan.save(save)
    if issue:
        with GitHub.of_environment() as github:
            if address := report(github, plan, job_address()):
                console.note(f"the stack's issue is at {address}")
    if as_json:
        console.json_result(plan.model_dump())
    if plan.error:
        raise console.FleetError(plan.error)
    console.step(f"{stack}: {plan.headline}")
    if plan.changes:
        raise typer.Exit(_DRIFTS)
