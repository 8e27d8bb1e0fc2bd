"""`fleet cost`: what a stack costs in a month."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.cost.budget import BudgetCheck
    from fleet.cost.estimate import Amount, Estimate

_COST = """Estimate what a region, or all regions of an account, cost in a month, from their files alone.

Least is with every pool at its minimum, most with every rung at its maximum, expected in between (--load). Prices are
dated, on demand, without tax and discounts; what has no known price is told, and not in the sums.

Examples:

    fleet cost aws-us-east-1
    fleet cost aws-us-east-1 --json
    fleet cost aws-account                                    # every region of the account, against its budget
    fleet cost aws-us-east-1 --against main --markdown        # what a pull request changes
    fleet cost aws-us-east-1 --against examples/three-cloud-production/Pulumi.aws-us-east-1.yaml
    fleet cost azure-westeurope --refresh                     # read the cloud's price list first
"""


def register(app: typer.Typer) -> None:
    """Add the command to the top level."""
    app.command(help=_COST)(cost)


def cost(
    stack: Annotated[str, typer.Argument(help="Region stack, or an account's")],
    against: Annotated[str, typer.Option(help="Show the difference to a commit, branch, tag or stack file")] = "",
    markdown: Annotated[bool, typer.Option(help="With --against: a table for a pull request")] = False,
    load: Annotated[float, typer.Option(min=0, max=1, help="How far from least to most pools are, on average")] = 0.5,
    egress_gb: Annotated[float, typer.Option(min=0, help="Gigabytes a month that leave the cloud")] = 1000,
    nat_gb: Annotated[float, typer.Option(min=0, help="Gigabytes a month through NAT gateways")] = 100,
    object_gb: Annotated[float, typer.Option(min=0, help="Gigabytes in object storage")] = 1000,
    refresh: Annotated[bool, typer.Option(help="First read the cloud's price list into catalog/data/prices")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Estimate a stack."""
    from fleet.cost import budget, difference  # noqa: PLC0415 - not needed for --help
    from fleet.cost.estimate import estimate  # noqa: PLC0415
    from fleet.cost.revision import settings_at  # noqa: PLC0415
    from fleet.cost.usage import Assumptions  # noqa: PLC0415
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import Cloud, StackKind, from_stack_file  # noqa: PLC0415

    if markdown and not against:
        raise console.FleetError("--markdown is a difference: name what it is against (--against main)")
    file = stack_file(stack)
    settings = from_stack_file(file)
    assumptions = Assumptions(load, egress_gb, nat_gb, object_gb)
    if markdown and (settings.kind is not StackKind.REGION or settings.cloud is Cloud.LOCAL):
        # A pull request may change any stack: that one has no estimate is no failure.
        what = "on one machine" if settings.cloud is Cloud.LOCAL else f"of kind `{settings.kind}`"
        told = f"### Cost of `{stack}`\n\nNot estimated: it is {what}, and what regions cost stands with them.\n"
        console.out.print(told, markup=False, soft_wrap=True, end="")
        return
    if refresh:
        _refresh(settings.cloud, settings.region)
    account = budget.account_of(settings, file.parent)
    estimates = [estimate(name, each, assumptions) for name, each in account.regions.items()]
    of_account = budget.account_check(account, estimates)
    if settings.kind is StackKind.ACCOUNT and not against:
        _show_account(estimates, of_account, as_json=as_json)
        return
    found = estimate(stack, settings, assumptions)
    checks = [*([of_account] if of_account is not None else []), *budget.tenant_checks(settings.tenants, found)]
    if not against:
        if as_json:
            console.json_result(_as_json(found, checks))
        else:
            _show(found, checks)
        return
    then = settings_at(against, stack, file.parent)
    before = None if then is None else estimate(stack, then, assumptions)
    if markdown:
        console.out.print(difference.markdown(before, found, against), markup=False, soft_wrap=True, end="")
    elif as_json:
        changed = [asdict(change) | {"expected": change.expected} for change in difference.changes(before, found)]
        total = None if before is None else asdict(before.total)
        console.json_result({"against": against, "before": total, "after": asdict(found.total), "changes": changed})
    else:
        rows = [
            (change.part, _dollars(change.before), _dollars(change.after), f"{change.expected:+,.0f}")
            for change in difference.changes(before, found)
        ]
        console.table(["part", "before", "after", "expected change"], rows)


def _refresh(cloud: str, region: str) -> None:
    import catalog  # noqa: PLC0415
    from catalog.price_book import price_book  # noqa: PLC0415
    from fleet.cost.aws_prices import aws_prices  # noqa: PLC0415
    from fleet.cost.azure_prices import azure_prices  # noqa: PLC0415
    from fleet.cost.usual import USUAL  # noqa: PLC0415

    readers = {"aws": aws_prices, "azure": azure_prices}
    if cloud not in readers:
        raise console.FleetError(
            f"prices of {cloud} can't be refreshed: Google's price list asks for a key of a project; "
            "put what you read into catalog/data/prices/gcp.yaml, with its source and date"
        )
    usual = next(each for each in USUAL.values() if each.cloud == cloud)
    sizes = {usual.system, usual.general, usual.confidential, usual.database, usual.cache, usual.tunnel}
    skus = frozenset({machine.sku for machine in catalog.machines(cloud)} | sizes)
    with console.err.status(f"reading the price list of {cloud} for {region}"):
        file = readers[cloud](region, skus).write()
    price_book.cache_clear()
    console.note(f"written: {file}; read the difference, then commit it")


def _show(found: "Estimate", checks: "Sequence[BudgetCheck]") -> None:
    from fleet.cost.estimate import largest_first  # noqa: PLC0415

    assumed = found.assumptions
    console.out.print(f"{found.stack}: {found.cloud} {found.region}, dollars a month", markup=False)
    unknown = found.unknown_parts
    rows = [
        (part, *(("?",) * 3 if part in unknown else _three(amount))) for part, amount in largest_first(found.by_part())
    ]
    console.table(["part", "least", "expected", "most"], [*rows, ("total", *_three(found.total))])
    if tenants := found.by_tenant():
        console.out.print()
        console.table(
            ["tenant, with its share of what all use", "least", "expected", "most"],
            [(name, *_three(amount)) for name, amount in largest_first(tenants)],
        )
    _show_budgets(checks)
    console.note(
        f"assumed: pools {assumed.load:.0%} of the way up, {assumed.egress_gb:,.0f} GB out, {assumed.nat_gb:,.0f} GB "
        f"through NAT, {assumed.object_gb:,.0f} GB stored; prices on demand, without tax and discounts"
    )
    if missing := sorted({f"{usage.part} {usage.sku}".strip() for usage in found.unpriced}):
        console.note(f"not in it, for want of a price: {', '.join(missing)}")
    if found.elsewhere:
        told = {f"{line.usage.sku or line.usage.part} ({line.rate.region})" for line in found.elsewhere if line.rate}
        console.note(f"at another region's price: {', '.join(sorted(told))}")


def _show_budgets(checks: "Sequence[BudgetCheck]") -> None:
    if not checks:
        return
    console.out.print()
    console.table(
        ["budget of", "dollars a month", "expected", "most", "verdict", "alarms in an expected month"],
        [
            (
                check.of,
                f"{check.monthly_usd:,}",
                f"{check.amount.expected:,.0f}",
                f"{check.amount.high:,.0f}",
                check.verdict,
                ", ".join(f"{share:.0%}" for share in check.alarms) or "none",
            )
            for check in checks
        ],
    )


def _show_account(estimates: "Sequence[Estimate]", check: "BudgetCheck | None", *, as_json: bool) -> None:
    checks = [] if check is None else [check]
    if as_json:
        regions = {each.stack: asdict(each.total) for each in estimates}
        console.json_result({"regions": regions, "budgets": [_budget_json(each) for each in checks]})
        return
    console.table(["region stack", "least", "expected", "most"], [(one.stack, *_three(one.total)) for one in estimates])
    _show_budgets(checks)
    if check is None:
        console.note("the account's file has no modelfleet:budget to hold this against")


def _budget_json(check: "BudgetCheck") -> dict[str, Any]:
    return asdict(check) | {"verdict": check.verdict, "alarms": check.alarms}


def _three(amount: "Amount") -> tuple[str, str, str]:
    return f"{amount.low:,.0f}", f"{amount.expected:,.0f}", f"{amount.high:,.0f}"


def _dollars(amount: "Amount | None") -> str:
    return "-" if amount is None else f"{amount.expected:,.0f} ({amount.low:,.0f} to {amount.high:,.0f})"


def _as_json(found: "Estimate", checks: "Sequence[BudgetCheck]") -> dict[str, Any]:
    return {
        "stack": found.stack,
        "cloud": found.cloud,
        "region": found.region,
        "assumptions": asdict(found.assumptions),
        "total": asdict(found.total),
        "parts": {name: asdict(amount) for name, amount in found.by_part().items()},
        "pools": {name: asdict(amount) for name, amount in found.by_pool().items() if name},
        "tenants": {name: asdict(amount) for name, amount in found.by_tenant().items()},
        "budgets": [_budget_json(check) for check in checks],
        "lines": [
            asdict(line.usage)
            | {"amount": asdict(line.amount), "rate": None if line.rate is None else asdict(line.rate)}
            for line in found.lines
        ],
        "unpriced": [f"{usage.part} {usage.sku}".strip() for usage in found.unpriced],
    }
