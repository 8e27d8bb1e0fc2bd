"""Which pools grow for pods that wait, and what each rung is refused for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rehearsal.clusters.autoscaler import decide, is_unschedulable, may_run_on
from rehearsal.clusters.ladder import by_compute_class, by_expander
from rehearsal.clusters.machines import MachineSize
from rehearsal.clusters.pools import ON_DEMAND, RESERVATION, SPOT, NodePool, Taint
from rehearsal.clusters.stock import Stock, refusal

GPU_TAINT = Taint("nvidia.com/gpu", "present", "NoSchedule")
TOLERATES = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def pool(name: str, rung: str = ON_DEMAND, most: int = 2, **labels: str) -> NodePool:
    return NodePool(
        name=name,
        group=f"eks-{name}-0000",
        sku="p5.48xlarge",
        size=MachineSize(192, 2048, gpus=8),
        rung=rung,
        labels={"pool": "h100", **labels},
        taints=(GPU_TAINT,),
        zones=("a",),
        least=0,
        first=0,
        most=most,
    )


LADDER = [pool("h100-reservation", RESERVATION), pool("h100-on-demand"), pool("h100-spot", SPOT)]


def pod(name: str, *, gpus: int = 8, alone: bool = False, **spec: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": "1", "memory": "1Gi", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return {
        "metadata": {"uid": name, "name": name, "namespace": "n"},
        "spec": {
            "containers": [{"name": "c", "resources": resources}],
            "nodeSelector": {"pool": "h100"},
            "tolerations": TOLERATES,
            **({"affinity": apart} if alone else {}),
            **spec,
        },
        "status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
    }


def decided(
    pods: list[dict[str, Any]], stock: Mapping[str, int], counts: Mapping[str, int] | None = None
) -> tuple[list[str], list[tuple[str, ...]]]:
    known = Stock({"p5.48xlarge": stock})

    def out_of(each: NodePool, number: int) -> str:
        return refusal("aws", each.sku, "us-east-1") if known.left(each.sku, each.rung, number - 1) == 0 else ""

    growths, refused = decide(pods, lambda _: LADDER, counts or {}, out_of)
    return [growth.pool.name for growth in growths], [each.reasons for each in refused]


def test_the_first_rung_that_has_a_machine_is_taken() -> None:
    assert decided([pod("a")], {}) == (["h100-reservation"], [])
    assert decided([pod("a")], {"reservation": 0}) == (["h100-on-demand"], [])
    assert decided([pod("a")], {"reservation": 0, "on-demand": 0}) == (["h100-spot"], [])


def test_a_rung_that_runs_out_is_left_for_the_next() -> None:
    assert decided([pod("a"), pod("b"), pod("c")], {"reservation": 1, "on-demand": 1})[0] == [
        "h100-reservation",
        "h100-on-demand",
        "h100-spot",
    ]


def test_every_rung_that_is_out_is_named_with_its_machine_and_region() -> None:
    names, refused = decided([pod("a")], {"reservation": 0, "on-demand": 0, "spot": 0})
    assert names == []
    (reasons,) = refused
    for rung, reason in zip(("reservation", "on-demand", "spot"), reasons, strict=True):
        assert rung in reason
        assert "InsufficientInstanceCapacity" in reason
        assert "p5.48xlarge" in reason
        assert "us-east-1" in reason


def test_a_pool_at_its_most_is_no_choice() -> None:
    assert decided([pod("a")], {}, {"h100-reservation": 2})[0] == ["h100-on-demand"]


def test_pods_that_fit_together_share_a_machine_and_those_that_stay_apart_do_not() -> None:
    assert decided([pod("a", gpus=4), pod("b", gpus=4), pod("c", gpus=1)], {})[0] == ["h100-reservation"] * 2
    assert decided([pod("a", gpus=0, alone=True), pod("b", gpus=0, alone=True)], {})[0] == ["h100-reservation"] * 2


def test_a_pod_that_is_larger_than_a_machine_gets_none() -> None:
    names, refused = decided([pod("a", gpus=9)], {})
    assert names == []
    assert "too small" in refused[0][0]


def test_a_pod_runs_only_where_labels_and_taints_let_it() -> None:
    at = pool("p", zone="a")
    assert may_run_on(pod("a"), at)
    assert not may_run_on(pod("a", tolerations=[]), at)
    assert not may_run_on(pod("a", nodeSelector={"pool": "l4"}), at)
    assert not may_run_on(pod("a", tolerations=[{"key": "nvidia.com/gpu", "value": "other"}]), at)
    assert may_run_on(pod("a", tolerations=[{"operator": "Exists"}]), at)
    for operator, values, runs in (("In", ["a"], True), ("NotIn", ["a"], False), ("Exists", None, True)):
        expression = {"key": "zone", "operator": operator, "values": values}
        node = {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [expression]}]
            }
        }
        assert may_run_on(pod("a", affinity={"nodeAffinity": node}), at) is runs


def test_a_pod_that_has_a_node_waits_for_none() -> None:
    assert is_unschedulable(pod("a"))
    assert not is_unschedulable(pod("a", nodeName="n"))


def test_the_expanders_list_orders_by_priority_and_leaves_out_what_it_does_not_name() -> None:
    listed = {"data": {"priorities": '{"10": ["^eks-h100-spot-"], "30": ["^eks-h100-reservation-"]}'}}
    assert [each.name for each in by_expander(LADDER, listed)] == ["h100-reservation", "h100-spot"]
    listed["data"]["priorities"] += ""
    assert [each.name for each in by_expander(LADDER, None)] == ["h100-on-demand", "h100-reservation", "h100-spot"]


def test_a_compute_class_orders_the_pools_that_it_names() -> None:
    key = "cloud.google.com/compute-class"
    pools = [replace(each, labels={key: "h100"}) for each in LADDER]
    wanted = {
        "metadata": {"name": "h100"},
        "spec": {"priorities": [{"nodepools": ["h100-spot"]}, {"nodepools": ["h100-on-demand"]}]},
    }
    asking = pod("a", nodeSelector={key: "h100"})
    assert [each.name for each in by_compute_class(pools, asking, [wanted])] == ["h100-spot", "h100-on-demand"]
    assert by_compute_class(pools, asking, []) == []
    assert by_compute_class(pools, pod("a"), [wanted]) == []
