"""`fleet sweep`, `repair` and `unlock`: what an update or a destroy that failed left behind."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from fleet import console
from fleet.confirmation import confirm_by_name

StackName = Annotated[str, typer.Argument(help="Stack, as in Pulumi.<stack>.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]

_SWEEP = """Find what a stack left in its cloud; delete it with --delete.

Looks for whatever the stack's state holds, what earlier states held (a backend in a folder keeps them; give others by
--state), and on AWS for what carries the stack's tag. Nothing of another stack is listed. Without --delete nothing is
touched, and nothing is deleted of a stack that the backend doesn't know unless --state or --no-state is given. What the
state still holds is `fleet down`'s to delete; --all deletes that too. What is protected stays unless
--delete-data is given. Asks for the stack's name.

Examples:

    fleet sweep aws-us-east-1
    fleet sweep aws-us-east-1 --json
    fleet sweep aws-us-east-1 --delete
    fleet sweep gcp-europe-west4 --state backup.json --delete --confirm gcp-europe-west4
"""
_REPAIR = """Find out what became of what a killed update was doing, as `fleet up` does first; it goes into the state.

Where no plugin can tell whether something was made, say it: --adopt URN=ID if it is there, --forget URN if it isn't.

Examples:

    fleet repair aws-us-east-1
    fleet repair gcp-account --forget 'urn:pulumi:gcp-account::modelfleet::gcp:billing/budget:Budget::budget'
"""
_UNLOCK = """Release the lock of a stack whose holder has died on another machine, once you have seen that it has.

It takes every lock of the stack. A holder that lives on this machine keeps its own; one that is dead here needs no
command: `fleet up` and `fleet down` release its lock by themselves.

Examples:

    fleet unlock aws-us-east-1
    fleet unlock aws-us-east-1 --yes --json
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the top level."""
    app.command(help=_REPAIR)(repair)
    app.command(help=_UNLOCK)(unlock)
    app.command(help=_SWEEP)(sweep)


def repair(
    stack: StackName,
    adopt: Annotated[list[str], typer.Option(metavar="URN=ID", help="This was made, and has this id")] = [],  # noqa: B006 - typer copies it
    forget: Annotated[list[str], typer.Option(metavar="URN", help="This was not made")] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Repair a stack."""
    from fleet.exclusive import exclusive  # noqa: PLC0415 - the engine's part of the program, not needed for --help
    from fleet.pending import Decisions  # noqa: PLC0415
    from fleet.repair import repair as repaired  # noqa: PLC0415
    from fleet.stacks import Stack  # noqa: PLC0415
    from infra.config import Cloud  # noqa: PLC0415

    pairs = [each.rpartition("=") for each in adopt]
    if wrong := [each for each, (urn, _, given) in zip(adopt, pairs, strict=True) if not urn or not given]:
        raise console.FleetError(f"--adopt {wrong[0]!r} must be URN=ID")
    decisions = Decisions({urn: given for urn, _, given in pairs}, frozenset(forget))
    opened = Stack.open(stack, create=False, changes=True)
    with exclusive(stack):
        adopts = opened.settings.cloud is Cloud.LOCAL
        settled = repaired(opened.engine, stack, backend=opened.backend, adopts=adopts, decisions=decisions)
    if as_json:
        found = {"adopted": {}, "never_made": (), "made_again": (), "gone": ()}
        if settled is not None:
            found = {
                "adopted": dict(settled.adopted),
                "never_made": settled.never_made,
                "made_again": settled.made_again,
                "gone": settled.gone,
            }
        console.json_result({"stack": stack, **found})
    elif settled is None:
        console.step(f"stack {stack}: nothing was pending")


def unlock(
    stack: StackName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")] = False,
    as_json: AsJson = False,
) -> None:
    """Unlock a stack."""
    from fleet.exclusive import exclusive  # noqa: PLC0415
    from fleet.repair import holders  # noqa: PLC0415
    from fleet.repair import unlock as unlocked  # noqa: PLC0415
    from fleet.stacks import Stack  # noqa: PLC0415

    opened = Stack.open(stack, create=False)
    with exclusive(stack):
        held_by = holders(opened.engine, stack, opened.backend)
        for each in held_by:
            console.note(f"held by {each}")
        if held_by:
            if not yes:
                typer.confirm("Does nothing run there any more?", abort=True)
            unlocked(opened.engine, stack, opened.backend)
    if as_json:
        console.json_result({"stack": stack, "heldBy": held_by})
    elif held_by:
        console.step(f"stack {stack} is unlocked; the next `fleet up {stack}` takes up what was under way")
    else:
        console.step(f"nobody holds stack {stack}")


def sweep(
    stack: StackName,
    state: Annotated[Path | None, typer.Option(help="An exported state of earlier")] = None,
    no_state: Annotated[bool, typer.Option("--no-state", help="With --delete: its state is lost for good")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what is found")] = False,
    everything: Annotated[bool, typer.Option("--all", help="With --delete: also what the state holds")] = False,
    delete_data: Annotated[bool, typer.Option("--delete-data", help="With --delete: also what is protected")] = False,
    confirm: Annotated[str, typer.Option(help="With --delete: the stack's name, instead of typing it")] = "",
    as_json: AsJson = False,
) -> None:
    """Sweep a stack."""
    from fleet.exclusive import exclusive  # noqa: PLC0415
    from fleet.inventory.scratch import ScratchStack  # noqa: PLC0415
    from fleet.repair import release_lock, workplace  # noqa: PLC0415
    from fleet.stacks import Stack, stack_file  # noqa: PLC0415
    from fleet.sweep import Sweep, check_deletable, provider_of, read_deployment  # noqa: PLC0415
    from fleet.update_view import UpdateView  # noqa: PLC0415
    from infra.config import Cloud  # noqa: PLC0415

    opened = Stack.open(stack, create=True, changes=delete)
    if opened.settings.cloud is Cloud.LOCAL:
        raise console.FleetError(f"stack {stack} is of this machine: `fleet leftovers` lists what it left")
    if delete:
        known = state is not None or opened.engine.exists(stack)
        check_deletable(stack, opened.settings.kind, opened.backend, known=known, without_state=no_state)
    project = yaml.safe_load((stack_file(stack).parent / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    further = [read_deployment(state)] if state is not None else []
    sweeping = Sweep(
        opened.engine, stack, project, opened.backend, provider=provider_of(stack, project, opened.settings)
    )
    with exclusive(stack), ScratchStack.beside(opened.engine, stack, project, workplace(opened.engine)) as scratch:
        release_lock(stack, opened.backend)
        console.step(f"stack {stack}: looking for what it left")
        found = sweeping.find(scratch, further)
        doomed = [
            each
            for each in found.leftovers
            if delete and (everything or not each.in_state) and (delete_data or not each.protected)
        ]
        rows = [each.as_row() for each in found.leftovers]
        if not as_json and rows:
            console.result(rows, list(rows[0]), as_json=False)
        for urn, why in found.unknown.items():
            console.note(f"{urn}: {why}")
        if doomed:
            confirm_by_name(stack, confirm, f"{len(doomed)} resources of {stack} for good")
        if delete and (doomed or found.gone):
            summary = sweeping.delete(scratch, found, doomed, UpdateView(console.err))
            forgotten = f"{len(found.gone)} that were gone are out of its state"
            console.step(f"stack {stack} is swept: {forgotten if summary is None else summary}")
    if as_json:
        console.json_result(
            {"stack": stack, "leftovers": rows, "unknown": dict(found.unknown), "deleted": [each.id for each in doomed]}
        )
    elif not rows:
        console.step(f"stack {stack} has left nothing")
    elif not (doomed or (delete and found.gone)):
        console.note(f"nothing was touched; `fleet sweep {stack} --delete` deletes what no state holds (see --help)")
