"""Newer prices from the clouds' public price lists, written beside the catalogue's own, where a reviewer sees them.

AWS publishes a file per service and region, Azure an API; neither asks who one is. Google's Cloud Billing Catalog API
asks for a key of a project, which this command doesn't take: prices of Google Cloud are the catalogue's.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from catalog.price_book import PRICES_FOLDER, Meter, PriceUnit
from fleet.console import FleetError


@dataclass(frozen=True)
class FoundPrice:
    """One price that a cloud's list has."""

    meter: Meter
    sku: str
    unit: PriceUnit
    usd: float


@dataclass(frozen=True)
class PriceList:
    """What was read of a cloud's list for one region.

    Attributes:
        cloud: aws or azure.
        region: The cloud's name of it.
        title: What the list is called.
        url: Where it is.
        published: The day that its publisher names, else the day on which it was read.
        prices: What was found of what was wanted.
    """

    cloud: str
    region: str
    title: str
    url: str
    published: date
    prices: tuple[FoundPrice, ...]

    def write(self, folder: Path = PRICES_FOLDER) -> Path:
        """Write the catalogue's file of this cloud and region, in place of an earlier one.

        Raises:
            FleetError: nothing of what was wanted is in the list: its shape has changed, or the region is none.
        """
        if not self.prices:
            raise FleetError(f"{self.url} has no price of what a region in {self.region} is made of: is that a region?")
        file = folder / f"{self.cloud}-{self.region}.yaml"
        source = {"title": self.title, "url": self.url, "date": self.published.isoformat()}
        lines = [
            f"# Prices of {self.cloud} in {self.region}, written by `fleet cost --refresh`.",
            "sources:",
            f"  list: {json.dumps(source)}",
            "prices:",
            *(f"  - {self._entry(price)}" for price in _once(self.prices)),
        ]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def _entry(self, price: FoundPrice) -> str:
        # JSON is YAML too, and quotes what has to be quoted.
        entry = {"meter": price.meter.value, "sku": price.sku, "unit": price.unit.value}
        return json.dumps(entry | {"usdBy": {self.region: price.usd}, "source": "list"})


def _once(prices: Iterable[FoundPrice]) -> list[FoundPrice]:
    """The first price of each thing, in one order, so that the same list gives the same file."""
    first: dict[tuple[str, str], FoundPrice] = {}
    for price in prices:
        first.setdefault((price.meter, price.sku), price)
    return [first[key] for key in sorted(first)]
