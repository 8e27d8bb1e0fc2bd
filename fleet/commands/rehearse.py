"""`fleet rehearse`: a stack's life against simulated clouds."""

from pathlib import Path
from typing import Annotated

import typer

from fleet import console

_REHEARSE = """Bring a cloud's stack up in a simulated account; nothing outside of this machine is touched.

The real engine runs the real program: up, then a preview that must find nothing to change. Each rehearsal begins in an
empty account; --continue goes on from what the last one left.

Examples:

    fleet rehearse aws-us-east-1                    # from an empty account
    fleet rehearse aws-us-east-1 --continue         # again, on top of the last one
    fleet rehearse aws-us-east-1 --down             # and delete everything afterwards
    fleet rehearse aws-us-east-1 gcp-europe-west4 global --world front   # several stacks that read each other
    fleet rehearse aws-us-east-1 --export state.json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the top level."""
    app.command(help=_REHEARSE)(rehearse)


def rehearse(
    stacks: Annotated[list[str], typer.Argument(help="Stacks, as in Pulumi.<stack>.yaml, in this order")],
    world: Annotated[str, typer.Option(help="Name of the simulated world; by default the last stack's")] = "",
    goes_on: Annotated[bool, typer.Option("--continue", help="Go on from what the last rehearsal left")] = False,
    down: Annotated[bool, typer.Option("--down", help="Afterwards delete everything")] = False,
    export: Annotated[Path | None, typer.Option(help="Write the last stack's state to this file")] = None,
    policies: Annotated[bool, typer.Option(help="Apply the policy pack")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Rehearse stacks."""
    from fleet.policies import policy_arguments  # noqa: PLC0415
    from fleet.rehearse import Identity, Rehearsal  # noqa: PLC0415 - the engine's part, not needed for --help
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import Cloud, from_stack_file  # noqa: PLC0415
    from rehearsal.world import World  # noqa: PLC0415

    settings = {stack: from_stack_file(stack_file(stack)) for stack in stacks}
    for stack, each in settings.items():
        if each.cloud is Cloud.LOCAL:
            raise console.FleetError(f"stack {stack} is this machine itself, and nothing simulated: `fleet up {stack}`")
    place = World.named(world or stacks[-1])
    report = []
    with place.held():
        if not goes_on:
            place.forget()
        rehearsal = None
        for stack, each in settings.items():
            console.step(f"stack {stack} is rehearsed in {place.folder}, against simulators only")
            rehearsal = Rehearsal.open(
                stack,
                place,
                Identity(each.account, each.region),
                policies=policy_arguments() if policies else (),
            )
            steps = {"up": rehearsal.up(), "preview": rehearsal.preview_nothing()}
            if down:
                steps["down"] = rehearsal.down()
            for name, summary in steps.items():
                console.step(f"{name} of {stack} (simulated): {summary}")
            report.append(
                {
                    "stack": stack,
                    "simulated": True,
                    **{
                        name: {"changes": dict(summary.changes), "duration_s": summary.duration_s}
                        for name, summary in steps.items()
                    },
                }
            )
        if rehearsal is None:
            raise console.FleetError("name a stack")
        held, proved, unproved = rehearsal.holdings(), rehearsal.proved(), rehearsal.unproved()
        if export is not None:
            rehearsal.export(export)
    if as_json:
        console.json_result({"stacks": report, "holds": held, "inputs": proved, "uncheckedInputs": unproved})
    else:
        console.result(held, ["cloud", "type", "state", "number"], as_json=False)
        console.note(
            f"inputs by how well they could be checked: {proved.get('values', 0)} against published values, "
            f"{proved.get('free', 0)} free by their service's description, {proved.get('type', 0)} by type only "
            "(--json lists these)"
        )
