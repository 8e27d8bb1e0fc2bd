"""Azure's Retail Prices API: public, JSON in pages.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from catalog.price_book import Meter, PriceUnit
from fleet.console import FleetError
from fleet.cost.refresh import FoundPrice, PriceList

AZURE_PRICES = "https://prices.azure.com"
_PATH = "/api/retail/prices"
_VERSION = "2023-01-01-preview"
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_PAGES = 50
"""Pages of one question at most: each has a hundred prices or more, and no question here has a thousand answers."""
_HOURS_PER_DAY = 24


@dataclass(frozen=True)
class _Question:
    """What is asked for one meter.

    Attributes:
        meter: Of what.
        unit: What a price is for one of.
        sku: Our name of it; empty for machines, which bring their own.
        where: Fields of a price and what they must say.
        divisor: What the answer's price is for, in our units.
    """

    meter: Meter
    unit: PriceUnit
    sku: str
    where: Mapping[str, str]
    divisor: float = 1.0

    def filter(self, region: str) -> str:
        """The question in the API's words (OData)."""
        terms = {"armRegionName": region, "priceType": "Consumption", **self.where}
        return " and ".join(f"{field} eq '{value}'" for field, value in terms.items())


def _questions(skus: frozenset[str]) -> Iterator[_Question]:
    hour, month = PriceUnit.HOUR, PriceUnit.MONTH
    for sku in sorted(sku for sku in skus if sku.startswith("Standard_")):
        where = {"serviceName": "Virtual Machines", "armSkuName": sku}
        yield _Question(Meter.MACHINE, hour, sku, where)
    for tier in ("P10", "P15", "P20", "P30", "P40", "P50"):
        product = {"serviceName": "Storage", "productName": "Premium SSD Managed Disks"}
        yield _Question(Meter.DISK, month, tier, {**product, "meterName": f"{tier} LRS Disk"})
    aks = {"serviceName": "Azure Kubernetes Service", "meterName": "Standard Uptime SLA"}
    yield _Question(Meter.CLUSTER, hour, "", aks)
    nat = {"serviceName": "NAT Gateway"}
    yield _Question(Meter.NAT, hour, "", {**nat, "meterName": "Standard Gateway"})
    yield _Question(Meter.NAT_DATA, PriceUnit.GB, "", {**nat, "meterName": "Standard Data Processed"})
    link = {"serviceName": "Virtual Network", "productName": "Virtual Network Private Link"}
    yield _Question(Meter.ENDPOINT, hour, "", {**link, "meterName": "Standard Private Endpoint"})
    bastion = {"serviceName": "Azure Bastion", "skuName": "Standard", "meterName": "Standard Gateway"}
    yield _Question(Meter.BASTION, hour, "Standard", bastion)
    registry = {"serviceName": "Container Registry", "meterName": "Premium Registry Unit"}
    yield _Question(Meter.REGISTRY, hour, "Premium", registry, divisor=_HOURS_PER_DAY)
    redis = {"serviceName": "Redis Cache", "meterName": "B5 Cache Instance"}
    yield _Question(Meter.CACHE, hour, "Balanced_B5", redis)


def azure_prices(region: str, skus: frozenset[str], *, address: str = AZURE_PRICES) -> PriceList:
    """Read the prices of a region.

    Args:
        region: Such as westeurope.
        skus: Machines that are wanted.
        address: Where the API is.

    Raises:
        FleetError: it can't be asked, or doesn't answer in the documented shape.
    """
    found: list[FoundPrice] = []
    with httpx.Client(base_url=address, timeout=_TIMEOUT) as client:
        for question in _questions(skus):
            usable = (item for item in _items(client, question, region) if _is_ordinary(item))
            if (item := next(usable, None)) is not None:
                price = float(item["retailPrice"]) / question.divisor
                found.append(FoundPrice(question.meter, question.sku, question.unit, price))
    today = datetime.now(UTC).date()
    title = f"Azure Retail Prices API, {region}"
    return PriceList("azure", region, title, f"{AZURE_PRICES}{_PATH}", today, tuple(found))


def _items(client: httpx.Client, question: _Question, region: str) -> Iterator[Mapping[str, Any]]:
    url: str | None = None
    for _ in range(_PAGES):
        try:
            if url is None:
                parameters = {"api-version": _VERSION, "currencyCode": "USD", "$filter": question.filter(region)}
                answer = client.get(_PATH, params=parameters)
            else:
                answer = client.get(url)
            answer.raise_for_status()
            page = answer.json()
            yield from page["Items"]
            url = page.get("NextPageLink")
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise FleetError(
                f"{client.base_url}{_PATH} gives no prices of {question.meter} {question.sku} in {region}: "
                f"{error or type(error).__name__}"
            ) from error
        if not url:
            return


def _is_ordinary(item: Mapping[str, Any]) -> bool:
    """Tell whether a price is of Linux, on demand, from the first unit on."""
    names = f"{item.get('skuName', '')} {item.get('productName', '')} {item.get('meterName', '')}"
    special = any(word in names for word in ("Spot", "Low Priority", "Windows", "CloudServices"))
    return not special and float(item.get("tierMinimumUnits", 0)) == 0 and float(item.get("retailPrice", 0)) > 0
