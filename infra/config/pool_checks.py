"""Rules of node pools: ladders that can be climbed, machines that exist where they are asked for."""

from collections.abc import Iterator

from infra.config.placement import Cloud, StackKind
from infra.config.pools import CpuPoolSettings, GpuPoolSettings, Rung
from infra.config.problem import Problem
from infra.config.settings import StackSettings


def check_pools(settings: StackSettings) -> Iterator[Problem]:
    """Find pools that no cloud could give."""
    if settings.cloud is Cloud.LOCAL or settings.kind is not StackKind.REGION:
        if settings.gpu_pools:
            yield Problem(("gpuPools",), "is for regions of a cloud: remove it")
        return
    names: set[str] = set()
    tenants = {tenant.name for tenant in settings.tenants}
    for index, pool in enumerate(settings.gpu_pools):
        if pool.name in names:
            yield Problem(("gpuPools", index, "name"), f"{pool.name!r} is there twice: each pool needs its own name")
        names.add(pool.name)
        if pool.tenant is not None and pool.tenant not in tenants:
            yield Problem(
                ("gpuPools", index, "tenant"),
                f"no tenant {pool.tenant!r} names this stack: add it with `fleet tenant add`, or remove the key",
            )
        for path, text in _check_ladder(pool, settings.cloud):
            yield Problem(("gpuPools", index, path), text)
    for key, pool in (("system", settings.cpu_pools.system), ("general", settings.cpu_pools.general)):
        if pool.min > pool.max:
            yield Problem(("cpuPools", key, "min"), _over(pool))


def _check_ladder(pool: GpuPoolSettings, cloud: Cloud) -> Iterator[tuple[str, str]]:
    if pool.min > pool.max:
        yield "min", _over(pool)
    if len(set(pool.rungs)) < len(pool.rungs):
        yield "rungs", "names a rung twice: each is tried once"
    if Rung.SPOT in pool.rungs and not pool.interruptible:
        yield "rungs", "spot machines end at short notice: set interruptible: true, or leave `spot` out"
    if Rung.RESERVATION in pool.rungs and pool.reservation is None:
        yield "rungs", "rung `reservation` needs the reservation's id: add reservation, or leave the rung out"
    if pool.reservation is not None and Rung.RESERVATION not in pool.rungs:
        yield "reservation", "is used by the rung `reservation` only: add the rung, or remove the id"
    if Rung.FLEX_START in pool.rungs and cloud is not Cloud.GCP:
        yield "rungs", f"`flex-start` is Google Cloud's: {cloud} has reservation, on-demand and spot"


def _over(pool: GpuPoolSettings | CpuPoolSettings) -> str:
    return f"min is {pool.min}, max {pool.max}: min may be max at most"
