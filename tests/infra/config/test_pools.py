"""GPU pools: what no cloud could give is told before a cloud is asked."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.config import GpuPoolSettings, Replacement, StackSettings

Told = Callable[..., list[str]]
RESERVATION = "cr-0123456789abcdef0"
GPU = {"name": "gpu", "sku": "g6e.12xlarge", "max": 2}


def pools(told: Told, cloud: str = "aws", serving: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    others = {} if serving is None else {"serving": {"image": "server@sha256:" + "0" * 64, **serving}}
    return told(cloud=cloud, gpuPools=[{**GPU, **changes}], **others)


def test_a_right_pool_is_right(told: Told) -> None:
    assert (
        pools(told, min=1, rungs=["reservation", "on-demand", "spot"], reservation=RESERVATION, interruptible=True)
        == []
    )


@pytest.mark.parametrize(
    ("cloud", "changes", "path", "text"),
    [
        ("aws", {"min": 3}, "min", "min is 3, max 2"),
        ("aws", {"rungs": ["on-demand", "spot"]}, "rungs", "set interruptible: true"),
        ("aws", {"rungs": ["on-demand", "on-demand"]}, "rungs", "names a rung twice"),
        ("aws", {"rungs": ["reservation"]}, "rungs", "add reservation"),
        ("aws", {"reservation": RESERVATION}, "reservation", "add the rung"),
        ("aws", {"rungs": ["reservation"], "reservation": "mine"}, "reservation", "'mine' is no reservation of aws"),
        ("azure", {"rungs": ["reservation"], "reservation": "mine"}, "reservation", "capacityReservationGroups/<name>"),
        ("gcp", {"rungs": ["reservation"], "reservation": "Mine"}, "reservation", "a reservation's name"),
        ("aws", {"zones": ["us-east-1a"]}, "zones", "us-east-1a: zones of us-west-2 are us-west-2a, us-west-2b"),
        (
            "azure",
            {"sku": "Standard_NC40ads_H100_v5", "zones": ["4"]},
            "zones",
            'zones of westeurope are "1", "2" and "3"',
        ),
        ("gcp", {"sku": "g2-standard-12", "zones": ["a"]}, "zones", "zones of europe-west4 are europe-west4-a,"),
        ("gcp", {"sku": "a3-highgpu-1g"}, "rungs", "is not sold as on-demand; it is as flex-start, spot"),
        ("aws", {"rungs": ["flex-start"]}, "rungs", "`flex-start` is Google Cloud's"),
        ("aws", {"sku": "g6e.12large"}, "sku", "did you mean g6e.12xlarge"),
        ("aws", {"sku": "Standard_ND96isr_H100_v5"}, "sku", "is no GPU machine of aws"),
        ("aws", {"sku": "g6.xlarge", "groupSize": 2}, "groupSize", "no network for groups"),
        ("aws", {"tenant": "acme"}, "tenant", "no tenant 'acme' names this stack"),
        ("azure", {"sku": "Standard_ND96isr_H200_v5"}, "sku", "is not offered in westeurope; it is in australiaeast,"),
        ("azure", {"sku": "Standard_ND128isr_NDR_GB200_v6"}, "sku", "is not offered in westeurope"),
        ("gcp", {"sku": "a3-ultragpu-8g", "zones": ["europe-west4-b"]}, "zones", "it is in europe-west4-a"),
    ],
)
def test_a_wrong_pool_is_told_by_its_key(told: Told, cloud: str, changes: dict[str, Any], path: str, text: str) -> None:
    findings = pools(told, cloud=cloud, **changes)
    assert any(finding.startswith(f"modelfleet:gpuPools[0].{path}: ") and text in finding for finding in findings), (
        findings
    )


def test_flex_start_is_google_s_and_climbs_with_the_others(told: Told) -> None:
    rungs = ["reservation", "on-demand", "flex-start", "spot"]
    assert pools(told, "gcp", sku="a3-highgpu-8g", rungs=rungs, reservation="r", interruptible=True) == []


def test_two_pools_of_one_name_are_told(told: Told) -> None:
    (finding,) = told(gpuPools=[GPU, GPU])
    assert finding.startswith("modelfleet:gpuPools[1].name: 'gpu' is there twice")


def test_an_image_for_another_processor_is_told(told: Told) -> None:
    findings = told(cloud="azure", region="eastus", gpuPools=[{**GPU, "sku": "Standard_ND128isr_NDR_GB200_v6"}])
    (finding,) = findings
    assert finding.startswith("modelfleet:gpuPools[0].sku: Standard_ND128isr_NDR_GB200_v6 is arm64")
    assert "add an image for arm64 (serving.architectures)" in finding


@pytest.mark.parametrize(
    ("driver", "cuda", "right"), [(580, 13, True), (570, 13, False), (570, 12, True), (470, 12, False)]
)
def test_a_driver_offers_at_least_the_image_s_cuda(told: Told, driver: int, cuda: int, right: bool) -> None:
    findings = pools(told, serving={"cuda": cuda}, driver=driver)
    assert (findings == []) is right
    assert right or f"offers CUDA {12 if driver > 500 else 11} at most" in findings[0]


def test_a_server_larger_than_every_machine_is_told(told: Told) -> None:
    (finding,) = pools(told, serving={"gpus": 8})
    assert finding.startswith(
        "modelfleet:serving.gpus: a server asks for 8 GPUs, the largest machine in gpuPools has 4"
    )
    assert pools(told, serving={"gpus": 4}) == []


def test_a_local_stack_has_no_gpu_pools(told: Told) -> None:
    assert "modelfleet:gpuPools: is for regions of a cloud: remove it" in told(
        cloud="aws", kind="account", gpuPools=[GPU]
    )


@pytest.mark.parametrize(
    ("keys", "replacement"),
    [
        ({}, Replacement.SURGE),
        ({"rungs": ["reservation", "on-demand"], "reservation": "r"}, Replacement.ROLLING),
        ({"rungs": ["reservation"], "reservation": "r", "replacement": "surge"}, Replacement.SURGE),
    ],
)
def test_reserved_pools_are_replaced_in_place_unless_told_otherwise(
    keys: dict[str, Any], replacement: Replacement
) -> None:
    assert GpuPoolSettings.model_validate({**GPU, **keys}).replacement is replacement


@pytest.mark.parametrize(
    ("keys", "new_machines"),
    [
        ({"sku": "g6e.24xlarge"}, True),
        ({"driver": 575}, True),
        ({"zones": ["a"]}, True),
        ({"diskGb": 300}, True),
        ({"image": "v2"}, True),
        ({"max": 8}, False),
        ({"min": 1}, False),
        ({"interruptible": True, "rungs": ["on-demand", "spot"]}, False),
    ],
)
def test_a_generation_changes_with_what_forces_new_machines(keys: dict[str, Any], new_machines: bool) -> None:
    before = GpuPoolSettings.model_validate(GPU).generation
    after = GpuPoolSettings.model_validate({**GPU, **keys}).generation
    assert (before != after) is new_machines
    assert len(after) == 5


def test_settings_name_their_tenants(load: Callable[..., StackSettings], tenant: Callable[..., None]) -> None:
    tenant("acme", gpuPool="own")
    settings = load(gpuPools=[{**GPU, "name": "own", "tenant": "acme"}])
    assert [found.name for found in settings.tenants] == ["acme"]
