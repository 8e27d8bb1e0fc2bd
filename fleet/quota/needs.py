"""What a region needs of its account's quotas: GPU pools by the rules of `infra.config`, and what goes with them."""

from collections.abc import Iterator
from dataclasses import dataclass

import catalog
from catalog.cpu_machine import cpu_machine
from fleet.console import FleetError
from fleet.cost.usual import USUAL
from infra.config import Cloud, NatMode, Replacement, Rung, StackKind, StackSettings, gpu_demands

# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
_VPCS, _NAT_PER_ZONE, _INTERFACE_ENDPOINTS = "vpc/L-F678F1CE", "vpc/L-FE5A380F", "vpc/L-29B6F2EB"
_ELASTIC_ADDRESSES = "ec2/L-0263D0A3"
# https://learn.microsoft.com/azure/quotas/per-vm-quota-requests: all on-demand families together
_AZURE_CORES = "cores"


@dataclass(frozen=True)
class Need:
    """What is asked of one quota.

    Attributes:
        quota: The cloud's name of it; on AWS with the service before it, as `ec2/L-…`.
        unit: What it counts.
        amount: How much the region takes with every pool at its most.
        surge: What one pool's replacement takes beside that, for a while.
        by: What draws on it.
    """

    quota: str
    unit: str
    amount: int
    surge: int = 0
    by: tuple[str, ...] = ()

    @property
    def most(self) -> int:
        """Both together."""
        return self.amount + self.surge


@dataclass(frozen=True)
class Needs:
    """All that a region asks for.

    Attributes:
        needs: One for each quota.
        unknown: Machines whose quota nobody here knows.
    """

    needs: tuple[Need, ...]
    unknown: tuple[str, ...]


def needs_of(stack: str, settings: StackSettings) -> Needs:
    """Add up what a region needs.

    Raises:
        FleetError: the stack is no region of a cloud.
    """
    if settings.cloud is Cloud.LOCAL or settings.kind is not StackKind.REGION:
        raise FleetError(f"stack {stack} is no region of a cloud: only those draw on an account's quotas")
    unknown: list[str] = []
    found = [*_gpus(settings), *_cpus(settings, unknown), *_network(settings)]
    merged: dict[str, Need] = {}
    for need in found:
        before = merged.get(need.quota)
        merged[need.quota] = need if before is None else _joined(before, need)
    return Needs(tuple(merged.values()), tuple(unknown))


def _joined(one: Need, other: Need) -> Need:
    # Two pools are never replaced at once: the larger surge is what may be needed.
    by = tuple(dict.fromkeys((*one.by, *other.by)))
    return Need(one.quota, one.unit, one.amount + other.amount, max(one.surge, other.surge), by)


def _gpus(settings: StackSettings) -> Iterator[Need]:
    prefix = "ec2/" if settings.cloud is Cloud.AWS else ""
    for name, demand in gpu_demands(settings).items():
        pools = tuple(f"pool {pool}" for pool in sorted(demand.pools))
        yield Need(f"{prefix}{name}", demand.unit, demand.steady, demand.surge, pools)
    if settings.cloud is Cloud.AZURE:
        for pool in settings.gpu_pools:
            rungs = sum(rung is not Rung.SPOT for rung in pool.rungs)
            vcpus = catalog.machine(settings.cloud, pool.sku).vcpus
            replaced = pool.replacement is Replacement.SURGE and pool.rungs[0] is not Rung.SPOT
            surge = pool.min * vcpus if replaced else 0
            yield Need(_AZURE_CORES, "vcpus", rungs * pool.max * vcpus, surge, (f"pool {pool.name}",))


def _cpus(settings: StackSettings, unknown: list[str]) -> Iterator[Need]:
    usual = USUAL[settings.cloud]
    confidential = settings.kubernetes.confidential_nodes
    pools = settings.cpu_pools
    machines = [
        ("pool system", pools.system.sku or usual.system_machine(confidential=confidential), pools.system.max),
        ("pool general", pools.general.sku or usual.general_machine(confidential=confidential), pools.general.max),
    ]
    if settings.tunnelled and settings.cloud is Cloud.AWS:
        machines.append(("way to the API server", usual.tunnel, 1))
    for what, sku, most in machines:
        machine = cpu_machine(settings.cloud, sku)
        if machine is None:
            unknown.append(sku)
            continue
        # Pools without GPUs are rolled with one machine more at a time.
        prefix = "ec2/" if settings.cloud is Cloud.AWS else ""
        yield Need(f"{prefix}{machine.quota}", "vcpus", most * machine.vcpus, machine.vcpus, (what,))
        if settings.cloud is Cloud.AZURE:
            yield Need(_AZURE_CORES, "vcpus", most * machine.vcpus, machine.vcpus, (what,))


def _network(settings: StackSettings) -> Iterator[Need]:
    gateways = settings.network.zones if settings.network.nat is NatMode.ZONAL else 1
    by = ("network",)
    if settings.cloud is Cloud.AWS:
        yield Need(_VPCS, "VPCs", 1, by=by)
        yield Need(_NAT_PER_ZONE, "gateways a zone", 1, by=by)
        yield Need(_ELASTIC_ADDRESSES, "addresses", gateways, by=by)
        yield Need(_INTERFACE_ENDPOINTS, "endpoints a VPC", USUAL[Cloud.AWS].endpoints, by=by)
    elif settings.cloud is Cloud.GCP:
        yield Need("STATIC_ADDRESSES", "addresses", gateways, by=by)
