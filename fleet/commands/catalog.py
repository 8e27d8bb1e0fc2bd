"""`fleet catalog`: GPU machines of the three clouds."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import console

if TYPE_CHECKING:
    from catalog import Machine

app = typer.Typer(help="GPU machines: what each cloud has, where, on which quota, at what price.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]

_COLUMNS = ["cloud", "sku", "gpu", "vcpus", "memory", "nvme", "interconnect", "regions", "price"]
_UNKNOWN = "?"


@app.command(name="list")
def list_machines(
    cloud: Annotated[str | None, typer.Option(help="aws, azure or gcp; all by default")] = None,
    region: Annotated[str | None, typer.Option(help="Only what this region offers, with its price there")] = None,
    gpu: Annotated[str | None, typer.Option(help="Only machines with this GPU, such as H100")] = None,
    as_json: AsJson = False,
) -> None:
    """List machines; '?' stands for what no source was found for.

    Examples:
        fleet catalog list --cloud aws --region us-west-2

        fleet catalog list --gpu H100 --json
    """
    from catalog import CLOUDS, machines  # noqa: PLC0415 - not needed for --help

    if cloud is not None and cloud not in CLOUDS:
        raise console.FleetError(f"{cloud!r} is no cloud of the catalogue; there are: {', '.join(CLOUDS)}")
    found = [
        machine
        for machine in machines(cloud)
        if (region is None or machine.offered_in(region)) and (gpu is None or gpu.lower() in machine.gpu.model.lower())
    ]
    if as_json:
        console.json_result([asdict(machine) for machine in found])
        return
    console.table(_COLUMNS, [_row(machine, region) for machine in found])


@app.command()
def show(
    sku: Annotated[str, typer.Argument(help="The cloud's name of a machine, such as p5.48xlarge")],
    cloud: Annotated[str | None, typer.Option(help="aws, azure or gcp; by default the one that has it")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one machine with the source and date of each fact.

    Examples:
        fleet catalog show p5.48xlarge

        fleet catalog show Standard_ND96isr_H100_v5 --json
    """
    from catalog import UnknownMachineError, find, machine  # noqa: PLC0415

    try:
        found = find(sku) if cloud is None else machine(cloud, sku)
    except UnknownMachineError as error:
        raise console.FleetError(str(error)) from error
    if as_json:
        console.json_result(asdict(found))
        return
    quota = found.quota
    rows: list[tuple[str, object]] = [
        ("machine", f"{found.cloud} {found.sku}, {found.arch}"),
        ("GPUs", f"{found.gpu.count} x {found.gpu.model}, {found.gpu.memory_gib:g} GiB each"),
        ("processor", f"{found.vcpus} vCPUs, {found.memory_gib:g} GiB"),
        ("NVMe", _amount(found.nvme_gb, "GB")),
        ("network", _amount(found.network_gbps, "Gbit/s")),
        ("interconnect", _interconnect(found)),
        ("quota", f"{quota.amount} {quota.unit} of {quota.on_demand}; spot: {quota.spot or _UNKNOWN}"),
        ("regions", ", ".join(found.regions) if found.regions is not None else _UNKNOWN),
    ]
    if found.rungs is not None:
        rows.append(("sold only as", ", ".join(found.rungs)))
    if found.zones is not None:
        rows.append(("zones", ", ".join(found.zones)))
    prices = ", ".join(f"{price.region} ${price.usd_per_hour:,.2f}/h" for price in found.prices)
    rows.append(("price", prices or _UNKNOWN))
    sources = [*found.sources, *[("price", price.source) for price in found.prices[:1]]]
    rows.extend((f"source of {what}", f"{source.title} ({source.date}): {source.url}") for what, source in sources)
    console.table(["", found.sku], rows)


def _row(machine: "Machine", region: str | None) -> list[object]:
    price = machine.price_in(region) if region is not None else next(iter(machine.prices), None)
    return [
        machine.cloud,
        machine.sku,
        f"{machine.gpu.count} x {machine.gpu.model} {machine.gpu.memory_gib:g} GiB",
        machine.vcpus,
        f"{machine.memory_gib:g} GiB",
        _amount(machine.nvme_gb, "GB"),
        _interconnect(machine),
        _UNKNOWN if machine.regions is None else len(machine.regions),
        _UNKNOWN if price is None else f"${price.usd_per_hour:,.2f} {price.region}",
    ]


def _interconnect(machine: "Machine") -> str:
    link = machine.interconnect
    return f"{link.kind} {link.gbps:g} Gbit/s" if link.gbps is not None else str(link.kind)


def _amount(value: float | None, unit: str) -> str:
    return _UNKNOWN if value is None else f"{value:g} {unit}" if value else "none"
