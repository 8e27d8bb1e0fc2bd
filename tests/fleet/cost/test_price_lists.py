"""Price lists of the documented shapes, served here, become the catalogue's file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.price_book import Meter, read_book
from fleet.console import FleetError
from fleet.cost.aws_prices import aws_prices
from fleet.cost.azure_prices import azure_prices

Served = Callable[[Callable[[str, dict[str, str]], tuple[int, bytes]]], str]

# The columns that matter of AWS's files, in the files' own words and order.
COLUMNS = [
    "SKU", "TermType", "StartingRange", "Unit", "PricePerUnit", "Currency", "Product Family", "Instance Type",
    "Operating System", "Tenancy", "CapacityStatus", "Pre Installed S/W", "usageType", "operation",
    "Database Engine", "Deployment Option", "Cache Engine",
]  # fmt: skip
HEAD = '"FormatVersion","v1.0"\n"Disclaimer","Not, a contract"\n"Publication Date","2026-10-02T17:00:00Z"\n'
MACHINE = {
    "TermType": "OnDemand",
    "StartingRange": "0",
    "Currency": "USD",
    "Product Family": "Compute Instance",
    "Operating System": "Linux",
    "Tenancy": "Shared",
    "CapacityStatus": "Used",
    "Pre Installed S/W": "NA",
    "operation": "RunInstances",
}
DATABASE = {
    "TermType": "OnDemand",
    "StartingRange": "0",
    "Currency": "USD",
    "Product Family": "Database Instance",
    "Database Engine": "PostgreSQL",
    "Deployment Option": "Multi-AZ",
    "Instance Type": "db.m6g.large",
}
EC2 = [
    {**MACHINE, "Instance Type": "p5.48xlarge", "PricePerUnit": "55.04"},
    {**MACHINE, "Instance Type": "p5.48xlarge", "PricePerUnit": "99", "Operating System": "Windows"},
    {**MACHINE, "Instance Type": "p5.48xlarge", "PricePerUnit": "40", "TermType": "Reserved"},
    {**MACHINE, "Instance Type": "p5.48xlarge", "PricePerUnit": "60", "Tenancy": "Dedicated"},
    {**MACHINE, "Instance Type": "m7i.metal", "PricePerUnit": "7"},
    {
        "TermType": "OnDemand",
        "Currency": "USD",
        "StartingRange": "0",
        "usageType": "EUC1-EBS:VolumeUsage.gp3",
        "PricePerUnit": "0.0952",
    },
]


def csv_of(rows: list[dict[str, str]]) -> bytes:
    lines = [",".join(f'"{column}"' for column in COLUMNS)]
    lines += [",".join(f'"{row.get(column, "")}"' for column in COLUMNS) for row in rows]
    return (HEAD + "\n".join(lines) + "\n").encode()


def test_aws_s_files_are_read_line_by_line(served: Served, tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(path: str, _: dict[str, str]) -> tuple[int, bytes]:
        asked.append(path)
        rows = {"AmazonEC2": EC2, "AmazonRDS": [{**DATABASE, "PricePerUnit": "0.36"}]}
        return 200, csv_of(rows.get(path.split("/")[4], []))

    read = aws_prices("eu-central-1", frozenset({"p5.48xlarge", "db.m6g.large"}), address=served(answer))
    assert asked[0] == "/offers/v1.0/aws/AmazonEC2/current/eu-central-1/index.csv"
    assert {(price.meter, price.sku): price.usd for price in read.prices} == {
        (Meter.MACHINE, "p5.48xlarge"): 55.04,
        (Meter.DISK, "gp3"): 0.0952,
        (Meter.DATABASE, "db.m6g.large"): 0.36,
    }

    book = read_book("aws", [read.write(tmp_path)])
    rate = book.rate(Meter.MACHINE, "p5.48xlarge", "eu-central-1")
    assert rate is not None
    assert (rate.usd, rate.region, str(rate.source.date)) == (55.04, "eu-central-1", "2026-10-02")


def test_the_same_list_writes_the_same_file(served: Served, tmp_path: Path) -> None:
    address = served(lambda path, _: (200, csv_of(EC2 if "AmazonEC2" in path else [])))
    texts = [
        aws_prices("eu-central-1", frozenset({"p5.48xlarge"}), address=address).write(tmp_path).read_text()
        for _ in range(2)
    ]
    assert texts[0] == texts[1]


def test_a_region_that_aws_has_not_is_told(served: Served) -> None:
    address = served(lambda *_: (404, b""))
    with pytest.raises(FleetError, match="is moon-1 a Region of AWS"):
        aws_prices("moon-1", frozenset(), address=address)


def test_another_format_is_told(served: Served) -> None:
    address = served(lambda *_: (200, b'"FormatVersion","v2.0"\n'))
    with pytest.raises(FleetError, match="AWS has changed the format"):
        aws_prices("us-east-1", frozenset(), address=address)


def azure_item(**fields: Any) -> dict[str, Any]:
    return {"currencyCode": "USD", "tierMinimumUnits": 0.0, "type": "Consumption", "productName": "", **fields}


def test_azure_is_asked_page_by_page(served: Served, tmp_path: Path) -> None:
    filters: list[str] = []
    address = ""

    def answer(_: str, query: dict[str, str]) -> tuple[int, bytes]:
        asked = query.get("$filter", "")
        filters.append(asked)
        if query.get("page") == "2":
            items = [azure_item(retailPrice=6.98, skuName="NC40ads_H100_v5", productName="Virtual Machines NCads H100")]
            return 200, json.dumps({"Items": items, "NextPageLink": None}).encode()
        if "Standard_NC40ads_H100_v5" in asked:
            items = [
                azure_item(retailPrice=1.1, skuName="NC40ads_H100_v5 Spot"),
                azure_item(retailPrice=9.9, skuName="NC40ads_H100_v5", productName="Virtual Machines Windows"),
            ]
            return 200, json.dumps({"Items": items, "NextPageLink": f"{address}/api/retail/prices?page=2"}).encode()
        if "Premium Registry Unit" in asked:
            return 200, json.dumps({"Items": [azure_item(retailPrice=1.668)], "NextPageLink": None}).encode()
        return 200, json.dumps({"Items": [], "NextPageLink": None}).encode()

    address = served(answer)
    read = azure_prices("westeurope", frozenset({"Standard_NC40ads_H100_v5", "Balanced_B5"}), address=address)
    assert {(price.meter, price.sku): price.usd for price in read.prices} == {
        (Meter.MACHINE, "Standard_NC40ads_H100_v5"): 6.98,
        (Meter.REGISTRY, "Premium"): pytest.approx(0.0695),  # of a day
    }
    assert filters[0].startswith("armRegionName eq 'westeurope' and priceType eq 'Consumption' and serviceName eq")
    assert read_book("azure", [read.write(tmp_path)]).rate(Meter.REGISTRY, "Premium", "westeurope")


def test_azure_s_refusal_is_told(served: Served) -> None:
    with pytest.raises(FleetError, match="gives no prices of"):
        azure_prices("westeurope", frozenset(), address=served(lambda *_: (200, b"<html>")))


def test_an_empty_list_is_no_file(served: Served, tmp_path: Path) -> None:
    empty = served(lambda *_: (200, b'{"Items": [], "NextPageLink": null}'))
    with pytest.raises(FleetError, match="has no price"):
        azure_prices("westeurop", frozenset(), address=empty).write(tmp_path)
    assert not list(tmp_path.iterdir())
