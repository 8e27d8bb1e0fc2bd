"""What an estimate takes for granted is what the program makes."""

import importlib

import pytest

from fleet.cost.budget import ALARMS
from fleet.cost.usual import USUAL
from infra.clouds.region import KeyPurpose
from infra.config import Cloud


def of(module: str, name: str) -> object:
    return getattr(importlib.import_module(f"infra.{module}"), name)


def test_aws() -> None:
    usual = USUAL[Cloud.AWS]
    assert of("clouds.aws.node_pools", "_SKUS") == {"system": usual.system, "general": usual.general}
    assert of("clouds.aws.node_pools", "_DISK_GB") == usual.node_disk_gb
    assert of("clouds.aws.database", "_SKU") == usual.database
    assert (of("clouds.aws.cache", "_SKU"), of("clouds.aws.cache", "_NODES")) == (usual.cache, usual.cache_nodes)
    assert of("clouds.aws.tunnel", "_MACHINE") == usual.tunnel
    endpoints = of("clouds.aws.network", "_INTERFACE_ENDPOINTS")
    assert isinstance(endpoints, tuple)
    assert len(endpoints) == usual.endpoints


def test_azure() -> None:
    usual = USUAL[Cloud.AZURE]
    assert of("clouds.azure.cluster", "SYSTEM_SKU") == usual.system
    assert of("clouds.azure.cluster", "CONFIDENTIAL_SKU") == usual.confidential
    assert of("clouds.azure.cluster", "SYSTEM_DISK_GB") == of("clouds.azure.node_pools", "DISK_GB")
    assert of("clouds.azure.node_pools", "DISK_GB") == usual.node_disk_gb
    assert of("clouds.azure.node_pools", "GENERAL_SKU") == usual.general
    assert of("clouds.azure.database", "DEFAULT_SKU") == usual.database
    assert of("clouds.azure.cache", "DEFAULT_SKU") == usual.cache
    assert usual.key == f"RSA-HSM {of('clouds.azure.keys', 'KEY_SIZE_BITS')}"


def test_google_cloud() -> None:
    usual = USUAL[Cloud.GCP]
    assert of("clouds.gcp.node_pools", "_USUAL") == {"system": usual.system, "general": usual.general}
    assert of("clouds.gcp.node_pools", "_DISK_GB") == usual.node_disk_gb
    assert of("clouds.gcp.database", "_USUAL_TIER") == usual.database
    assert of("clouds.gcp.cache", "_USUAL_NODE") == usual.cache


@pytest.mark.parametrize("usual", USUAL.values(), ids=lambda usual: usual.cloud)
def test_a_key_a_purpose(usual: object) -> None:
    assert getattr(usual, "keys", None) == len(KeyPurpose)


def test_alarms_are_those_of_the_account_stacks() -> None:
    steps = of("account.aws_budgets", "STEPS")
    assert isinstance(steps, tuple)
    assert tuple(percent / 100 for percent, kind in steps if kind == "ACTUAL") == ALARMS
    assert of("account.gcp_budgets", "THRESHOLDS") == ALARMS


def test_azure_sells_disks_by_size() -> None:
    sizes = {gb: USUAL[Cloud.AZURE].disk(gb).sku for gb in (50, 128, 129, 200, 16384)}
    assert sizes == {50: "P6", 128: "P10", 129: "P15", 200: "P15", 16384: "P70"}
    assert USUAL[Cloud.AWS].disk(200).units == 200
