"""Ladders: node pools per rung, their order, and when a change makes a new one."""

from typing import Any

import pulumi
import pytest

import catalog
from catalog import InterconnectKind
from infra.clouds.gcp import GcpRegion
from infra.clouds.gcp.address_plan import AddressPlan
from infra.clouds.gcp.gpu_networks import GpuNetworks, GpuNetworksArgs
from infra.clouds.gcp.gpu_pools import GpuPools, GpuPoolsArgs, fabrics
from infra.clouds.gcp.machines import MACHINES, Fabric
from infra.clouds.gcp.node_pools import NodeTemplate
from infra.clouds.gcp.scope import Scope
from infra.clouds.gcp.zones import zones_of
from infra.config import GpuPoolSettings, Replacement, Rung, SettingsError
from infra.marks import TENANT_TAG
from tests.infra.clouds.gcp.recording import NUMBER, PROJECT, Recorder, record, settings

FABRICS = {
    InterconnectKind.GPUDIRECT_TCPX: Fabric.TCPX,
    InterconnectKind.GPUDIRECT_TCPXO: Fabric.TCPXO,
    InterconnectKind.GPUDIRECT_RDMA: Fabric.RDMA,
}


def pool(**values: object) -> GpuPoolSettings:
    base: dict[str, object] = {"name": "gpu", "sku": "a3-ultragpu-8g", "max": 4, "interruptible": True}
    return GpuPoolSettings.model_validate({**base, **values})


def pools_of(*pools: GpuPoolSettings) -> dict[str, dict[str, Any]]:
    def program() -> None:
        scope = Scope("gcp-europe-west4", PROJECT, pulumi.Output.from_input(NUMBER), "europe-west4", "production")
        template = NodeTemplate("nodes@example.iam.gserviceaccount.com", "key", {}, "node")
        ranges = AddressPlan.of("10.48.0.0/16").gpu_networks
        networks = GpuNetworks("gpu-networks", scope, GpuNetworksArgs(fabrics(pools), ranges))
        zones = zones_of(scope.region, 3)
        GpuPools("gpu-pools", scope, GpuPoolsArgs(pools, "cluster", zones, template, networks, confidential=False))

    return record(program).of("NodePool")


def test_a_ladder_is_one_pool_per_rung_in_the_order_of_its_compute_class(region: Recorder) -> None:
    pools = region.of("NodePool")
    order = [rule["nodepools"] for rule in region.one("ComputeClass", "class-h100")["spec"]["priorities"]]
    rungs = ("reservation", "on-demand", "flex-start", "spot")
    assert order == [[pools[f"h100-{rung}"]["name"]] for rung in rungs]
    for rung in rungs:
        node = pools[f"h100-{rung}"]["nodeConfig"]
        assert node["labels"]["cloud.google.com/compute-class"] == "h100"
        assert {taint["key"] for taint in node["taints"]} == {"cloud.google.com/compute-class", "nvidia.com/gpu"}


def test_only_the_first_rung_has_a_minimum_and_every_rung_a_maximum(region: Recorder) -> None:
    pools = region.of("NodePool")
    minima = {
        rung: pools[f"h100-{rung}"]["autoscaling"]["totalMinNodeCount"]
        for rung in ("reservation", "on-demand", "flex-start", "spot")
    }
    assert minima == {"reservation": 1, "on-demand": 0, "flex-start": 0, "spot": 0}
    assert all(pools[f"h100-{rung}"]["autoscaling"]["totalMaxNodeCount"] == 2 for rung in minima)
    assert pools["h100-reservation"]["bestEffortProvisioning"] == {"enabled": True, "minProvisionNodes": 0}


def test_each_rung_buys_machines_its_own_way(region: Recorder) -> None:
    pools = {rung: region.one("NodePool", f"h100-{rung}")["nodeConfig"] for rung in Rung}
    assert pools[Rung.RESERVATION]["reservationAffinity"] == {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": ["a3-production"],
    }
    for rung in (Rung.ON_DEMAND, Rung.FLEX_START, Rung.SPOT):
        assert pools[rung]["reservationAffinity"] == {"consumeReservationType": "NO_RESERVATION"}
    assert [rung for rung, node in pools.items() if node.get("flexStart")] == [Rung.FLEX_START]
    assert [rung for rung, node in pools.items() if node["spot"]] == [Rung.SPOT]


def test_flex_start_machines_are_short_lived(region: Recorder) -> None:
    flex = region.one("NodePool", "h100-flex-start")
    assert flex["management"]["autoRepair"] is False
    assert flex["upgradeSettings"] == {"strategy": "SHORT_LIVED"}
    assert flex["nodeConfig"]["maxRunDuration"] == "604800s"
    for rung in ("reservation", "on-demand", "spot"):
        assert region.one("NodePool", f"h100-{rung}")["management"]["autoRepair"] is True


def test_a_surging_change_makes_a_new_pool_and_a_rolling_one_only_for_other_machines() -> None:
    def names(replacement: Replacement, **change: object) -> set[str]:
        made = pools_of(pool(rungs=["on-demand", "spot"], replacement=replacement, **change))
        return {each["name"] for each in made.values()}

    for replacement in Replacement:
        assert names(replacement) == names(replacement, max=9)
        assert names(replacement).isdisjoint(names(replacement, sku="a4-highgpu-8g"))
    assert names(Replacement.SURGE).isdisjoint(names(Replacement.SURGE, diskGb=300))
    assert names(Replacement.ROLLING) == names(Replacement.ROLLING, diskGb=300)


def test_a_rolling_pool_loses_one_machine_at_a_time_and_a_surging_one_none() -> None:
    rolling = pools_of(pool(replacement="rolling"))["gpu-on-demand"]["upgradeSettings"]
    surging = pools_of(pool(replacement="surge"))["gpu-on-demand"]["upgradeSettings"]
    assert (rolling["maxSurge"], rolling["maxUnavailable"]) == (0, 1)
    assert (surging["maxSurge"], surging["maxUnavailable"]) == (1, 0)


def test_names_fit_gke_however_long_the_pools_is() -> None:
    for each in pools_of(pool(name="n" * 40, rungs=["on-demand", "flex-start", "spot"])).values():
        assert len(each["name"]) <= 40


def test_machines_of_a_group_are_close_and_have_networks_of_their_own(region: Recorder) -> None:
    (policy,) = region.of("ResourcePolicy").values()
    for rung in ("reservation", "on-demand"):
        placed = region.one("NodePool", f"h100-{rung}")
        assert placed["placementPolicy"] == {"type": "COMPACT", "policyName": policy["name"]}
    for rung in ("flex-start", "spot"):
        assert "placementPolicy" not in region.one("NodePool", f"h100-{rung}")
    networks = region.one("NodePool", "h100-on-demand")["networkConfig"]["additionalNodeNetworkConfigs"]
    assert len(networks) == 4
    assert len({network["network"] for network in networks}) == 4
    for card in range(1, 5):
        assert region.one("compute/network:Network", f"gpu-{card}")["mtu"] == 8244
        assert region.one("Network", f"gpu-{card}")
    assert "additionalNodeNetworkConfigs" not in region.one("NodePool", "l4-on-demand")["networkConfig"]


def test_rdma_machines_have_networks_that_gke_manages() -> None:
    each = pools_of(pool(groupSize=2))["gpu-on-demand"]
    assert each["networkConfig"]["acceleratorNetworkProfile"] == "auto"
    assert each["nodeConfig"]["gpudirectStrategy"] == "RDMA"
    alone = pools_of(pool())["gpu-on-demand"]
    assert "acceleratorNetworkProfile" not in alone["networkConfig"]
    assert "gpudirectStrategy" not in alone["nodeConfig"]


def test_installers_are_named_by_digest_and_kept_to_their_gpu(region: Recorder) -> None:
    daemons = region.of("DaemonSet")
    assert set(daemons) == {"nccl-tcpx", "device-injector"}
    for daemon in daemons.values():
        pod = daemon["spec"]["template"]["spec"]
        images = [each["image"] for each in (*pod["containers"], *pod.get("initContainers", ()))]
        assert all("@sha256:" in image for image in images)
        (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert term["matchExpressions"][0]["values"] == ["nvidia-h100-80gb"]
    (install,) = daemons["nccl-tcpx"]["spec"]["template"]["spec"]["initContainers"]
    assert install["image"].startswith("europe-west4-docker.pkg.dev/modelfleet-production/")


def test_a_group_without_its_plugins_image_is_refused() -> None:
    with pytest.raises(SettingsError, match="networkImage is missing"):
        record(lambda: GcpRegion("region", settings(gpu_pools=(pool(sku="a3-megagpu-8g", groupSize=2),))))


def test_a_tenants_pool_keeps_everybody_else_off() -> None:
    each = pools_of(pool(tenant="acme"))["gpu-on-demand"]["nodeConfig"]
    assert {"key": "modelfleet.dev/tenant", "value": "acme", "effect": "NO_SCHEDULE"} in each["taints"]
    assert each["resourceLabels"][TENANT_TAG] == "acme", "budgets go by it"
    assert TENANT_TAG not in pools_of(pool())["gpu-on-demand"]["nodeConfig"]["resourceLabels"]


@pytest.mark.parametrize("sku", sorted(MACHINES))
def test_machines_agree_with_the_catalogue(sku: str) -> None:
    ours = MACHINES[sku]
    try:
        theirs = catalog.machine("gcp", sku)
    except catalog.UnknownMachineError:
        pytest.skip("not in the catalogue")
    assert theirs.gpu.count == ours.gpus
    kind = theirs.interconnect.kind if theirs.interconnect else InterconnectKind.NONE
    assert FABRICS.get(kind, Fabric.NONE) is ours.fabric
