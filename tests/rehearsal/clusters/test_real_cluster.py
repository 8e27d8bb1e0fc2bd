"""One real API server behind a cluster of a simulated account: what the account does there shows here, and back."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import httpx
import pytest

from rehearsal import guard
from rehearsal.account import Account, Resource, holdings
from rehearsal.clusters.control_plane import ControlPlane, lock_file, remove_all, stop_abandoned
from rehearsal.clusters.managed_cluster import EKS, find_cluster
from rehearsal.clusters.stock import Stock
from toolchain.cluster import EmbeddedCluster, leftovers
from toolchain.cluster.api_client import tls_context

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces are made by root"),
    pytest.mark.timeout(300),
]
ARN = "arn:aws:eks:us-east-1:111122223333:cluster/c"
GPU = {"pool": "gpu"}
TOLERATES = [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def in_account(memory: Path, change: Callable[[Account], None]) -> None:
    account = Account(memory, "aws", "111122223333")
    change(account)
    account.close()


def cluster_row() -> Resource:
    outputs = {"arn": ARN, "endpoint": "https://drawn.invalid", "vpcConfig": {"vpcId": "vpc-1"}}
    return Resource(EKS, "c", {"vpcConfig": {"subnetIds": ["subnet-a"]}}, outputs, "us-east-1")


def group(name: str, sku: str, least: int, capacity: str = "ON_DEMAND") -> Resource:
    inputs = {
        "clusterName": "c",
        "nodeGroupName": name,
        "instanceTypes": [sku],
        "capacityType": capacity,
        "subnetIds": ["subnet-a"],
        "scalingConfig": {"minSize": least, "maxSize": 3, "desiredSize": least},
        "labels": GPU if sku.startswith("g6") else {},
        "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
        if sku.startswith("g6")
        else [],
    }
    outputs = {**inputs, "resources": [{"autoscalingGroups": [{"name": f"eks-{name}-0000"}]}]}
    return Resource("aws:eks/nodeGroup:NodeGroup", f"c:{name}", inputs, outputs, "us-east-1")


class Region:
    """The cluster as its users see it."""

    def __init__(self, world: Path, held: filelock.BaseFileLock) -> None:
        self.world, self.memory, self.held = world, world / "account.sqlite", held
        found = find_cluster(self.memory, ARN)
        assert found is not None
        self.name = found.machine_name(world)
        plane = ControlPlane(world, found)
        plane.start("drawn.invalid")
        context = tls_context(world / "clusters" / self.name / "pki", "admin")
        self.http = httpx.Client(base_url=plane.connection().server, verify=context, trust_env=False)

    def make(self, path: str, kind: str, name: str, **content: Any) -> None:
        version = path.split("/")[1] if path.startswith("api/") else "/".join(path.split("/")[1:3])
        metadata = {**content.pop("metadata", {}), "name": name}
        item = {"apiVersion": version, "kind": kind, "metadata": metadata, **content}
        self.http.post(f"/{path}", json=item).raise_for_status()

    def items(self, path: str) -> list[dict[str, Any]]:
        return self.http.get(f"/{path}").raise_for_status().json()["items"]

    def pods(self, app: str) -> list[dict[str, Any]]:
        return self.http.get("/api/v1/pods", params={"labelSelector": f"app={app}"}).raise_for_status().json()["items"]

    def running(self, app: str) -> list[dict[str, Any]]:
        return [pod for pod in self.pods(app) if pod["status"].get("phase") == "Running"]

    def groups_of(self, app: str) -> set[str]:
        """Name the node groups on whose nodes an app's pods run."""
        nodes = {node["metadata"]["name"]: node["metadata"]["labels"] for node in self.items("api/v1/nodes")}
        return {nodes[pod["spec"]["nodeName"]]["eks.amazonaws.com/nodegroup"] for pod in self.running(app)}

    def account(self) -> set[str]:
        return {each.type.rsplit(":", 1)[-1] for _, _, each in holdings(self.memory)}


def until(condition: Callable[[], Any], what: str, limit_s: float = 60.0) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"no {what} within {limit_s:.0f} s"
        time.sleep(0.05)
    return found


def template(app: str, **spec: Any) -> dict[str, Any]:
    resources = spec.pop("resources", {})
    image = spec.pop("image", "simulated")
    return {
        "metadata": {"labels": {"app": app, "app.kubernetes.io/name": app}},
        "spec": {"containers": [{"name": "c", "image": image, "resources": resources}], **spec},
    }


def deployment(app: str, **spec: Any) -> dict[str, Any]:
    selector = {"matchLabels": {"app": app}}
    return {"spec": {"replicas": 1, "selector": selector, "template": template(app, **spec)}}


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    world = tmp_path_factory.mktemp("rehearsal") / "world"
    world.mkdir()
    (world / guard.MARK).write_text("{}")
    in_account(world / "account.sqlite", lambda account: account.create(cluster_row()))
    for each in (
        group("general", "m7i.xlarge", 1),
        group("gpu-od", "g6.xlarge", 0),
        group("gpu-spot", "g6.xlarge", 0, "SPOT"),
    ):
        in_account(world / "account.sqlite", lambda account, each=each: account.create(each))
    held = filelock.FileLock(lock_file(world))
    try:
        # Other rehearsals on this machine end those that nobody holds.
        held.acquire()
        region = Region(world, held)
        yield region
    finally:
        held.release(force=True)
        remove_all(world)


def test_a_pools_machines_are_nodes_and_pods_run_on_them(region: Region) -> None:
    (node,) = until(lambda: region.items("api/v1/nodes"), "node")
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "m7i.xlarge"
    region.make("apis/apps/v1/namespaces/default/deployments", "Deployment", "web", **deployment("web"))
    (pod,) = until(lambda: region.running("web"), "pod that runs")
    assert pod["spec"]["nodeName"] == node["metadata"]["name"]
    assert {each["type"]: each["status"] for each in pod["status"]["conditions"]}["Ready"] == "True"
    region.make(
        "apis/batch/v1/namespaces/default/jobs",
        "Job",
        "once",
        spec={"template": template("once", restartPolicy="Never")},
    )
    until(
        lambda: [each for each in region.pods("once") if each["status"].get("phase") == "Succeeded"], "pod at its end"
    )


def test_the_ladder_is_climbed_and_gpus_come_with_the_device_plugin(region: Region) -> None:
    """Pods that want GPUs get machines from the autoscaler of the program, by its order, as long as stock lasts."""
    Stock({"g6.xlarge": {"on-demand": 0, "spot": 0}}).write(region.world)
    priorities = '{"20": ["^eks-gpu-od-"], "10": ["^eks-gpu-spot-"]}'
    region.make(
        "api/v1/namespaces/kube-system/configmaps",
        "ConfigMap",
        "cluster-autoscaler-priority-expander",
        data={"priorities": priorities},
    )
    asks = {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}
    server = deployment("server", nodeSelector=GPU, tolerations=TOLERATES, resources=asks)
    region.make("apis/apps/v1/namespaces/default/deployments", "Deployment", "server", **server)
    region.make("apis/apps/v1/namespaces/default/deployments", "Deployment", "ca", **deployment("cluster-autoscaler"))
    told = until(
        lambda: [each["message"] for each in region.items("api/v1/events") if each["reason"] == "FailedScaleUp"],
        "event of the autoscaler",
    )[-1]
    for part in ("gpu-od (on-demand)", "gpu-spot (spot)", "InsufficientInstanceCapacity", "g6.xlarge", "us-east-1"):
        assert part in told
    assert len(region.items("api/v1/nodes")) == 1

    Stock({"g6.xlarge": {"on-demand": 0}}).write(region.world)
    joined = until(lambda: len(region.items("api/v1/nodes")) == 2, "machine on the second rung")
    assert joined
    assert not region.running("server"), "no device plugin offers its GPU yet"

    plugin = template(
        "plugin", tolerations=TOLERATES, nodeSelector=GPU, image="nvcr.io/nvidia/k8s-device-plugin@sha256:0"
    )
    selector = {"matchLabels": {"app": "plugin"}}
    region.make(
        "apis/apps/v1/namespaces/kube-system/daemonsets",
        "DaemonSet",
        "plugin",
        spec={"selector": selector, "template": plugin},
    )
    until(lambda: region.groups_of("server") == {"gpu-spot"}, "model server that runs")


def test_a_pool_that_goes_takes_its_nodes_after_their_pods(region: Region) -> None:
    Stock().write(region.world)
    in_account(region.memory, lambda account: account.delete(group("gpu-spot", "g6.xlarge", 0, "SPOT")))
    until(lambda: region.groups_of("server") == {"gpu-od"}, "model server on the other pool")
    until(lambda: len(region.items("api/v1/nodes")) == 2, "end of the old node")


def test_load_balancers_and_disks_come_and_go_with_their_objects(region: Region) -> None:
    ports = [{"port": 443}]
    region.make(
        "api/v1/namespaces/default/services",
        "Service",
        "gateway",
        spec={"type": "LoadBalancer", "selector": {"app": "web"}, "ports": ports},
    )
    region.make(
        "apis/storage.k8s.io/v1/storageclasses",
        "StorageClass",
        "encrypted",
        provisioner="ebs.csi.aws.com",
        volumeBindingMode="WaitForFirstConsumer",
    )
    claim = {
        "storageClassName": "encrypted",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    region.make("api/v1/namespaces/default/persistentvolumeclaims", "PersistentVolumeClaim", "data", spec=claim)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    region.make("api/v1/namespaces/default/pods", "Pod", "user", **template("user", volumes=volumes))
    until(lambda: {"LoadBalancer", "NetworkInterface", "Volume"} <= region.account(), "footprint")
    until(lambda: region.running("user"), "pod with its volume")
    until(
        lambda: region.items("api/v1/namespaces/default/services")[0]["status"]["loadBalancer"].get("ingress"),
        "address",
    )

    for path in ("pods/user", "persistentvolumeclaims/data", "services/gateway"):
        region.http.delete(f"/api/v1/namespaces/default/{path}").raise_for_status()
    until(lambda: "LoadBalancer" not in region.account(), "end of the load balancer")
    until(lambda: not {"NetworkInterface", "Volume"} & region.account(), "end of interface and disk")


def test_a_rehearsal_that_was_killed_leaves_nothing_for_long(region: Region) -> None:
    """What isn't held by anybody is, to any other rehearsal, one that was killed; it can be gone on with."""
    stop_abandoned()
    region.http.get("/readyz").raise_for_status()
    region.held.release()
    stop_abandoned()
    assert leftovers(region.name, state=region.world) == []
    region.held.acquire()
    Region(region.world, region.held).http.get("/readyz").raise_for_status()


def test_a_cluster_that_the_account_loses_ends(region: Region) -> None:
    in_account(region.memory, lambda account: account.delete(cluster_row(), cluster=ARN))
    embedded = EmbeddedCluster(region.name, state_dir=region.world)
    until(lambda: embedded.status().state == "crashed", "end of the API server")
