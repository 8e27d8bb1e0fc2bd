"""GPU machines are kept for GPU work, and nobody can ask for them without end."""

import re
from collections.abc import Iterator
from typing import Final

from infra.policy.inputs import Inputs
from infra.policy.rule import Rule, Severity, Subject

_TAINT: Final = "nvidia.com/gpu"
"""The taint that GKE sets by itself, and that schedulers and device plugins everywhere know."""
_MOST_NODES: Final = 256
"""Nodes of one pool: 2,048 GPUs where each has 8. More is a typing error until somebody says otherwise."""
_AWS_GPU: Final = re.compile(r"(p\d|g\d)[a-z0-9-]*\.\w+")
_AZURE_GPU: Final = re.compile(r"Standard_N[CDGPV]\w*", re.IGNORECASE)
_GCP_GPU: Final = re.compile(r"(a\d|g\d)-\w[\w-]*")
_NO_SCHEDULE: Final = {"NO_SCHEDULE", "NoSchedule"}


def _bounded(maximum: object, where: str) -> Iterator[str]:
    if maximum is None:
        yield f"{where} is not set"
        return
    number = float(str(maximum))
    if number > _MOST_NODES:
        yield f"{where} is {number:g}; it must be at most {_MOST_NODES}"


def _tainted(taints: Iterator[tuple[str, str]], where: str) -> Iterator[str]:
    if not any(key == _TAINT and effect in _NO_SCHEDULE for key, effect in taints):
        yield f"{where} lacks {_TAINT} with effect NoSchedule"


def _pairs(inputs: Inputs, path: str) -> Iterator[tuple[str, str]]:
    for taint in inputs.blocks(f"{path}[]"):
        yield taint.text("key"), taint.text("effect")


def _node_group(subject: Subject) -> Iterator[str]:
    group = subject.inputs
    machines = [str(machine) for machine in group.known("instanceTypes")]
    labels = group.blocks("labels")
    gpu = "NVIDIA" in group.text("amiType").upper() or any(map(_AWS_GPU.fullmatch, machines))
    if not gpu and not any(any(True for _ in block.property("nvidia.com/gpu.present")) for block in labels):
        return
    yield from _tainted(_pairs(group, "taints"), "taints")
    yield from _bounded(group.value("scalingConfig.maxSize"), "scalingConfig.maxSize")


def _karpenter_pool(subject: Subject) -> Iterator[str]:
    pool = subject.inputs
    asked = [
        str(value)
        for requirement in pool.blocks("spec.template.spec.requirements[]")
        for value in requirement.known("values[]")
    ]
    taints = list(_pairs(pool, "spec.template.spec.taints"))
    if not any(_AWS_GPU.fullmatch(value) or value.startswith(("p4", "p5", "p6", "g5", "g6", "g7")) for value in asked):
        return
    yield from _tainted(iter(taints), "spec.template.spec.taints")
    limits = list(pool.blocks("spec.limits"))
    if not any(any(True for _ in block.property("nvidia.com/gpu")) for block in limits):
        yield "spec.limits has no nvidia.com/gpu"


def _agent_pool(pool: Inputs) -> Iterator[str]:
    if not _AZURE_GPU.fullmatch(pool.text("vmSize")):
        return
    taints = (tuple(str(taint).replace("=", ":").split(":")) for taint in pool.known("nodeTaints[]"))
    where = f"{pool.path}." if pool.path else ""
    yield from _tainted(((parts[0], parts[-1]) for parts in taints), f"{where}nodeTaints")
    if pool.value("enableAutoScaling") is True:
        yield from _bounded(pool.value("maxCount"), f"{where}maxCount")
    else:
        yield from _bounded(pool.value("count"), f"{where}count")


def _aks_pool(subject: Subject) -> Iterator[str]:
    yield from _agent_pool(subject.inputs)


def _aks(subject: Subject) -> Iterator[str]:
    for pool in subject.inputs.blocks("agentPoolProfiles[]"):
        yield from _agent_pool(pool)


def _gke_pool(subject: Subject) -> Iterator[str]:
    pool = subject.inputs
    machine = pool.text("nodeConfig.machineType")
    if not _GCP_GPU.fullmatch(machine) and not pool.given("nodeConfig.guestAccelerators"):
        return
    yield from _tainted(_pairs(pool, "nodeConfig.taints"), "nodeConfig.taints")
    if pool.given("autoscaling"):
        total = pool.value("autoscaling.totalMaxNodeCount")
        yield from _bounded(
            pool.value("autoscaling.maxNodeCount") if total is None else total, "autoscaling.totalMaxNodeCount"
        )
    else:
        yield from _bounded(pool.value("nodeCount"), "nodeCount")


def _gke(subject: Subject) -> Iterator[str]:
    cluster = subject.inputs
    if cluster.value("clusterAutoscaling.enabled") is not True:
        return
    for limit in cluster.blocks("clusterAutoscaling.resourceLimits[]"):
        if limit.value("maximum") is None:
            yield f"{limit.path}.maximum is not set"


GPU_POOLS = Rule(
    id="gpu-pool-tainted-bounded",
    severity=Severity.HIGH,
    demand=f"GPU pools carry the taint {_TAINT} and a maximum of at most {_MOST_NODES} nodes.",
    why="An untainted pool is filled with pods that need no GPU; an unbounded one is a bill of thousands an hour.",
    remedy="Set the taint with effect NoSchedule, and `max` of the pool in the stack file.",
    checks={
        "aws:eks/nodeGroup:NodeGroup": _node_group,
        "kubernetes:karpenter.sh/v1:NodePool": _karpenter_pool,
        "azure-native:containerservice:ManagedCluster": _aks,
        "azure-native:containerservice:AgentPool": _aks_pool,
        "gcp:container/cluster:Cluster": _gke,
        "gcp:container/nodePool:NodePool": _gke_pool,
    },
    sources=(
        "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
        "https://karpenter.sh/docs/concepts/nodepools/",
    ),
)

RULES = (GPU_POOLS,)
