"""Rules between a stack and the tenants whose files name it."""

from collections.abc import Iterator

import catalog
from infra.config.placement import Cloud, StackKind
from infra.config.problem import Problem
from infra.config.settings import StackSettings
from tenants import TENANTS_FOLDER, Tenant


def check_tenants(settings: StackSettings) -> Iterator[Problem]:
    """Find tenants that this stack may not or can not host.

    The findings stand at the stack file's key that the tenant's file contradicts; each names that file.
    """
    for tenant in settings.tenants:
        file = f"{TENANTS_FOLDER}/{tenant.name}.yaml"
        if settings.kind is not StackKind.REGION:
            yield Problem(("kind",), f"{file} names this stack, which is no region: take it out of the file's `stacks`")
            continue
        yield from _check_residency(settings, tenant, file)
        yield from _check_pool(settings, tenant, file)


def _check_residency(settings: StackSettings, tenant: Tenant, file: str) -> Iterator[Problem]:
    if not tenant.residency or settings.cloud is Cloud.LOCAL:
        return
    allowed = ", ".join(tenant.residency)
    regions = [(("region",), settings.region)]
    if settings.storage.replica_region is not None:
        regions.append((("storage", "replicaRegion"), settings.storage.replica_region))
    for path, region in regions:
        residence = catalog.residence(settings.cloud, region)  # an unknown region is told by its own rule
        if residence is not None and not residence.within(tenant.residency):
            problem = f"{region} is in {residence.country}, but {file} allows its data in {allowed} only"
            yield Problem(path, f"{problem}: host the tenant elsewhere, or change its residency")


def _check_pool(settings: StackSettings, tenant: Tenant, file: str) -> Iterator[Problem]:
    if tenant.gpu_pool is None:
        return
    wanted = f"{file} has the pool {tenant.gpu_pool!r} for itself (gpuPool)"
    index = next((index for index, pool in enumerate(settings.gpu_pools) if pool.name == tenant.gpu_pool), None)
    if index is None:
        yield Problem(("gpuPools",), f"{wanted}: add it here, with `tenant: {tenant.name}`")
    elif settings.gpu_pools[index].tenant != tenant.name:
        owner = settings.gpu_pools[index].tenant or "everybody"
        yield Problem(
            ("gpuPools", index, "tenant"), f"{wanted}, but it is for {owner}: write `tenant: {tenant.name}` here"
        )
