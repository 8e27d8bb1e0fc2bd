"""`fleet pulumi`: the plain engine on one stack, for what `fleet` has no word for."""

from typing import Annotated, Final

import typer

_OPERATIONS: Final = frozenset({"destroy", "import", "preview", "refresh", "up"})
"""What reads the stack's file: it gets the one for the engine (`fleet/run_config.py`)."""

_PULUMI = """Run the plain engine on a stack: its backend, its plugins, its file, in a rehearsal those of that.

All that follows the stack is the engine's own command line, which gets `--stack` by this. Nothing is repaired before
and no policy is applied: `fleet up` does both. It runs in the folder of the project, so give whole paths of files, or
let the shell read and write them.

Examples:

    fleet pulumi aws-account stack export > state.json
    fleet pulumi aws-account stack import < state.json
    fleet pulumi aws-account import aws:s3/bucket:Bucket logs modelfleet-logs --generate-code=false
    fleet pulumi aws-account stack --show-urns
"""


def register(app: typer.Typer) -> None:
    """Add the command to the top level."""
    app.command(
        help=_PULUMI, name="pulumi", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
    )(pulumi)


def pulumi(
    stack: Annotated[str, typer.Argument(help="Stack, as in Pulumi.<stack>.yaml")],
    arguments: Annotated[list[str], typer.Argument(help="What the engine is to do")],
) -> None:
    """Run the plain engine."""
    from fleet.exclusive import exclusive  # noqa: PLC0415 - the engine's part of the program, not needed for --help
    from fleet.stacks import Stack  # noqa: PLC0415

    opened = Stack.open(stack, create=False, changes=True)
    with exclusive(stack), opened.config.file() as file:
        own = ("--config-file", str(file)) if arguments[0] in _OPERATIONS else ()
        status = opened.engine.plain(*arguments, "--stack", stack, *own)
    raise typer.Exit(status)
