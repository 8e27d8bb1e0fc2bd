"""What a region uses beside its machines: control plane, network, data services, keys, and what its traffic takes."""

from collections.abc import Callable, Iterator, Mapping

from catalog.price_book import Meter
from fleet.cost.usage import HOURS_PER_MONTH, Assumptions, Quantity, Usage
from fleet.cost.usual import UsualRegion
from infra.config import Cloud, NatMode, StackSettings

_BY_TRAFFIC = "an assumption: traffic is no setting"


def region_usage(settings: StackSettings, usual: UsualRegion, assumptions: Assumptions) -> Iterator[Usage]:
    """Give everything that a region has but its node pools."""
    yield Usage("control plane", Meter.CLUSTER, "")
    yield from _NETWORKS[settings.cloud](settings)
    places = settings.network.zones if usual.endpoints_by_zone else 1
    yield Usage("private endpoints", Meter.ENDPOINT, "", Quantity.always(usual.endpoints * places * HOURS_PER_MONTH))
    yield Usage("load balancer", Meter.LOAD_BALANCER, "", note="without what its traffic takes")
    yield from _data_services(settings, usual)
    yield from _keys(settings, usual)
    yield from _traffic(assumptions)
    if settings.tunnelled and usual.tunnel:
        meter = Meter.BASTION if settings.cloud is Cloud.AZURE else Meter.MACHINE
        yield Usage("way to the API server", meter, usual.tunnel)
    if settings.cloud is Cloud.AZURE:
        yield Usage("registry", Meter.REGISTRY, "Premium")


def _data_services(settings: StackSettings, usual: UsualRegion) -> Iterator[Usage]:
    database, cache = settings.database, settings.cache
    both_zones = "both zones; without backups beyond what is free"
    yield Usage("database", Meter.DATABASE, database.sku or usual.database, note=both_zones)
    storage = Quantity.always(database.storage_gb)
    yield Usage("database", Meter.DATABASE_STORAGE, usual.database_disk, storage, note=both_zones)
    nodes = Quantity.always(usual.cache_nodes * HOURS_PER_MONTH)
    yield Usage("cache", Meter.CACHE, cache.sku or usual.cache, nodes)


def _keys(settings: StackSettings, usual: UsualRegion) -> Iterator[Usage]:
    yield Usage("keys", Meter.KEY, usual.key, Quantity.always(usual.keys), note="without requests and old versions")
    for tenant in settings.tenants:
        yield Usage("keys", Meter.KEY, usual.key, Quantity.always(1), tenant=tenant.name)


def _traffic(assumptions: Assumptions) -> Iterator[Usage]:
    yield Usage(
        "object storage", Meter.OBJECT_STORAGE, "", Quantity.always(assumptions.object_gb), note="an assumption"
    )
    yield Usage("NAT traffic", Meter.NAT_DATA, "", Quantity.always(assumptions.nat_gb), note=_BY_TRAFFIC)
    yield Usage("traffic out", Meter.EGRESS, "", Quantity.always(assumptions.egress_gb), note=_BY_TRAFFIC)


def _gateways(settings: StackSettings) -> Iterator[Usage]:
    """NAT gateways by the hour, as AWS and Azure sell them."""
    count = settings.network.zones if settings.network.nat is NatMode.ZONAL else 1
    yield Usage("NAT gateways", Meter.NAT, "", Quantity.always(count * HOURS_PER_MONTH))


def _gateway_by_machines(settings: StackSettings) -> Iterator[Usage]:
    """Cloud NAT by the machines behind it, the 33rd and later ones free (cloud.google.com/nat/pricing)."""
    pools = (settings.cpu_pools.system, settings.cpu_pools.general, *settings.gpu_pools)
    least, most = (min(32, sum(getattr(pool, bound) for pool in pools)) for bound in ("min", "max"))
    machines = Quantity(least, (least + most) / 2, most)
    yield Usage("NAT gateways", Meter.NAT, "machine", machines.times(HOURS_PER_MONTH))


_NETWORKS: Mapping[Cloud, Callable[[StackSettings], Iterator[Usage]]] = {
    Cloud.AWS: _gateways,
    Cloud.AZURE: _gateways,
    Cloud.GCP: _gateway_by_machines,
}
