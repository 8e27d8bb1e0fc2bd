"""Residency: every region that the catalogue offers machines in has a country."""

import pytest

import catalog
from catalog import Residence


@pytest.mark.parametrize("cloud", catalog.CLOUDS)
def test_every_region_with_a_machine_has_a_country(cloud: str) -> None:
    offered = {region for machine in catalog.machines(cloud) for region in machine.regions or ()}
    assert {region for region in offered if catalog.residence(cloud, region) is None} == set()


@pytest.mark.parametrize(
    ("cloud", "region", "country", "areas"),
    [
        ("aws", "eu-central-1", "DE", ("EU",)),
        ("aws", "eu-west-2", "GB", ()),
        ("aws", "eu-central-2", "CH", ()),
        ("azure", "westeurope", "NL", ("EU",)),
        ("azure", "norwayeast", "NO", ()),
        ("gcp", "us-central1", "US", ()),
    ],
)
def test_a_region_s_residence(cloud: str, region: str, country: str, areas: tuple[str, ...]) -> None:
    assert catalog.residence(cloud, region) == Residence(country, areas)


def test_an_unknown_region_has_none() -> None:
    assert catalog.residence("aws", "mars-north-1") is None
    assert catalog.residence("moon", "us-east-1") is None


@pytest.mark.parametrize(
    ("allowed", "within"), [((), True), (("EU",), True), (("DE",), True), (("US", "DE"), True), (("US", "FR"), False)]
)
def test_data_may_be_where_its_country_or_area_is_allowed(allowed: tuple[str, ...], within: bool) -> None:
    assert Residence("DE", ("EU",)).within(allowed) is within
