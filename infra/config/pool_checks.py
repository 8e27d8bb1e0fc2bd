"""Rules of node pools: ladders that can be climbed, machines that exist where they are asked for."""

import re
from collections.abc import Iterator

import catalog
from infra.config.placement import Cloud, StackKind
from infra.config.pools import CpuPoolSettings, GpuPoolSettings, Rung
from infra.config.problem import Problem
from infra.config.settings import StackSettings

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CapacityReservation.html, and the resource names of
# https://learn.microsoft.com/en-us/azure/virtual-machines/capacity-reservation-overview and
# https://docs.cloud.google.com/compute/docs/instances/reservations-shared
_RESERVATIONS = {
    Cloud.AWS: (re.compile(r"cr-[0-9a-f]{8,17}"), "a capacity reservation's id, such as cr-0123456789abcdef0"),
    Cloud.AZURE: (
        re.compile(
            r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/capacityReservationGroups/[^/]+",
            re.IGNORECASE,
        ),
        "a capacity reservation group's id: /subscriptions/…/capacityReservationGroups/<name>",
    ),
    Cloud.GCP: (
        re.compile(r"(projects/[^/]+/reservations/)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
        "a reservation's name, or projects/<project>/reservations/<name>",
    ),
}

_ZONES = {
    Cloud.AWS: lambda region: f"{region}a, {region}b and so on",
    Cloud.AZURE: lambda _: '"1", "2" and "3"',
    Cloud.GCP: lambda region: f"{region}-a, {region}-b and so on",
}

# The first driver branch that offers each CUDA major:
# https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
_CUDA_FROM_BRANCH = ((580, 13), (525, 12), (450, 11))


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
        for path, text in (*_check_ladder(pool, settings.cloud), *_check_machine(pool, settings)):
            yield Problem(("gpuPools", index, path), text)
    yield from _check_server_fits(settings)
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
    pattern, right = _RESERVATIONS[cloud]
    if pool.reservation is not None and not pattern.fullmatch(pool.reservation):
        yield "reservation", f"{pool.reservation!r} is no reservation of {cloud}: give {right}"
    if Rung.FLEX_START in pool.rungs and cloud is not Cloud.GCP:
        yield "rungs", f"`flex-start` is Google Cloud's: {cloud} has reservation, on-demand and spot"


def _check_machine(pool: GpuPoolSettings, settings: StackSettings) -> Iterator[tuple[str, str]]:
    try:
        machine = catalog.machine(settings.cloud, pool.sku)
    except catalog.UnknownMachineError as error:
        yield "sku", str(error)
        return
    if machine.offered_in(settings.region) is False:
        where = ", ".join(machine.regions or ())
        yield "sku", f"{pool.sku} is not offered in {settings.region}; it is in {where}"
    elif strange := [zone for zone in pool.zones if not _zone_of(settings).fullmatch(zone)]:
        yield "zones", f"{', '.join(strange)}: zones of {settings.region} are {_ZONES[settings.cloud](settings.region)}"
    elif machine.zones is not None and (strange := sorted(set(pool.zones) - set(machine.zones))):
        there = ", ".join(zone for zone in machine.zones if zone.startswith(settings.region + "-"))
        yield "zones", f"{pool.sku} is not offered in {', '.join(strange)}; in {settings.region} it is in {there}"
    if machine.rungs is not None and (missing := [rung for rung in pool.rungs if rung not in machine.rungs]):
        yield "rungs", f"{pool.sku} is not sold as {', '.join(missing)}; it is as {', '.join(machine.rungs)}"
    built = settings.serving.architectures
    if machine.arch not in built:
        problem = f"{pool.sku} is {machine.arch}, the server's image is built for {', '.join(built)}"
        yield "sku", f"{problem}: add an image for {machine.arch} (serving.architectures), or choose another machine"
    if pool.group_size > 1 and machine.interconnect.kind is catalog.InterconnectKind.NONE:
        yield "groupSize", f"{pool.sku} has no network for groups of machines: use 1, or a machine with an interconnect"
    offers = _newest_cuda(pool.driver)
    needs = settings.serving.cuda
    if needs is not None and offers is None:
        yield "driver", f"is missing: the server's image needs CUDA {needs} (serving.cuda); pin a branch that offers it"
    elif needs is not None and offers is not None and needs > offers:
        problem = f"branch {pool.driver} offers CUDA {offers} at most, the server's image needs {needs} (serving.cuda)"
        yield "driver", f"{problem}: pin a newer driver, or use an image for the older CUDA"


def _check_server_fits(settings: StackSettings) -> Iterator[Problem]:
    """Find a server that no pool has a machine for."""
    asked = settings.serving.gpus
    if asked == 0:
        return
    known = {machine.sku: machine for machine in catalog.machines(settings.cloud)}
    largest = max((known[pool.sku].gpu.count for pool in settings.gpu_pools if pool.sku in known), default=0)
    if asked > largest:
        yield Problem(
            ("serving", "gpus"),
            f"a server asks for {asked} GPUs, the largest machine in gpuPools has {largest}: lower it, or add a pool",
        )


def _zone_of(settings: StackSettings) -> re.Pattern[str]:
    region = re.escape(settings.region)
    # Local zones (us-west-2-lax-1a) are no part of a region's own: they have none of these machines.
    names = {Cloud.AWS: rf"{region}[a-z]", Cloud.AZURE: "[123]", Cloud.GCP: rf"{region}-[a-z]"}
    return re.compile(names[settings.cloud])


def _newest_cuda(branch: int | None) -> int | None:
    return None if branch is None else next((cuda for first, cuda in _CUDA_FROM_BRANCH if branch >= first), None)


def _over(pool: GpuPoolSettings | CpuPoolSettings) -> str:
    return f"min is {pool.min}, max {pool.max}: min may be max at most"
