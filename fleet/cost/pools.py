"""What node pools use: machines by the hour, and their boot disks."""

from collections.abc import Iterator

from catalog.price_book import Meter
from fleet.cost.usage import HOURS_PER_MONTH, Assumptions, Quantity, Usage
from fleet.cost.usual import UsualRegion
from infra.config import CpuPoolSettings, GpuPoolSettings, Rung, StackSettings

_DISCOUNTED = frozenset({Rung.SPOT, Rung.FLEX_START})
"""Rungs whose price moves by the hour: on-demand prices are their upper bound."""


def pool_usage(settings: StackSettings, usual: UsualRegion, assumptions: Assumptions) -> Iterator[Usage]:
    """Give the machines and disks of every pool."""
    cpu = settings.cpu_pools
    confidential = settings.kubernetes.confidential_nodes
    for name, pool, sku in (
        ("system", cpu.system, usual.system_machine(confidential=confidential)),
        ("general", cpu.general, usual.general_machine(confidential=confidential)),
    ):
        yield from _of_machines(name, pool.sku or sku, usual.node_disk_gb, _between(pool, assumptions.load), usual)
    for pool in settings.gpu_pools:
        for position, rung in enumerate(pool.rungs):
            machines = _of_rung(pool, rung, first=position == 0, load=assumptions.load)
            yield from _of_machines(
                pool.name,
                pool.sku,
                pool.disk_gb,
                machines,
                usual,
                tenant=pool.tenant or "",
                rung=rung,
            )


def _between(pool: CpuPoolSettings | GpuPoolSettings, load: float) -> Quantity:
    return Quantity(pool.min, pool.min + load * (pool.max - pool.min), pool.max)


def _of_rung(pool: GpuPoolSettings, rung: Rung, *, first: bool, load: float) -> Quantity:
    """Machines of one rung: only the first is expected to be used, as the next ones are for when it is exhausted.

    A reservation is paid for whether or not it is used
    (docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-reservations-pricing-billing.html,
    learn.microsoft.com/azure/virtual-machines/capacity-reservation-overview,
    docs.cloud.google.com/compute/docs/instances/reservations-overview).
    """
    if rung is Rung.RESERVATION and pool.reserved is not None:
        return Quantity.always(pool.reserved)
    return _between(pool, load) if first else Quantity(0, 0, pool.max)


def _of_machines(
    pool: str,
    sku: str,
    disk_gb: int,
    machines: Quantity,
    usual: UsualRegion,
    *,
    tenant: str = "",
    rung: Rung | None = None,
) -> Iterator[Usage]:
    part = "machines" if rung is None else f"machines, {rung}"
    note = ""
    if rung in _DISCOUNTED:
        note = f"{rung} at the on-demand price, its upper bound"
    elif rung is Rung.RESERVATION:
        note = "a reservation at the on-demand price, used or not; the stack file doesn't see discounts"
    yield Usage(part, Meter.MACHINE, sku, machines.times(HOURS_PER_MONTH), pool, tenant, note)
    disk = usual.disk(disk_gb)
    yield Usage("boot disks", Meter.DISK, disk.sku, machines.times(disk.units), pool, tenant)
