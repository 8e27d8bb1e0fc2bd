"""`fleet bootstrap`: where all stacks keep their state."""

from typing import TYPE_CHECKING, Annotated

import typer

from fleet import console

if TYPE_CHECKING:
    from infra.config import StackSettings

_BOOTSTRAP = """Make the state bucket (versioned, under a key of yours, closed) and the key of secrets, in a cloud.

It runs the stack of kind `state`, and may be run again: then it finds nothing to change. It prints how the other stacks
are kept there. Who makes it needs the cloud's credentials of a person, once; nothing else exists yet. On Azure a
perimeter lets in the ranges that are named, and roles the groups: whoever runs this has to be in one of each.

Examples:

    fleet bootstrap --cloud aws --account 111122223333 --region us-east-1    # writes Pulumi.aws-state.yaml
    fleet bootstrap --cloud azure --account SUBSCRIPTION --region westeurope \\
        --authorized-range 203.0.113.0/24 --admin GROUP_OBJECT_ID
    fleet bootstrap aws-state                                                # takes it as it is
    fleet bootstrap aws-state --rehearse                                     # in a simulated account

--undo is its end, once no other stack keeps its state there: the state moves to this machine, then bucket and keys are
deleted with all versions of all states. It wants the stack's name typed, or given by --confirm.

    fleet bootstrap aws-state --undo --rehearse     # and bootstrap again, with what the end wrote down
    fleet bootstrap aws-state --undo --confirm aws-state
"""


def register(app: typer.Typer) -> None:
    """Add the command to the top level."""
    app.command(help=_BOOTSTRAP)(bootstrap)


def bootstrap(
    stack: Annotated[str, typer.Argument(help="Stack of kind `state`; by default CLOUD-state")] = "",
    cloud: Annotated[str, typer.Option(help="aws, azure or gcp: write a stack file for it")] = "",
    account: Annotated[str, typer.Option(help="With --cloud: account, subscription or project")] = "",
    region: Annotated[str, typer.Option(help="With --cloud: the cloud's name of the region")] = "",
    owner: Annotated[str, typer.Option(help="With --cloud: tag `owner`")] = "platform",
    authorized_range: Annotated[
        list[str] | None, typer.Option(help="With --cloud azure: public range of people; may be repeated")
    ] = None,
    admin: Annotated[
        list[str] | None, typer.Option(help="With --cloud azure: object id of an Entra group; may be repeated")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Delete it for good, once no other stack is kept there")] = False,
    confirm: Annotated[str, typer.Option(help="With --undo: the stack's name, instead of typing it")] = "",
    rehearse: Annotated[bool, typer.Option("--rehearse", help="In a simulated account, from an empty one")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Bootstrap."""
    from fleet.bootstrap import StatePlace, check_kind, lines_of  # noqa: PLC0415 - not needed for --help
    from fleet.bootstrap_run import run_in_cloud, run_rehearsed  # noqa: PLC0415
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import Cloud, from_stack_file  # noqa: PLC0415

    if undo and cloud:
        raise console.FleetError("--undo ends what a stack file describes: name the stack, without --cloud")
    if not stack and not cloud:
        raise console.FleetError("name a stack of kind `state`, or give --cloud, --account and --region")
    name = stack or f"{cloud}-state"
    if cloud:
        if cloud not in {Cloud.AWS, Cloud.AZURE, Cloud.GCP} or not account or not region:
            raise console.FleetError("--cloud takes aws, azure or gcp, and --account and --region with it")
        on_azure = cloud == Cloud.AZURE
        if (bool(authorized_range), bool(admin)) != (on_azure, on_azure):
            raise console.FleetError(
                "--cloud azure takes --authorized-range (a public range that you come from) and --admin (the object id "
                "of an Entra group that you are in): nobody else gets at the states; the other clouds take neither"
            )
        place = StatePlace(
            cloud=Cloud(cloud),
            account=account,
            region=region,
            owner=owner,
            authorized_ranges=authorized_range or (),
            admins=admin or (),
        )
        place.write(stack_file(name))
    settings = from_stack_file(stack_file(name))
    check_kind(name, settings)
    if undo:
        _undo(name, settings, confirm, rehearse=rehearse, as_json=as_json)
        return
    made = run_rehearsed(name, settings) if rehearse else run_in_cloud(name)
    if as_json:
        console.json_result(
            {"stack": name, "simulated": rehearse, "backend": made.url, "secretsProvider": made.secrets_provider}
        )
        return
    for line in lines_of(made):
        console.out.print(line, markup=False, soft_wrap=True)


def _undo(stack: str, settings: "StackSettings", confirm: str, *, rehearse: bool, as_json: bool) -> None:
    """End a place of states, and tell what the cloud keeps of it."""
    from fleet.bootstrap_run import undo_in_cloud, undo_rehearsed  # noqa: PLC0415 - not needed for --help
    from fleet.confirmation import confirm_by_name  # noqa: PLC0415

    if rehearse:
        summary, left = undo_rehearsed(stack, settings)
    else:
        confirm_by_name(
            stack, confirm, f"the place of all states that {stack} makes, with every version of every state"
        )
        summary, left = undo_in_cloud(stack)
    console.step(f"stack {stack} is gone{' (simulated)' if rehearse else ''}: {summary}")
    rows = [each.as_row() for each in left]
    if as_json:
        console.json_result({"stack": stack, "simulated": rehearse, "changes": dict(summary.changes), "remains": rows})
    elif rows:
        console.note("what the cloud keeps:")
        console.result(rows, list(rows[0]), as_json=False)
