"""What clouds charge for what a region is made of: dated prices by meter, size and region.

Data in `catalog/data/prices/*.yaml`; GPU machines' prices come from the machines' own files. Of two prices for the same
thing the later one counts. A price that only another region has is given as that region's, and says so; what no source
was found for is None: unknown, never a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import Field

from catalog.data_file import SourceEntry
from catalog.machine import Source
from catalog.machines import CLOUDS, machines
from documents import FileModel, Finding, SettingsError, YamlDocument

PRICES_FOLDER = Path(__file__).parent / "data" / "prices"

# Where most published price lists are of: whose price stands in where a region's own isn't known.
REFERENCE_REGIONS: Mapping[str, str] = {"aws": "us-east-1", "azure": "eastus", "gcp": "us-central1"}


class Meter(StrEnum):
    """What a cloud counts."""

    CLUSTER = "cluster"
    MACHINE = "machine"
    DISK = "disk"
    NAT = "nat"
    NAT_DATA = "nat-data"
    ENDPOINT = "endpoint"
    LOAD_BALANCER = "load-balancer"
    DATABASE = "database"
    DATABASE_STORAGE = "database-storage"
    CACHE = "cache"
    KEY = "key"
    REGISTRY = "registry"
    BASTION = "bastion"
    OBJECT_STORAGE = "object-storage"
    EGRESS = "egress"


class PriceUnit(StrEnum):
    """What a price is for one of."""

    HOUR = "hour"
    MONTH = "month"
    GB_MONTH = "gb-month"
    GB = "gb"


class PriceEntry(FileModel):
    """One meter, in the regions that its source has."""

    meter: Meter
    sku: str = Field("", description="Size, class or tier, in the cloud's own word; empty where there is one only")
    unit: PriceUnit
    usd_by: dict[str, float] = Field(min_length=1, description="Dollars without tax, on demand, by region")
    source: str = Field(description="Key of the file's `sources`")


class PriceFile(FileModel):
    """The shape of a file of prices."""

    sources: dict[str, SourceEntry]
    prices: tuple[PriceEntry, ...]


@dataclass(frozen=True)
class Rate:
    """The price of one unit.

    Attributes:
        usd: Dollars without tax, on demand.
        unit: For what.
        region: Where that is the price: another than the asked one where only that is known.
        source: Who says so, and when.
    """

    usd: float
    unit: PriceUnit
    region: str
    source: Source


@dataclass(frozen=True)
class PriceBook:
    """One cloud's prices.

    Attributes:
        cloud: aws, azure or gcp.
        rates: By meter and size, then by region.
    """

    cloud: str
    rates: Mapping[tuple[Meter, str], Mapping[str, Rate]]

    def rate(self, meter: Meter, sku: str, region: str) -> Rate | None:
        """Give a price in a region, else the reference region's, else that of the first region by name that has one."""
        known = self.rates.get((meter, sku), {})
        if not known:
            return None
        return known.get(region) or known.get(REFERENCE_REGIONS[self.cloud]) or known[min(known)]


@cache
def price_book(cloud: str) -> PriceBook:
    """Read a cloud's prices.

    Raises:
        SettingsError: a file says something wrong.
    """
    files = [PRICES_FOLDER / f"{cloud}.yaml", *sorted(PRICES_FOLDER.glob(f"{cloud}-*.yaml"))]
    return read_book(cloud, files)


def read_book(cloud: str, files: Iterable[Path]) -> PriceBook:
    """Read a cloud's prices from files, and those of its GPU machines from the catalogue.

    Raises:
        SettingsError: a file says something wrong, with its key and line.
    """
    if cloud not in CLOUDS:
        raise LookupError(f"{cloud!r} has no prices; there are: {', '.join(CLOUDS)}")
    rates: dict[tuple[Meter, str], dict[str, Rate]] = {}

    def add(meter: Meter, sku: str, rate: Rate) -> None:
        known = rates.setdefault((meter, sku), {})
        if rate.region not in known or known[rate.region].source.date < rate.source.date:
            known[rate.region] = rate

    for machine in machines(cloud):
        for price in machine.prices:
            add(Meter.MACHINE, machine.sku, Rate(price.usd_per_hour, PriceUnit.HOUR, price.region, price.source))
    for file in files:
        content = _read(file)
        for entry in content.prices:
            source = content.sources[entry.source]
            for region, usd in entry.usd_by.items():
                dated = Source(source.title, source.url, source.date)
                add(entry.meter, entry.sku, Rate(usd, entry.unit, region, dated))
    return PriceBook(cloud, rates)


def _read(file: Path) -> PriceFile:
    document = YamlDocument.read(file).as_json()
    data = document.as_model(PriceFile)
    problems = [
        Finding(document.file, document.lines.get(("prices", index, "source")), f"prices[{index}].{key}", text)
        for index, entry in enumerate(data.prices)
        for key, text in _problems(entry, data)
    ]
    if problems:
        raise SettingsError(problems)
    return data


def _problems(entry: PriceEntry, data: PriceFile) -> Iterable[tuple[str, str]]:
    if entry.source not in data.sources:
        yield "source", f"{entry.source!r} is not described in this file"
    for region, usd in entry.usd_by.items():
        if usd < 0:
            yield f"usdBy.{region}", f"{usd} is less than nothing: give dollars"
