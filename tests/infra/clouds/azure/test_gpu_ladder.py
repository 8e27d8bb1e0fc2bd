"""Which agent pools a GPU pool becomes: rungs, slices, names."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clouds.azure.addons import priorities
from infra.clouds.azure.gpu_ladder import plan
from infra.clouds.azure.gpu_pools import labels_of, taints_of
from infra.config import GpuPoolSettings, Replacement, Rung
from tests.infra.clouds.azure.recording import Recorder, whole_region

ZONES = ("1", "2", "3")
H100, ND_H100 = "Standard_NC40ads_H100_v5", "Standard_ND96isr_H100_v5"
LADDER = (Rung.RESERVATION, Rung.ON_DEMAND, Rung.SPOT)


def pool(**changed: object) -> GpuPoolSettings:
    given = {"name": "h100", "sku": H100, "max": 6, "interruptible": True, **changed}
    return GpuPoolSettings.model_validate(given)


@pytest.fixture(scope="module")
def region() -> Recorder:
    return whole_region()


def test_a_rung_is_an_agent_pool_and_the_first_is_tried_first() -> None:
    plans = plan([pool(rungs=LADDER, reservation="/group", replacement="surge")], ZONES)
    assert [planned.rung for planned in plans] == list(LADDER)
    assert [planned.priority for planned in plans] == [30, 20, 10]
    listed = priorities(plans)
    assert listed[30] == [f"^aks-{plans[0].name}-.*"]
    assert listed[1] == [".*"]  # what isn't named would never grow


def test_another_machine_is_another_name_and_the_same_resource() -> None:
    (before,) = plan([pool()], ZONES)
    (after,) = plan([pool(sku="Standard_NC80adis_H100_v5")], ZONES)
    assert before.name != after.name
    assert before.label == after.label


def test_more_machines_are_no_other_pool() -> None:
    (before,) = plan([pool(max=6)], ZONES)
    (after,) = plan([pool(max=8, min=2)], ZONES)
    assert (before.name, after.max) == (after.name, 8)


def test_rolling_cuts_a_rung_into_zones_that_follow_each_other() -> None:
    plans = plan([pool(replacement=Replacement.ROLLING, max=7)], ZONES)
    assert [planned.zones for planned in plans] == [("1",), ("2",), ("3",)]
    assert [planned.max for planned in plans] == [3, 2, 2]
    assert [planned.after for planned in plans] == [None, plans[0].label, plans[1].label]


def test_rolling_in_one_zone_keeps_a_part_standing() -> None:
    plans = plan([pool(replacement=Replacement.ROLLING, zones=("2",), max=4)], ZONES)
    assert [(planned.zones, planned.max) for planned in plans] == [(("2",), 2), (("2",), 2)]


def test_groups_of_machines_are_in_one_zone_and_never_cut() -> None:
    group = pool(sku=ND_H100, group_size=2, max=5, replacement=Replacement.ROLLING)
    plans = plan([group], ZONES)
    assert {planned.zones for planned in plans} == {("1",)}
    assert [planned.max for planned in plans] == [2, 2]
    assert all(planned.infiniband for planned in plans)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"zones": ("7",)}, "zones: 7 is none of this network's: use 1, 2, 3"),
        ({"group_size": 2}, "needs InfiniBand between machines, which Standard_NC40ads_H100_v5 does not have"),
        ({"sku": ND_H100, "group_size": 8}, "max 6 is less than one group of 8"),
    ],
)
def test_what_azure_can_t_give_is_refused(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        plan([pool(**changed)], ZONES)


def test_pools_whose_names_would_be_one_are_refused() -> None:
    with pytest.raises(ValueError, match="give one of the pools another first 5 letters"):
        plan([pool(name="large-a"), pool(name="large-b")], ZONES)


@settings(deadline=None)
@given(
    name=st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    machines=st.integers(1, 40),
    rungs=st.sets(st.sampled_from(LADDER), min_size=1),
    replacement=st.sampled_from(Replacement),
    zones=st.sampled_from([(), ("1",), ("2", "3")]),
)
def test_names_fit_and_machines_never_exceed_the_maximum(
    name: str, machines: int, rungs: set[Rung], replacement: Replacement, zones: tuple[str, ...]
) -> None:
    wanted = pool(
        name=name,
        max=machines,
        rungs=tuple(rungs),
        reservation="/group" if Rung.RESERVATION in rungs else None,
        replacement=replacement,
        zones=zones,
    )
    plans = plan([wanted], ZONES)
    assert all(re.fullmatch(r"[a-z][a-z0-9]{0,11}", planned.name) for planned in plans)
    assert len({planned.name for planned in plans}) == len(plans)
    for rung in rungs:
        assert sum(planned.max for planned in plans if planned.rung is rung) == machines


def test_agent_pools_begin_empty_and_stay_bounded(region: Recorder) -> None:
    gpu_pools = {name: made for name, made in region.of("AgentPool").items() if not name.startswith("general")}
    assert {"h100-on-demand", "h100-spot", "nd-reservation", "nd-on-demand"} == set(gpu_pools)
    for made in gpu_pools.values():
        assert (made["minCount"], made["count"]) == (0, 0)
        assert made["maxCount"] in {2, 8}
        assert "nvidia.com/gpu=present:NoSchedule" in made["nodeTaints"]
        assert made["enableEncryptionAtHost"] is True
        assert made["enableNodePublicIP"] is False


def test_rungs_are_bought_as_they_say(region: Recorder) -> None:
    pools = region.of("AgentPool")
    assert pools["h100-spot"]["scaleSetPriority"] == "Spot"
    assert pools["h100-spot"]["spotMaxPrice"] == -1
    assert pools["nd-reservation"]["capacityReservationGroupID"].endswith("capacityReservationGroups/nd-h100")
    assert "capacityReservationGroupID" not in pools["nd-on-demand"]
    assert pools["nd-reservation"]["proximityPlacementGroupID"]
    assert "proximityPlacementGroupID" not in pools["h100-on-demand"]


def test_reserved_machines_go_before_their_successors_come(region: Recorder) -> None:
    assert region.options_of("AgentPool", "nd-reservation").delete_before_replace is True
    assert not region.options_of("AgentPool", "h100-on-demand").delete_before_replace


def test_spot_nodes_say_so_and_a_tenant_s_pool_is_its_own() -> None:
    (spot,) = plan([pool(rungs=(Rung.SPOT,), tenant="acme")], ZONES)
    assert labels_of(spot)["modelfleet.io/tenant"] == "acme"
    assert "modelfleet.io/role" not in labels_of(spot)
    assert {"modelfleet.io/tenant=acme:NoSchedule", "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"} <= set(
        taints_of(spot)
    )


def test_the_minimum_is_held_by_pods_one_a_machine(region: Recorder) -> None:
    held = region.of("Deployment")
    assert {name: made["spec"]["replicas"] for name, made in held.items()} == {"capacity-h100": 1, "capacity-nd": 1}
    for made in held.values():
        pod = made["spec"]["template"]["spec"]
        assert "nvidia.com/gpu" not in pod["containers"][0]["resources"]["requests"]
        assert pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert "modelfleet.io/generation" not in held["capacity-nd"]["spec"]["template"]["spec"]["nodeSelector"]
