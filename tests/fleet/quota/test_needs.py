"""Needs are those of the settings' own rules, and what goes with pools."""

from collections.abc import Callable
from typing import Any

import pytest

from fleet.console import FleetError
from fleet.quota.needs import Need, needs_of
from fleet.quota.standing import Limit, Verdict, compare
from infra.config import StackSettings, gpu_demands

Settings = Callable[..., StackSettings]
POOL: dict[str, Any] = {"name": "l40s", "sku": "g6e.12xlarge", "min": 1, "max": 3, "driver": 580}


def needed(settings: StackSettings) -> dict[str, Need]:
    return {need.quota: need for need in needs_of("one", settings).needs}


def test_gpus_are_counted_by_the_settings_own_rules(settings: Settings) -> None:
    made = settings(gpuPools=[POOL])
    (demand,) = gpu_demands(made).values()
    need = needed(made)["ec2/L-DB2E81BA"]
    assert (need.amount, need.surge) == (demand.steady, demand.surge) == (3 * 48, 48)


def test_cpu_pools_and_the_tunnel_draw_on_one_quota(settings: Settings) -> None:
    need = needed(settings())["ec2/L-1216C47A"]
    assert need.amount == 6 * 2 + 10 * 4 + 2
    assert need.surge == 4
    assert need.by == ("pool system", "pool general", "way to the API server")


def test_azure_counts_families_and_all_together(settings: Settings) -> None:
    pool = {"name": "h100", "sku": "Standard_NC40ads_H100_v5", "min": 1, "max": 2, "driver": 580}
    needs = needed(settings(cloud="azure", gpuPools=[pool]))
    assert needs["StandardNCadsH100v5Family"].amount == 80
    assert needs["standardDDSv5Family"].amount == 6 * 4 + 10 * 8
    assert needs["cores"].amount == 80 + 6 * 4 + 10 * 8
    assert needs["cores"].surge == 40


def test_google_cloud_counts_gpus(settings: Settings) -> None:
    pool = {"name": "l4", "sku": "g2-standard-12", "min": 1, "max": 8, "driver": 580}
    needs = needed(settings(cloud="gcp", gpuPools=[pool]))
    assert needs["NVIDIA_L4_GPUS"].amount == 8
    assert needs["N2D_CPUS"].amount == 6 * 4 + 10 * 8
    assert needs["STATIC_ADDRESSES"].amount == 3


def test_a_machine_of_one_s_own_is_told_as_unchecked(settings: Settings) -> None:
    made = settings(cpuPools={"system": {"sku": "c7i.large"}})
    assert needs_of("one", made).unknown == ("c7i.large",)


def test_only_regions_have_needs(settings: Settings) -> None:
    with pytest.raises(FleetError, match="no region of a cloud"):
        needs_of("one", settings(kind="account"))


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        (None, Verdict.UNKNOWN),
        (Limit(99), Verdict.FAILS),
        (Limit(100), Verdict.FITS),
        (Limit(100, used=1), Verdict.TIGHT),
        (Limit(101, used=1), Verdict.FITS),
    ],
)
def test_verdicts_at_their_borders(limit: Limit | None, verdict: Verdict) -> None:
    need = Need("Family", "vcpus", 90, 10, ("pool a",))
    (standing,) = compare([need], {} if limit is None else {"FAMILY": limit})
    assert standing.verdict is verdict
    if verdict is Verdict.FAILS:
        assert standing.remedy == (
            "Family allows 99 vcpus, pool a may take 90 and 10 more for a replacement: have it raised to 100, "
            "or lower `max`"
        )
    else:
        assert not standing.remedy
