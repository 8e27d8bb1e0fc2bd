"""`fleet tunnel`: the way to a private API server."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from fleet import console

if TYPE_CHECKING:
    from fleet.tunnel import TunnelRecord

_TUNNEL = """Open the way to a stack's private API server, and keep it open until Ctrl-C.

On EKS it is a Session Manager session through a machine of the region's, on AKS a Bastion tunnel. GKE needs none: its
endpoint lets pass whom IAM lets pass. A tunnel that breaks is opened again.

`fleet up` and the like open one by themselves; the plain Pulumi CLI and kubectl take the variables that are printed.
After a stack's first update by the plain CLI (`modelfleet:phase: cloud`) the tunnel also records the next phase.

Examples:

    fleet tunnel aws-us-east-1                  # in one terminal; in another, what it has printed
    fleet tunnel aws-us-east-1 --port 16443     # always the same local port
    fleet tunnel aws-us-east-1 --json           # for a program: one object once it is open
    fleet tunnel aws-us-east-1 --stop
    fleet tunnel aws-us-east-1 --world aws-us-east-1    # in what `fleet rehearse` left, simulated
"""


def register(app: typer.Typer) -> None:
    """Add the command to the top level."""
    app.command(help=_TUNNEL)(tunnel)


def tunnel(
    stack: Annotated[str, typer.Argument(help="Stack, as in Pulumi.<stack>.yaml")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Local port of the API server; 0 takes a free one")] = 0,
    stop: Annotated[bool, typer.Option("--stop", help="End the tunnel that is open")] = False,
    world: Annotated[str, typer.Option(help="A rehearsal's simulated world, instead of the real one")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Open or end a tunnel."""
    import asyncio  # noqa: PLC0415 - not needed for --help

    from fleet.tunnel.command import TunnelCommand  # noqa: PLC0415

    command = TunnelCommand.of_world(stack, world) if world else TunnelCommand.of_stack(stack)
    if stop:
        ended = command.records.stop(stack)
        console.note(f"the tunnel of {stack} is closed" if ended else f"nothing to do: no tunnel of {stack} is open")
        if as_json:
            console.json_result({"stack": stack, "stopped": ended})
        return
    opened = command.tunnel(port, console.note)
    if opened is None:
        console.note(f"the API server of {stack} needs no tunnel: {command.direct_way()}")
        if as_json:
            console.json_result({"stack": stack, "needed": False})
        return
    shown = False

    def show(record: "TunnelRecord") -> None:
        nonlocal shown
        if shown:
            return  # the tunnel has told that it is open again
        shown = True
        command.record_phase()
        if as_json:
            from dataclasses import asdict  # noqa: PLC0415

            console.json_result({"needed": True, **asdict(record)})
        else:
            _print(record)

    with suppress(KeyboardInterrupt):
        asyncio.run(opened.keep_open(show))
    console.note(f"the tunnel of {stack} is closed")


def _print(record: "TunnelRecord") -> None:
    rows = [
        ("server", record.server),
        ("way", record.title),
        ("kubectl", f"export KUBECONFIG={record.kubeconfig}"),
        *(("pulumi", f"export {name}={value}") for name, value in record.environment.items()),
    ]
    for title, value in rows:
        console.out.print(Text.assemble((f"{title:<10}", "bold"), value), soft_wrap=True)
    console.note("open; Ctrl-C closes it")
