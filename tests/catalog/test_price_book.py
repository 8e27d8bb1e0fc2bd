"""Prices: each with a source and a day, the later of two, another region's only as such."""

from datetime import date
from pathlib import Path

import pytest

import catalog
from catalog.price_book import REFERENCE_REGIONS, Meter, PriceUnit, price_book, read_book
from documents import SettingsError

TEXT = """
sources: {{page: {{title: A page, url: 'https://example.com', date: {day}}}}}
prices:
  - {{meter: nat, unit: hour, usdBy: {{{prices}}}, source: page}}
"""


def write(folder: Path, name: str, prices: str, day: str = "2026-01-01") -> Path:
    file = folder / name
    file.write_text(TEXT.format(day=day, prices=prices), encoding="utf-8")
    return file


@pytest.mark.parametrize("cloud", catalog.CLOUDS)
def test_every_price_is_plausible_and_sourced(cloud: str) -> None:
    for (meter, _), by_region in price_book(cloud).rates.items():
        for region, rate in by_region.items():
            assert rate.source.url.startswith("https://")
            assert date(2024, 1, 1) <= rate.source.date <= date(2026, 12, 31)
            assert region in catalog.region_names(cloud)
            assert 0 < rate.usd < 300, meter  # a machine of eight GPUs, where it is dearest


def test_machines_bring_their_own_prices() -> None:
    rate = price_book("aws").rate(Meter.MACHINE, "p5.48xlarge", "us-east-1")
    assert rate is not None
    assert rate.unit is PriceUnit.HOUR
    price = catalog.machine("aws", "p5.48xlarge").price_in("us-east-1")
    assert price is not None
    assert rate.usd == price.usd_per_hour


def test_the_later_price_counts(tmp_path: Path) -> None:
    files = [
        write(tmp_path, "new.yaml", "us-east-1: 2", "2026-03-01"),
        write(tmp_path, "old.yaml", "us-east-1: 1, eu-west-1: 3", "2026-02-01"),
    ]
    for order in (files, files[::-1]):
        book = read_book("aws", order)
        rates = [book.rate(Meter.NAT, "", region) for region in ("us-east-1", "eu-west-1")]
        assert [rate and rate.usd for rate in rates] == [2, 3]


def test_a_region_without_a_price_gets_the_reference_region_s(tmp_path: Path) -> None:
    book = read_book("aws", [write(tmp_path, "a.yaml", "us-east-1: 2, eu-west-1: 3")])
    rate = book.rate(Meter.NAT, "", "us-west-2")
    assert rate is not None
    assert rate.region == REFERENCE_REGIONS["aws"]
    book = read_book("aws", [write(tmp_path, "b.yaml", "eu-west-1: 3")])
    rate = book.rate(Meter.NAT, "", "us-west-2")
    assert rate is not None
    assert rate.region == "eu-west-1"
    assert book.rate(Meter.KEY, "", "us-west-2") is None


@pytest.mark.parametrize(
    ("prices", "instead", "told"),
    [
        ("us-east-1: -1", "", "less than nothing"),
        ("us-east-1: 1", "source: none", "'none' is not described"),
        ("us-east-1: 1", "meter: nut", "prices[0].meter"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, prices: str, instead: str, told: str) -> None:
    file = write(tmp_path, "a.yaml", prices)
    if instead:
        key = instead.partition(":")[0]
        was = {"source": "source: page", "meter": "meter: nat"}[key]
        file.write_text(file.read_text().replace(was, instead), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_book("aws", [file])
    assert told in str(caught.value)
    assert str(caught.value).startswith("a.yaml:")
