"""A GPU machine as its cloud sells it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class InterconnectKind(StrEnum):
    """The network by which machines of one group move tensors past the processor."""

    NONE = "none"
    EFA = "efa"
    INFINIBAND = "infiniband"
    GPUDIRECT_TCPX = "gpudirect-tcpx"
    GPUDIRECT_TCPXO = "gpudirect-tcpxo"
    GPUDIRECT_RDMA = "gpudirect-rdma"


class QuotaUnit(StrEnum):
    """What a quota counts."""

    VCPUS = "vcpus"
    GPUS = "gpus"


@dataclass(frozen=True)
class Source:
    """Where facts were read.

    Attributes:
        title: What it is.
        url: Where it is.
        date: The day that the data is of, as its publisher says; else the day on which it was read.
    """

    title: str
    url: str
    date: date


@dataclass(frozen=True)
class Gpu:
    """A machine's GPUs, all alike.

    Attributes:
        model: NVIDIA's name.
        count: How many.
        memory_gib: Memory of one, as the cloud states it: EC2 in binary units; the others write GB for the same.
    """

    model: str
    count: int
    memory_gib: float


@dataclass(frozen=True)
class Interconnect:
    """How a machine talks to others of its group.

    Attributes:
        kind: The technology; NONE where there is only the ordinary network.
        interfaces: Network interfaces for it; None where unknown.
        gbps: Bandwidth of all of them together, in gigabits a second; None where unknown.
    """

    kind: InterconnectKind
    interfaces: int | None = None
    gbps: float | None = None


@dataclass(frozen=True)
class Quota:
    """What a machine draws on before it starts.

    Attributes:
        on_demand: The cloud's name of the quota for on-demand machines: an EC2 quota code, an Azure family, a
            Compute Engine metric.
        spot: The same for spot machines; None where unknown.
        amount: How much one machine draws.
        unit: What is counted.
    """

    on_demand: str
    spot: str | None
    amount: int
    unit: QuotaUnit


@dataclass(frozen=True)
class Price:
    """What an hour of one machine costs on demand, in dollars without tax, in one region."""

    region: str
    usd_per_hour: float
    source: Source


@dataclass(frozen=True)
class Machine:
    """A GPU machine.

    Attributes:
        cloud: aws, azure or gcp.
        sku: The cloud's name of it.
        arch: Instruction set, as container images name it: amd64 or arm64.
        vcpus: Hardware threads.
        memory_gib: Memory, in GiB.
        gpu: Its GPUs.
        nvme_gb: Local NVMe disks together, in GB; 0 where there are none, None where unknown.
        network_gbps: Bandwidth of the ordinary network at most; None where unknown.
        interconnect: The network for groups of machines.
        quota: What it draws on.
        regions: Where it is offered, sorted; None where unknown.
        zones: Where in those regions, sorted; None where the cloud's zones are not known (EC2 names them differently
            in each account).
        rungs: The only ways in which it is sold, as rungs of a capacity ladder (reservation, on-demand, flex-start,
            spot); None where no such limit is known.
        prices: On demand, by region.
        sources: Where specifications, regions and quota were read, by those words.
    """

    cloud: str
    sku: str
    arch: str
    vcpus: int
    memory_gib: float
    gpu: Gpu
    nvme_gb: int | None
    network_gbps: float | None
    interconnect: Interconnect
    quota: Quota
    regions: tuple[str, ...] | None
    zones: tuple[str, ...] | None
    rungs: tuple[str, ...] | None
    prices: tuple[Price, ...]
    sources: tuple[tuple[str, Source], ...]

    def price_in(self, region: str) -> Price | None:
        """Give the on-demand price in a region; None where no source was found."""
        return next((price for price in self.prices if price.region == region), None)

    def offered_in(self, region: str) -> bool | None:
        """Tell whether a region offers it; None where that is unknown."""
        return None if self.regions is None else region in self.regions
