"""What is read from Kubernetes' objects: which pods are the newest, what is ready, which GPUs are offered."""

from typing import Any

from fleet.release_cluster import _gpus, _workload, newer_than
from release.gate.check import ClusterState, PodTrouble, Workload


def test_only_pods_of_the_newest_template_count_as_ready() -> None:
    status = {"observedGeneration": 4, "updatedReplicas": 1, "readyReplicas": 2}
    deployment = {"metadata": {"name": "server", "generation": 4}, "spec": {"replicas": 2}, "status": status}
    assert (_workload(deployment).ready, _workload(deployment).current) == (1, True)
    assert not _workload({**deployment, "metadata": {"name": "server", "generation": 5}}).current
    assert _workload({**deployment, "status": {}}).ready == 0


def test_a_withdrawn_gpu() -> None:
    node = {"status": {"capacity": {"nvidia.com/gpu": "8"}, "allocatable": {"nvidia.com/gpu": "7"}}}
    assert _gpus(node) == (8, 7)
    assert _gpus({}) == (0, 0)


def test_the_newest_replica_set_of_each_deployment() -> None:
    def replica_set(uid: str, owner: str, revision: int) -> dict[str, Any]:
        annotations = {"deployment.kubernetes.io/revision": str(revision)}
        return {"metadata": {"uid": uid, "annotations": annotations, "ownerReferences": [{"uid": owner}]}}

    sets = [replica_set("a", "server", 9), replica_set("b", "server", 10), replica_set("c", "gateway", 1)]
    assert newer_than({}, sets) == {"b", "c"}
    assert newer_than({"server": 10, "gateway": 1}, sets) == set()  # before the update has changed anything
    back = replica_set("a", "server", 11)  # gone back to: the old replica set, with a new revision
    assert newer_than({"server": 10, "gateway": 1}, [*sets[1:], back]) == {"a"}


def test_what_is_wrong_with_a_region() -> None:
    well = Workload("server", 2, 2, current=True)
    assert ClusterState(workloads=(well,), gpus=8).ills == ()
    ill = ClusterState(
        workloads=(well, Workload("gateway", 2, 1, current=True)),
        troubles=(PodTrouble("gateway-1", "CrashLoopBackOff"),),
        lost_gpus={"node-1": 1},
    )
    assert ill.ills == (
        "gateway has 1 of 2 pods ready",
        "pod gateway-1 can't run: CrashLoopBackOff",
        "node node-1 doesn't offer 1 of its GPUs",
    )
