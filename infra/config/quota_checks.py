"""Rules of quota and reservations: that what the pools may grow to, and a replacement beside it, can be had at all.

A preview can't ask every cloud: EC2 tells its limits by Service Quotas, Azure and Compute Engine by APIs that the
plugins have no function for. So limits are written down (`modelfleet:gpuQuota`), where a reviewer sees them too, and
checked against the catalogue before the first resource. `fleet quota` asks the clouds, by the same demands.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import catalog
from infra.config.placement import Cloud, StackKind
from infra.config.pools import Replacement, Rung
from infra.config.problem import Problem
from infra.config.settings import StackSettings

_INTERRUPTIBLE = frozenset({Rung.SPOT, Rung.FLEX_START})
"""Rungs that draw on the quota of machines that may be taken away: Compute Engine counts flex-start as preemptible
(cloud.google.com/kubernetes-engine/docs/concepts/dws)."""


@dataclass
class QuotaDemand:
    """What a stack asks of one quota.

    Attributes:
        steady: With every pool at its most, on every rung.
        surge: The most that one pool's replacement asks beside that.
        by: The pool that does.
        unit: What is counted.
    """

    unit: str
    steady: int = 0
    surge: int = 0
    by: str = ""
    pools: set[str] = field(default_factory=set)


def check_quota(settings: StackSettings) -> Iterator[Problem]:
    """Find pools that could never grow to their most, and replacements that would wait for ever."""
    if settings.cloud is Cloud.LOCAL or settings.kind is not StackKind.REGION:
        if settings.gpu_quota:
            yield Problem(("gpuQuota",), "is for regions of a cloud: remove it")
        return
    yield from _check_reservations(settings)
    if not settings.gpu_quota:
        return
    demands = gpu_demands(settings)
    for name, limit in settings.gpu_quota.items():
        if name not in demands:
            yield Problem(("gpuQuota", name), f"no pool draws on it; the pools draw on {', '.join(sorted(demands))}")
            continue
        demand = demands[name]
        if demand.steady + demand.surge > limit:
            surge = f", and the replacement of {demand.by!r} {demand.surge} more beside them" if demand.surge else ""
            yield Problem(
                ("gpuQuota", name),
                f"is {limit} {demand.unit}; pools {', '.join(sorted(demand.pools))} may take {demand.steady}{surge}: "
                "have it raised, lower `max`, or replace in place (replacement: rolling)",
            )
    for name in sorted(demands.keys() - settings.gpu_quota.keys()):
        pools = ", ".join(sorted(demands[name].pools))
        yield Problem(("gpuQuota",), f"has no {name}, which {pools} draw on: add the limit that the cloud shows")


def gpu_demands(settings: StackSettings) -> dict[str, QuotaDemand]:
    """Give what a region's GPU pools ask of each quota, by the cloud's name of it; `fleet quota` asks for the same."""
    known = {machine.sku: machine for machine in catalog.machines(settings.cloud)}
    demands: dict[str, QuotaDemand] = {}
    for pool in settings.gpu_pools:
        if pool.sku not in known:
            continue  # told by the pool's own rules
        quota = known[pool.sku].quota
        surges: dict[str, int] = defaultdict(int)
        for position, rung in enumerate(pool.rungs):
            name = quota.spot if rung in _INTERRUPTIBLE else quota.on_demand
            if name is None:
                continue  # no source says what it is called
            demand = demands.setdefault(name, QuotaDemand(quota.unit))
            demand.steady += pool.max * quota.amount
            demand.pools.add(pool.name)
            if pool.replacement is Replacement.SURGE and position == 0:
                surges[name] += pool.min * quota.amount
        for name, needed in surges.items():
            if needed > demands[name].surge:
                demands[name].surge, demands[name].by = needed, pool.name
    return demands


def _check_reservations(settings: StackSettings) -> Iterator[Problem]:
    for index, pool in enumerate(settings.gpu_pools):
        if Rung.RESERVATION not in pool.rungs or pool.replacement is not Replacement.SURGE:
            continue
        path = ("gpuPools", index, "reserved")
        if pool.reserved is None:
            problem = "is missing: a surge takes a second set of machines from the reservation; say how many it holds"
            yield Problem(path, f"{problem}, or replace in place (replacement: rolling)")
        elif pool.reserved < 2 * pool.min:
            problem = f"is {pool.reserved}, and a surge takes {2 * pool.min} machines (min, old and new)"
            yield Problem(path, f"{problem}: reserve more, or replace in place (replacement: rolling)")
