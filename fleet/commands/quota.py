"""`fleet quota`: what an account allows, against what a stack needs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.quota.needs import Need
    from fleet.quota.standing import Limit
    from infra.config import StackSettings

_QUOTA = """Ask a cloud whether a region's pools can grow to their most and be replaced, before an update finds out.

AWS is asked with the credentials of the environment, Azure and Google Cloud under the identity of `az` and `gcloud`;
reading is all that happens. Fails where an update, or a pool's growth, would.

Examples:

    fleet quota aws-us-east-1
    fleet quota azure-westeurope --json
    fleet quota gcp-europe-west4 --offline     # only what is needed; no cloud is asked
"""


def register(app: typer.Typer) -> None:
    """Add the command to the top level."""
    app.command(help=_QUOTA)(quota)


def quota(
    stack: Annotated[str, typer.Argument(help="Region stack")],
    offline: Annotated[bool, typer.Option(help="Show what is needed without asking the cloud")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Compare needs and limits."""
    from fleet.quota.needs import needs_of  # noqa: PLC0415 - not needed for --help
    from fleet.quota.standing import Verdict, compare  # noqa: PLC0415
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import from_stack_file  # noqa: PLC0415

    settings = from_stack_file(stack_file(stack))
    wanted = needs_of(stack, settings)
    limits = {} if offline else _limits(settings, wanted.needs)
    standings = compare(wanted.needs, limits)
    failing = [each for each in standings if each.verdict is Verdict.FAILS]
    if as_json:
        rows = [
            asdict(each.need)
            | {"limit": None if each.limit is None else asdict(each.limit)}
            | {"verdict": each.verdict, "remedy": each.remedy}
            for each in standings
        ]
        console.json_result({"stack": stack, "quotas": rows, "unknownMachines": wanted.unknown})
    else:
        console.table(
            ["quota", "of", "needed", "for a replacement", "limit", "in use", "verdict"],
            [
                (
                    f"{each.need.quota} {each.limit.name if each.limit else ''}".strip(),
                    ", ".join(each.need.by),
                    f"{each.need.amount} {each.need.unit}",
                    each.need.surge or "-",
                    "?" if each.limit is None else f"{each.limit.limit:g}",
                    "?" if each.limit is None or each.limit.used is None else f"{each.limit.used:g}",
                    each.verdict,
                )
                for each in standings
            ],
        )
    for sku in wanted.unknown:
        console.note(f"not checked: nobody here knows which quota {sku} draws on")
    for each in failing:
        console.error(each.remedy)
    if failing:
        raise typer.Exit(1)


def _limits(settings: "StackSettings", needs: "Sequence[Need]") -> "dict[str, Limit]":
    from fleet.quota.aws import aws_limits  # noqa: PLC0415
    from fleet.quota.azure import azure_limits  # noqa: PLC0415
    from fleet.quota.gcp import gcp_limits  # noqa: PLC0415
    from infra.config import Cloud  # noqa: PLC0415

    if settings.cloud is Cloud.AWS:
        return aws_limits(settings.region, settings.account, needs)
    ask = azure_limits if settings.cloud is Cloud.AZURE else gcp_limits
    return ask(settings.region, settings.account)
