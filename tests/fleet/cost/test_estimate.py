"""An estimate is the sum that one would do by hand, and tells what is not in it."""

from datetime import date

import pytest

from catalog import Source
from catalog.price_book import Meter, PriceBook, PriceUnit, Rate
from fleet.console import FleetError
from fleet.cost.estimate import Amount, estimate
from fleet.cost.usage import HOURS_PER_MONTH, Assumptions
from tenants import Tenant, TenantLimits
from tests.fleet.cost.conftest import Settings

SOURCE = Source("a page", "https://example.com", date(2026, 1, 1))
POOL = {"name": "l40s", "sku": "g6e.12xlarge", "min": 1, "max": 3, "driver": 580}
NONE = Assumptions(load=0.5, egress_gb=0, nat_gb=0, object_gb=0)


def book(**usd: float) -> PriceBook:
    """Prices of us-east-1 by `meter` or `meter__sku`, all by the hour."""
    rates = {}
    for key, price in usd.items():
        meter, _, sku = key.partition("__")
        rate = Rate(price, PriceUnit.HOUR, "us-east-1", SOURCE)
        rates[Meter(meter), sku.replace("_", ".")] = {"us-east-1": rate}
    return PriceBook("aws", rates)


def test_pools_count_from_least_to_most(settings: Settings) -> None:
    found = estimate("one", settings(gpuPools=[POOL]), NONE, book(machine__g6e_12xlarge=10))
    assert found.by_pool()["l40s"] == Amount(10 * 730, 20 * 730, 30 * 730)


def test_a_lower_rung_is_only_there_at_most(settings: Settings) -> None:
    pool = {**POOL, "rungs": ["on-demand", "spot"], "interruptible": True}
    found = estimate("one", settings(gpuPools=[pool]), NONE, book(machine__g6e_12xlarge=1))
    assert found.by_pool()["l40s"] == Amount(730, 2 * 730, 6 * 730)
    assert [line.usage.note for line in found.lines if line.usage.part == "machines, spot"] == [
        "spot at the on-demand price, its upper bound"
    ]


def test_a_reservation_is_paid_used_or_not(settings: Settings) -> None:
    pool = {**POOL, "rungs": ["reservation"], "reservation": "cr-0123456789abcdef0", "reserved": 4}
    found = estimate("one", settings(gpuPools=[pool]), NONE, book(machine__g6e_12xlarge=1))
    assert found.by_pool()["l40s"] == Amount(4 * 730, 4 * 730, 4 * 730)


def test_shared_nat_costs_a_gateway(settings: Settings) -> None:
    zonal = estimate("one", settings(), NONE, book(nat=1))
    shared = estimate("one", settings(network={"nat": "shared"}), NONE, book(nat=1))
    assert zonal.total.expected == 3 * HOURS_PER_MONTH
    assert shared.total.expected == HOURS_PER_MONTH


def test_what_has_no_price_is_told_and_not_guessed(settings: Settings) -> None:
    found = estimate("one", settings(), NONE, book(cluster=0.1))
    assert found.total == Amount(73, 73, 73)
    assert {usage.part for usage in found.unpriced} >= {"database", "cache", "load balancer"}
    assert "control plane" not in found.unknown_parts
    assert "database" in found.unknown_parts


def test_another_region_s_price_is_marked(settings: Settings) -> None:
    found = estimate("one", settings(region="us-west-2"), NONE, book(cluster=0.1))
    assert [line.usage.part for line in found.elsewhere] == ["control plane"]


def test_lines_add_up_to_every_table(settings: Settings) -> None:
    found = estimate("one", settings(gpuPools=[POOL]), Assumptions())
    for table in (found.by_pool(), found.by_part()):
        total = sum(table.values(), Amount())
        assert total.expected == pytest.approx(found.total.expected)
        assert total.low <= total.expected <= total.high


def test_tenants_pay_their_own_and_their_share(settings: Settings) -> None:
    plain = settings(gpuPools=[POOL, {**POOL, "name": "own"}])
    tenants = tuple(
        Tenant(name=name, stacks=("one",), limits=TenantLimits(tokens_per_minute=tokens))
        for name, tokens in (("large", 3000), ("small", 1000))
    )
    own = plain.gpu_pools[1].model_copy(update={"tenant": "small"})
    hosting = plain.model_copy(update={"tenants": tenants, "gpu_pools": (plain.gpu_pools[0], own)})
    found = estimate("one", hosting, NONE, book(machine__g6e_12xlarge=1))
    shared, dedicated = found.by_pool()["l40s"].expected, found.by_pool()["own"].expected
    amounts = found.by_tenant()
    assert amounts["large"].expected == pytest.approx(0.75 * shared)
    assert amounts["small"].expected == pytest.approx(0.25 * shared + dedicated)
    assert sum(amount.expected for amount in amounts.values()) == pytest.approx(found.total.expected)


@pytest.mark.parametrize("keys", [{"kind": "account"}, {"kind": "state"}])
def test_only_regions_are_estimated(settings: Settings, keys: dict[str, str]) -> None:
    with pytest.raises(FleetError, match="of kind"):
        estimate("one", settings(**keys), NONE)


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_the_catalogue_prices_every_cloud_s_region_in_part(settings: Settings, cloud: str) -> None:
    found = estimate("one", settings(cloud=cloud), Assumptions())
    assert found.total.expected > 100
    for line in found.lines:
        assert line.rate is None or line.rate.source.url.startswith("https://")
