"""What a region is made of where its stack file names no size: what the program takes then, as far as it costs.

The Pulumi program has these values beside the resources that they are for (`infra/clouds/<cloud>`), where only a
process with that cloud's SDK can read them. They stand here again, so that an estimate needs no SDK; a test compares
each with the program's own.
"""

from dataclasses import dataclass

from infra.config import Cloud

# https://learn.microsoft.com/azure/virtual-machines/disks-types#premium-ssd-size
_AZURE_DISKS = ((4, "P1"), (8, "P2"), (16, "P3"), (32, "P4"), (64, "P6"), (128, "P10"), (256, "P15"), (512, "P20"))
_AZURE_LARGE_DISKS = ((1024, "P30"), (2048, "P40"), (4096, "P50"), (8192, "P60"), (16384, "P70"), (32767, "P80"))


@dataclass(frozen=True)
class PricedDisk:
    """How a boot disk is counted.

    Attributes:
        sku: Class or tier.
        units: Units of its price for one disk: gigabytes, or one where the cloud sells sizes.
    """

    sku: str
    units: float


@dataclass(frozen=True)
class UsualRegion:
    """The sizes of one cloud's regions.

    Attributes:
        cloud: Which.
        system: Machine of the pool `system`.
        general: Machine of the pool `general`.
        confidential: Machine of both with `kubernetes.confidentialNodes`; empty where the same machines do that.
        node_disk_gb: Boot disk of CPU machines.
        disk_class: Class of boot disks; empty where it follows from the size.
        database: Size of the database.
        database_disk: Class of its disk.
        cache: Size of the cache's nodes.
        cache_nodes: How many there are.
        keys: Keys of the region itself, one a purpose.
        key: How keys are counted; empty where there is one way only.
        endpoints: Private endpoints of cloud services.
        endpoints_by_zone: Whether each zone has one of each.
        tunnel: What the way to a private API server runs on; empty where it needs nothing.
    """

    cloud: Cloud
    system: str
    general: str
    confidential: str
    node_disk_gb: int
    disk_class: str
    database: str
    database_disk: str
    cache: str
    cache_nodes: int
    keys: int
    key: str
    endpoints: int
    endpoints_by_zone: bool
    tunnel: str

    def system_machine(self, *, confidential: bool) -> str:
        """Machine of the pool `system`."""
        return self.confidential if confidential and self.confidential else self.system

    def general_machine(self, *, confidential: bool) -> str:
        """Machine of the pool `general`."""
        return self.confidential if confidential and self.confidential else self.general

    def disk(self, size_gb: int) -> PricedDisk:
        """How a boot disk of a size is counted."""
        if self.disk_class:
            return PricedDisk(self.disk_class, size_gb)
        return PricedDisk(next(tier for gb, tier in (*_AZURE_DISKS, *_AZURE_LARGE_DISKS) if size_gb <= gb), 1)


USUAL = {
    usual.cloud: usual
    for usual in (
        UsualRegion(
            cloud=Cloud.AWS,
            system="m7i.large",
            general="m7i.xlarge",
            confidential="",
            node_disk_gb=100,
            disk_class="gp3",
            database="db.m6g.large",
            database_disk="gp3",
            cache="cache.m7g.large",
            cache_nodes=2,
            keys=5,
            key="",
            endpoints=14,
            endpoints_by_zone=True,
            tunnel="t4g.nano",
        ),
        UsualRegion(
            cloud=Cloud.AZURE,
            system="Standard_D4ds_v5",
            general="Standard_D8ds_v5",
            confidential="Standard_DC4ads_v5",
            node_disk_gb=128,
            disk_class="",
            database="Standard_D4ds_v5",
            database_disk="Premium SSD",
            cache="Balanced_B5",
            cache_nodes=2,
            keys=5,
            key="RSA-HSM 3072",
            endpoints=5,  # vault, storage, registry, database, cache
            endpoints_by_zone=False,
            tunnel="Standard",
        ),
        UsualRegion(
            cloud=Cloud.GCP,
            system="n2d-standard-4",
            general="n2d-standard-8",
            confidential="",
            node_disk_gb=100,
            disk_class="pd-balanced",
            database="db-perf-optimized-N-2",
            database_disk="PD_SSD",
            cache="STANDARD_SMALL",
            cache_nodes=2,
            keys=5,
            key="HSM",
            endpoints=2,  # Google's APIs, the database; the cache's are free with it
            endpoints_by_zone=False,
            tunnel="",
        ),
    )
}
"""By cloud; a local stack costs nothing."""
