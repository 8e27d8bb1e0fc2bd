"""AWS's price list files: one a service and region, public, as CSV and JSON.

The CSV is read, not the JSON: it has one price a line, so that EC2's (hundreds of megabytes) passes through a few
kilobytes of memory. Format and address:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import httpx

from catalog.price_book import Meter, PriceUnit
from fleet.console import FleetError
from fleet.cost.refresh import FoundPrice, PriceList

AWS_PRICES = "https://pricing.us-east-1.amazonaws.com"
# Between two reads; the whole of EC2's file takes minutes.
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_USAGE = "usageType"


@dataclass(frozen=True)
class _Wanted:
    """Rows of a service's file that are the price of one meter.

    Attributes:
        meter: Of what.
        unit: What a price there is for one of.
        columns: What other columns must say.
        usage: How the usage type ends; before it stands the region's short name, but for us-east-1.
        sku: What the price is of: a column's name in angle brackets, or a fixed name.
    """

    meter: Meter
    unit: PriceUnit
    columns: Mapping[str, str] = field(default_factory=dict)
    usage: str = ""
    sku: str = ""

    def price(self, row: Mapping[str, str]) -> FoundPrice | None:
        """Read a row's price; None for one of something else."""
        if row.get("TermType") != "OnDemand" or row.get("Currency") != "USD":
            return None
        if any(row.get(column) != value for column, value in self.columns.items()):
            return None
        usage = row.get(_USAGE, "")
        if self.usage and usage != self.usage and not usage.endswith(f"-{self.usage}"):
            return None
        # Of a price in steps the first, the dearest.
        if row.get("StartingRange") not in {"", "0", None} or not (usd := float(row.get("PricePerUnit") or 0)):
            return None
        sku = row.get(self.sku[1:-1], "") if self.sku.startswith("<") else self.sku
        return FoundPrice(self.meter, sku, self.unit, usd)


_SERVICES: Mapping[str, tuple[_Wanted, ...]] = {
    "AmazonEC2": (
        _Wanted(
            Meter.MACHINE,
            PriceUnit.HOUR,
            {
                "Operating System": "Linux",
                "Tenancy": "Shared",
                "CapacityStatus": "Used",
                "Pre Installed S/W": "NA",
                "operation": "RunInstances",
            },
            sku="<Instance Type>",
        ),
        _Wanted(Meter.DISK, PriceUnit.GB_MONTH, usage="EBS:VolumeUsage.gp3", sku="gp3"),
        _Wanted(Meter.NAT, PriceUnit.HOUR, {"Product Family": "NAT Gateway"}, "NatGateway-Hours"),
        _Wanted(Meter.NAT_DATA, PriceUnit.GB, {"Product Family": "NAT Gateway"}, "NatGateway-Bytes"),
    ),
    "AmazonRDS": (
        _Wanted(
            Meter.DATABASE,
            PriceUnit.HOUR,
            {
                "Product Family": "Database Instance",
                "Database Engine": "PostgreSQL",
                "Deployment Option": "Multi-AZ",
            },
            sku="<Instance Type>",
        ),
        _Wanted(Meter.DATABASE_STORAGE, PriceUnit.GB_MONTH, usage="RDS:Multi-AZ-GP3-Storage", sku="gp3"),
    ),
    "AmazonElastiCache": (
        _Wanted(
            Meter.CACHE,
            PriceUnit.HOUR,
            {"Product Family": "Cache Instance", "Cache Engine": "Valkey"},
            sku="<Instance Type>",
        ),
    ),
    "AmazonEKS": (_Wanted(Meter.CLUSTER, PriceUnit.HOUR, usage="AmazonEKS-Hours:perCluster"),),
    "AWSELB": (
        _Wanted(
            Meter.LOAD_BALANCER,
            PriceUnit.HOUR,
            {"Product Family": "Load Balancer-Network"},
            "LoadBalancerUsage",
        ),
    ),
    "AmazonVPC": (_Wanted(Meter.ENDPOINT, PriceUnit.HOUR, usage="VpcEndpoint-Hours"),),
    "awskms": (_Wanted(Meter.KEY, PriceUnit.MONTH, usage="KMS-Keys"),),
    "AmazonS3": (_Wanted(Meter.OBJECT_STORAGE, PriceUnit.GB_MONTH, usage="TimedStorage-ByteHrs"),),
}


def aws_prices(region: str, skus: frozenset[str], *, address: str = AWS_PRICES) -> PriceList:
    """Read the prices of a Region.

    Args:
        region: Such as us-east-1.
        skus: Machines, database classes and node types that are wanted; the lists have thousands.
        address: Where the files are.

    Raises:
        FleetError: a list can't be had, or isn't of the documented shape.
    """
    found: list[FoundPrice] = []
    published: list[date] = []
    with httpx.Client(base_url=address, timeout=_TIMEOUT) as client:
        for service, wanted in _SERVICES.items():
            path = f"/offers/v1.0/aws/{service}/current/{region}/index.csv"
            try:
                with client.stream("GET", path) as answer:
                    answer.raise_for_status()
                    day, rows = _rows(answer.iter_lines(), f"{address}{path}")
                    published.append(day)
                    found.extend(_wanted(rows, wanted, skus))
            except httpx.HTTPError as error:
                raise FleetError(
                    f"{address}{path} can't be read ({error or type(error).__name__}): is {region} a Region of AWS?"
                ) from error
    title = f"AWS price list files of {region}"
    return PriceList("aws", region, title, f"{AWS_PRICES}/offers/v1.0/aws/index.json", max(published), tuple(found))


def _wanted(
    rows: Iterable[Mapping[str, str]], wanted: tuple[_Wanted, ...], skus: frozenset[str]
) -> Iterator[FoundPrice]:
    for row in rows:
        for each in wanted:
            price = each.price(row)
            if price is not None and (not each.sku.startswith("<") or price.sku in skus):
                yield price


def _rows(lines: Iterable[str], name: str) -> tuple[date, Iterator[Mapping[str, str]]]:
    """Give a file's day and its prices; the first lines, of two fields each, are about the file itself."""
    reader = csv.reader(lines)
    day = datetime.now(UTC).date()
    for fields in reader:
        if fields and fields[0] == "SKU":
            return day, (dict(zip(fields, values, strict=False)) for values in reader)
        if fields and fields[0] == "Publication Date":
            day = datetime.fromisoformat(fields[1]).date()
    raise FleetError(f"{name} has no line of column names that begins with SKU: AWS has changed the format")
