"""A stack and the tenants that name it: both files must agree."""

from collections.abc import Callable
from typing import Any

import pytest

Told = Callable[..., list[str]]
WriteTenant = Callable[..., None]


def test_a_region_inside_of_the_residency_is_right(told: Told, tenant: WriteTenant) -> None:
    tenant("acme", residency=["EU"])
    assert told(cloud="gcp") == []


@pytest.mark.parametrize(
    ("residency", "changes", "finding"),
    [
        (["US"], {}, "modelfleet:region: europe-west4 is in NL, but tenants/acme.yaml allows its data in US only"),
        (["DE"], {}, "modelfleet:region: europe-west4 is in NL, but tenants/acme.yaml allows its data in DE only"),
        (
            ["EU"],
            {"storage": {"replicaRegion": "us-east1"}},
            "modelfleet:storage.replicaRegion: us-east1 is in US, but tenants/acme.yaml allows its data in EU only",
        ),
    ],
)
def test_residency_excludes_regions(
    told: Told, tenant: WriteTenant, residency: list[str], changes: dict[str, Any], finding: str
) -> None:
    tenant("acme", residency=residency)
    (found,) = told(cloud="gcp", **changes)
    assert found.startswith(finding)


def test_a_tenant_of_another_stack_is_not_asked(told: Told, tenant: WriteTenant) -> None:
    tenant("acme", residency=["US"], stacks=["other"])
    assert told(cloud="gcp") == []


def test_a_tenant_s_wrong_file_is_told(told: Told, tenant: WriteTenant) -> None:
    tenant("acme", plan="gold")
    assert told() == ["plan: 'gold' is none of 'trial', 'standard' or 'enterprise'"]


def test_an_account_hosts_nobody(told: Told, tenant: WriteTenant) -> None:
    tenant("acme")
    (finding,) = told(kind="account")
    assert finding.startswith("modelfleet:kind: tenants/acme.yaml names this stack, which is no region")


def test_a_dedicated_pool_is_named_by_both(told: Told, tenant: WriteTenant) -> None:
    pool = {"name": "own", "sku": "g6e.12xlarge"}
    tenant("acme", gpuPool="own")
    (finding,) = told()
    assert finding.startswith("modelfleet:gpuPools: tenants/acme.yaml has the pool 'own' for itself (gpuPool): add it")
    (finding,) = told(gpuPools=[pool])
    assert finding.startswith("modelfleet:gpuPools[0].tenant: tenants/acme.yaml has the pool 'own' for itself")
    assert told(gpuPools=[{**pool, "tenant": "acme"}]) == []
