"""What is read from Kubernetes' objects: which pods are in trouble, and which are the newest."""

from typing import Any

from fleet.release_cluster import _gpus, _newest, _workload, troubles
from fleet.release_update import is_of_update
from release.gate.check import PodTrouble


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

    found = _newest([replica_set("a", "server", 9), replica_set("b", "server", 10), replica_set("c", "gateway", 1)])
    assert found == {"b", "c"}


def test_the_release_that_is_taken_back_does_not_stop_the_way_back() -> None:
    bad = PodTrouble("server-1", "ImagePullBackOff", image="r/server@sha256:bad")
    assert not is_of_update(bad, {"server-1"}, {"sha256:good"})
    assert is_of_update(bad, {"server-1"}, {"sha256:bad"})  # its own update, resumed
    assert is_of_update(bad, set(), {"sha256:good"})  # a pod that came with this update
