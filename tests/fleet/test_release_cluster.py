"""What is read from Kubernetes' objects: which pods are in trouble, and which are the newest."""

from typing import Any

from fleet.release_cluster import _gpus, _workload, newer_than, troubles
from release.gate.check import ClusterState, PodTrouble, Workload


def pod(**state: Any) -> dict[str, Any]:
    statuses = [{"name": "server", "restartCount": 0, "state": state}]
    containers = [{"name": "server", "image": "r/server@sha256:12"}]
    return {
        "metadata": {"name": "server-1"},
        "spec": {"containers": containers},
        "status": {"containerStatuses": statuses},
    }


def test_a_container_that_waits_for_what_won_t_come() -> None:
    (trouble,) = troubles(pod(waiting={"reason": "ImagePullBackOff", "message": "no such image " + "x" * 400}))
    assert (trouble.pod, trouble.reason, trouble.image) == ("server-1", "ImagePullBackOff", "r/server@sha256:12")
    assert len(trouble.message) == 300


def test_a_container_that_only_starts_is_in_no_trouble() -> None:
    assert list(troubles(pod(waiting={"reason": "ContainerCreating"}))) == []
    assert list(troubles(pod(running={"startedAt": "now"}))) == []
    assert list(troubles({"metadata": {"name": "pending"}})) == []


def test_a_bad_pod_on_its_way_out_is_no_trouble() -> None:
    leaving = pod(waiting={"reason": "ImagePullBackOff"})
    leaving["metadata"] = {**leaving["metadata"], "deletionTimestamp": "2026-11-21T22:00:00Z"}
    assert list(troubles(leaving)) == []


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
