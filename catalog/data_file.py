"""The shape of the catalogue's files (`catalog/data/`), checked as every other file that people write.

Imported where a file is read, by whoever reads one: the simulated clouds, a process each, ask for afterlives alone, and
a local stack for no machine.
"""

from datetime import date
from typing import Literal

from pydantic import Field

from catalog.machine import InterconnectKind, QuotaUnit
from documents import FileModel


class SourceEntry(FileModel):
    """Where facts were read."""

    title: str = Field(min_length=1)
    url: str = Field(pattern=r"^https://\S+$")
    date: date


class GpuEntry(FileModel):
    """`gpu` of a machine."""

    model: str = Field(min_length=1)
    count: int = Field(ge=1, le=72)
    memory_gib: float = Field(gt=0)


class InterconnectEntry(FileModel):
    """`interconnect` of a machine."""

    kind: InterconnectKind
    interfaces: int | None = Field(None, ge=1)
    gbps: float | None = Field(None, gt=0)


class QuotaEntry(FileModel):
    """`quota` of a machine."""

    on_demand: str = Field(min_length=1)
    spot: str | None = None
    amount: int = Field(ge=1)
    unit: QuotaUnit
    source: str


class OfferEntry(FileModel):
    """Where machines are offered: regions, or zones (from which the regions follow)."""

    regions: tuple[str, ...] | None = None
    zones: tuple[str, ...] | None = None
    source: str


class PriceEntry(FileModel):
    """On-demand prices by region, in dollars an hour."""

    usd_per_hour: dict[str, float]
    source: str


class MachineEntry(FileModel):
    """One machine."""

    sku: str = Field(min_length=1)
    arch: Literal["amd64", "arm64"] = "amd64"
    vcpus: int = Field(ge=1)
    memory_gib: float = Field(gt=0)
    gpu: GpuEntry
    nvme_gb: int | None = Field(None, ge=0)
    network_gbps: float | None = Field(None, gt=0)
    interconnect: InterconnectEntry = Field(default_factory=lambda: InterconnectEntry(kind=InterconnectKind.NONE))
    quota: QuotaEntry
    offers: str | None = Field(None, description="Key of the file's `offers`; unset: unknown")
    rungs: tuple[Literal["reservation", "on-demand", "flex-start", "spot"], ...] | None = Field(None, min_length=1)
    price: PriceEntry | None = None
    source: str = Field(description="Key of the file's `sources`: where the machine's properties were read")


class DataFile(FileModel):
    """One cloud's file."""

    sources: dict[str, SourceEntry]
    offers: dict[str, OfferEntry] = Field(default_factory=dict)
    machines: tuple[MachineEntry, ...] = Field(min_length=1)


class RegionsFile(FileModel):
    """The file of regions (`catalog/data/regions.yaml`)."""

    sources: dict[str, SourceEntry]
    areas: dict[str, tuple[str, ...]]
    regions: dict[str, dict[str, str]] = Field(description="Country of each region, by cloud")
