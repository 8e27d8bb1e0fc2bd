"""The catalogue: complete for the machines that regions may ask for, each fact with a source, no guesses."""

from datetime import date
from pathlib import Path

import pytest

import catalog
from catalog import InterconnectKind, Machine
from catalog.machine_file import read
from documents import SettingsError

ROOT = Path(__file__).parents[2]
FAMILIES = {
    "aws": ["g6.", "g6e.", "g7e.", "p4de.", "p5.", "p5e.", "p5en.", "p6-b200."],
    "azure": [
        "Standard_NC24ads_A100_v4",
        "Standard_NC40ads_H100_v5",
        "Standard_ND96isr_H100_v5",
        "Standard_ND96isr_H200_v5",
        "Standard_ND128isr_NDR_GB200_v6",
    ],
    "gcp": ["g2-", "g4-", "a2-", "a3-highgpu-", "a3-megagpu-", "a3-ultragpu-", "a4-"],
}


@pytest.mark.parametrize(("cloud", "family"), [(cloud, name) for cloud, names in FAMILIES.items() for name in names])
def test_every_family_that_regions_are_built_from_is_there(cloud: str, family: str) -> None:
    assert any(machine.sku.startswith(family) for machine in catalog.machines(cloud))


@pytest.mark.parametrize("machine", catalog.machines(), ids=lambda machine: machine.sku)
def test_each_machine_is_plausible_and_sourced(machine: Machine) -> None:
    assert machine.arch in {"amd64", "arm64"}
    assert machine.gpu.count in {1, 2, 4, 8}
    assert 20 <= machine.gpu.memory_gib <= 192
    assert 10 <= machine.memory_gib / machine.gpu.count <= 512
    assert machine.quota.amount == (machine.gpu.count if machine.quota.unit == "gpus" else machine.vcpus)
    assert {what for what, _ in machine.sources} >= {"specifications", "quota"}
    assert (machine.regions is None) == ("regions" not in {what for what, _ in machine.sources})
    for source in [*(source for _, source in machine.sources), *(price.source for price in machine.prices)]:
        assert source.url.startswith("https://")
        assert date(2024, 1, 1) <= source.date <= date(2026, 12, 31)
    for price in machine.prices:
        # No GPU of these has been sold under 0.4 or over 50 dollars an hour.
        assert 0.4 <= price.usd_per_hour / machine.gpu.count <= 65, price
        assert machine.regions is None or price.region in machine.regions
    if machine.interconnect.kind is not InterconnectKind.NONE:
        assert machine.interconnect.interfaces


def test_only_one_cloud_s_interconnect_is_on_its_machines() -> None:
    kinds = {
        cloud: {machine.interconnect.kind.value for machine in catalog.machines(cloud)} for cloud in catalog.CLOUDS
    }
    assert kinds == {
        "aws": {"none", "efa"},
        "azure": {"none", "infiniband"},
        "gcp": {"none", "gpudirect-tcpx", "gpudirect-tcpxo", "gpudirect-rdma"},
    }


def test_grace_machines_are_arm64() -> None:
    arm = [machine.sku for machine in catalog.machines() if machine.arch == "arm64"]
    assert arm == ["Standard_ND128isr_NDR_GB200_v6"]


def test_no_two_clouds_share_a_name() -> None:
    names = [machine.sku for machine in catalog.machines()]
    assert len(names) == len(set(names))


def test_an_unknown_region_is_no_answer() -> None:
    unknown = next(machine for machine in catalog.machines() if machine.regions is None)
    assert unknown.offered_in("us-central1") is None
    assert catalog.machine("aws", "p5.48xlarge").offered_in("us-east-1") is True
    assert catalog.machine("aws", "p5.48xlarge").offered_in("eu-west-1") is False


@pytest.mark.parametrize(
    ("cloud", "sku", "hint"),
    [
        ("aws", "p5.48xlrge", "did you mean p5.48xlarge"),
        ("gcp", "p5.48xlarge", "is no GPU machine of gcp"),
        ("moon", "p5.48xlarge", "is no GPU machine of moon"),
    ],
)
def test_an_unknown_machine_names_the_nearest(cloud: str, sku: str, hint: str) -> None:
    with pytest.raises(catalog.UnknownMachineError, match=hint):
        catalog.machine(cloud, sku)


def test_a_machine_is_found_without_its_cloud() -> None:
    assert catalog.find("a3-megagpu-8g").cloud == "gcp"
    with pytest.raises(catalog.UnknownMachineError, match="did you mean a3-megagpu-8g"):
        catalog.find("a3-megagpu-8")


MACHINE = """
  - sku: one
    vcpus: 8
    memoryGib: 64
    gpu: {model: L4, count: 1, memoryGib: 24}
    quota: {onDemand: q, amount: 8, unit: vcpus, source: page}
    source: page
"""
SOURCES = "sources: {page: {title: A page, url: 'https://example.com', date: 2026-01-01}}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SOURCES + "machines:" + MACHINE + MACHINE, "machines[1].sku: one is there twice"),
        (SOURCES + "machines:" + MACHINE.replace("    source: page", "    source: none"), "machines[0].source: 'none'"),
        (SOURCES + "machines:" + MACHINE + "    offers: x\n", "machines[0].offers: 'x' is not described"),
        (SOURCES + "machines:" + MACHINE.replace("count: 1", "count: 0"), "machines[0].gpu.count"),
        (SOURCES + "machines:" + MACHINE.replace("vcpus: 8", "vcpu: 8"), "did you mean 'vcpus'?"),
        (SOURCES.replace("https", "http") + "machines:" + MACHINE, "sources.page.url"),
        (SOURCES + "offers: {x: {regions: [a], source: y}}\nmachines:" + MACHINE, "offers.x.source: 'y' is none"),
    ],
)
def test_a_wrong_file_is_told_by_key_and_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "cloud.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read(file, "cloud")
    assert told in str(caught.value)
    assert str(caught.value).startswith("cloud.yaml:")


def test_what_is_left_out_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "cloud.yaml"
    file.write_text(SOURCES + "machines:" + MACHINE, encoding="utf-8")
    machine = read(file, "cloud")["one"]
    assert (machine.nvme_gb, machine.network_gbps, machine.regions, machine.zones) == (None, None, None, None)
    assert machine.price_in("a") is None
