"""`fleet up`, `preview`, `refresh`, `down`, `complete`, `output`, `env`: a stack's life."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fleet import console

StackName = Annotated[str, typer.Argument(help="Stack, as in Pulumi.<stack>.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")]

_UP = """Bring a stack to what its file says.

Builds what is missing, repairs what a killed update left, runs the engine, and prints the endpoint.

Examples:

    fleet up                # the local stack
    fleet up local --yes    # without asking, as `make up` does
"""
_PREVIEW = """Show what `fleet up` would change; nothing is touched.

Examples:

    fleet preview local
    fleet preview aws-us-east-1 --save plans/aws-us-east-1.json
"""
_DOWN = """Delete every resource of a stack. The embedded cluster ends with all its data.

A cloud's keys, buckets, registries and databases are protected twice, and stay in the way of this. --delete-data lifts
both protections, empties buckets, deletes everything, and lists what the cloud keeps nevertheless. It wants the
stack's name typed, or given by --confirm; --yes is no answer to it.

Examples:

    fleet down local --yes
    fleet down aws-us-east-1 --delete-data
    fleet down aws-us-east-1 --delete-data --confirm aws-us-east-1 --json
"""
_REFRESH = """Bring the state up to what is really there; nothing else is touched.

Example:

    fleet refresh local
"""
_OUTPUT = """Print a stack's outputs as JSON; secrets only with --show-secrets.

Examples:

    fleet output local
    fleet output local --show-secrets | jq -r .kubeconfig > kubeconfig
"""
_ENV = """Print the environment of the plain Pulumi CLI, for a shell to read; or put a shell into a rehearsal.

Examples:

    eval "$(fleet env)"; pulumi preview --stack local
    eval "$(fleet env --rehearsal drill)"; fleet up gcp-account --yes; fleet drift gcp-account    # all of it simulated
"""
_COMPLETE = """Ask a stack's model to go on with a text, through its load balancer.

Examples:

    fleet complete 'def fibonacci(n):'
    fleet complete --max-tokens 200 --temperature 0.7 'class Stack:'
    fleet complete --show-access      # and how to do it with curl
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the top level."""
    app.command(help=_UP)(up)
    app.command(help=_PREVIEW)(preview)
    app.command(help=_REFRESH)(refresh)
    app.command(help=_DOWN)(down)
    app.command(help=_COMPLETE)(complete)
    app.command(help=_OUTPUT)(output)
    app.command(help=_ENV)(env)


def up(stack: StackName = "local", yes: Yes = False, as_json: AsJson = False) -> None:
    """Bring a stack up."""
    from fleet.stacks import Stack  # noqa: PLC0415 - the engine's part of the program, not needed for --help

    if not yes:
        typer.confirm(f"Bring stack {stack} to what Pulumi.{stack}.yaml says?", abort=True, default=True)
    start = time.monotonic()
    console.step(f"stack {stack}")
    summary = Stack.open(stack, create=True, changes=True).up()
    console.step(f"stack {stack} is up: {summary}, {time.monotonic() - start:.0f} s in all")
    if as_json:
        console.json_result({"stack": stack, "changes": summary.changes, "duration_s": summary.duration_s})


def preview(
    stack: StackName = "local",
    save: Annotated[Path | None, typer.Option(help="File for the plan, which `fleet review comment` reads")] = None,
    as_json: AsJson = False,
) -> None:
    """Preview a stack."""
    from fleet.review.plan import Plan  # noqa: PLC0415
    from fleet.stacks import Stack  # noqa: PLC0415

    with Stack.for_preview(stack) as opened:
        if save is None:
            plan = Plan.of(stack, opened.preview())
        else:
            plan = Plan.of_preview(stack, opened.preview)
            plan.save(save)
    if as_json:
        console.json_result({**plan.model_dump(), "stack": stack, "counts": plan.counts})
    if plan.error:
        raise console.FleetError(plan.error)
    console.step(f"{stack}: {plan.headline}")


def refresh(stack: StackName = "local") -> None:
    """Refresh a stack."""
    from fleet.stacks import Stack  # noqa: PLC0415

    console.step(f"stack {stack} is refreshed: {Stack.open(stack, create=False, changes=True).refresh()}")


def down(
    stack: StackName = "local",
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Lift the protection of data, and delete it for good")
    ] = False,
    confirm: Annotated[str, typer.Option(help="With --delete-data: the stack's name, instead of typing it")] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take a stack down."""
    from fleet.confirmation import confirm_by_name  # noqa: PLC0415
    from fleet.stacks import Stack, StackUnknownError  # noqa: PLC0415

    if delete_data:
        confirm_by_name(stack, confirm, f"all data of {stack}, keys and backups too")
    elif not yes:
        typer.confirm(f"Delete every resource of stack {stack}?", abort=True)
    try:
        opened = Stack.open(stack, create=False, changes=True)
    except StackUnknownError as error:
        console.note(f"nothing to do: {error}")
        return
    summary, left = opened.down_with_data() if delete_data else (opened.down(), [])
    console.step(f"stack {stack} is down: {summary}")
    rows = [each.as_row() for each in left]
    if as_json:
        console.json_result(
            {"stack": stack, "changes": dict(summary.changes), "duration_s": summary.duration_s, "remains": rows}
        )
    elif rows:
        console.note("what the cloud keeps:")
        console.result(rows, list(rows[0]), as_json=False)


def complete(
    prompt: Annotated[str, typer.Argument(help="Text to go on with")] = "def fibonacci(n):",
    stack: Annotated[str, typer.Option(help="Stack to ask")] = "local",
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens at most")] = 64,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0 always takes the likeliest token")] = 0.0,
    show_access: Annotated[bool, typer.Option(help="Also print the endpoint, a key and a curl line")] = False,
    as_json: AsJson = False,
) -> None:
    """Complete a text."""
    from fleet.access import Access, timed  # noqa: PLC0415
    from fleet.stacks import Stack  # noqa: PLC0415

    opened = Stack.open(stack, create=False)
    opened.check_awake()
    access = Access.of(stack, opened.engine.outputs(stack))
    pieces = list(timed(access.complete(prompt, max_tokens=max_tokens, temperature=temperature)))
    text = "".join(piece for _, piece in pieces)
    first_s = pieces[0][0] if pieces else None
    if as_json:
        console.json_result({"prompt": prompt, "text": text, "time_to_first_piece_s": first_s})
        return
    if show_access:
        for title, value in (
            ("endpoint", f"{access.endpoint}/v1"),
            ("key", access.key),
            ("trust", access.ca_file or "public authorities"),
            ("try", access.curl(prompt, max_tokens=max_tokens, temperature=temperature)),
        ):
            console.out.print(Text.assemble((f"{title:<10}", "bold"), str(value)), soft_wrap=True)
        console.out.print()
    console.out.print(prompt + text, markup=False, soft_wrap=True)


def output(
    stack: StackName = "local",
    show_secrets: Annotated[bool, typer.Option(help="Print keys and the kubeconfig in plain text")] = False,
) -> None:
    """Print outputs as JSON."""
    from fleet.stacks import Stack  # noqa: PLC0415

    opened = Stack.open(stack, create=False)
    secret = {"apiKeys", "kubeconfig"}
    values = opened.engine.outputs(stack)
    console.json_result(
        {key: value if show_secrets or key not in secret else "[secret]" for key, value in values.items()}
    )


def env(
    rehearsal: Annotated[
        str | None, typer.Option(help="Print what puts every `fleet` of this shell into a rehearsal of this name")
    ] = None,
) -> None:
    """Print shell exports."""
    from fleet import rehearsed  # noqa: PLC0415
    from toolchain.pulumi_home import choose_flavour, shell_exports  # noqa: PLC0415

    if rehearsal is None and (world := rehearsed.rehearsed_world()) is not None:
        raise console.FleetError(
            f"this shell is in rehearsal {world.folder.name}, which the plain engine would leave: `fleet pulumi STACK` "
            "runs it inside; unset MODELFLEET_REHEARSAL to work on real stacks"
        )
    text = shell_exports(choose_flavour()) if rehearsal is None else rehearsed.exports(rehearsed.begin(rehearsal))
    print(text)  # noqa: T201 - read by a shell
