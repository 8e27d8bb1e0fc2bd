"""The simulated nodes of a pool, as their kubelets would register them. They run no containers, and say so."""

import datetime as dt
from typing import Any, Final

from rehearsal.clusters.pools import NodePool
from toolchain.cluster.spec import GPU_RESOURCE

POOL_LABEL: Final = "modelfleet.dev/simulated-pool"
"""Every simulated node carries it, and no other node."""
LEASES: Final = "kube-node-lease"
LEASE_S: Final = 40
"""What a kubelet asks for (kubernetes.io/docs/concepts/architecture/leases); it is renewed every quarter of it."""
_PODS: Final = "110"
_VERSION: Final = "v1.34.4+simulated"
_MIB: Final = 1024


def node_of(pool: NodePool, region: str, number: int, suffix: str) -> dict[str, Any]:
    """Describe a node that joins.

    Args:
        pool: its pool.
        region: where the cluster is.
        number: how many nodes the pool has already; zones are filled in turn.
        suffix: what makes its name its own.
    """
    name = f"{pool.name}-{suffix}"
    zone = pool.zones[number % len(pool.zones)] if pool.zones else region
    capacity = {
        "cpu": str(pool.size.vcpus),
        "memory": f"{int(pool.size.memory_gib * _MIB)}Mi",
        "ephemeral-storage": "200Gi",
        "pods": _PODS,
    }
    left = {
        **capacity,
        "cpu": f"{pool.size.allocatable_cpu_milli}m",
        "memory": f"{pool.size.allocatable_memory_mib}Mi",
    }
    if pool.offers_gpus and pool.size.gpus:
        capacity[GPU_RESOURCE] = left[GPU_RESOURCE] = str(pool.size.gpus)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                **pool.labels,
                POOL_LABEL: pool.name,
                "kubernetes.io/arch": pool.size.arch,
                "kubernetes.io/os": "linux",
                "kubernetes.io/hostname": name,
                "node.kubernetes.io/instance-type": pool.sku,
                "topology.kubernetes.io/region": region,
                "topology.kubernetes.io/zone": zone,
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {
            "providerID": f"simulated://{zone}/{name}",
            "taints": [{"key": each.key, "value": each.value, "effect": each.effect} for each in pool.taints],
        },
        "status": {
            "capacity": capacity,
            "allocatable": left,
            "conditions": conditions(),
            "addresses": [{"type": "Hostname", "address": name}],
            "nodeInfo": {
                "architecture": pool.size.arch,
                "operatingSystem": "linux",
                "kubeletVersion": _VERSION,
                "kubeProxyVersion": _VERSION,
                "containerRuntimeVersion": "simulated://0",
                "osImage": "simulated: runs no containers",
                "kernelVersion": "",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        },
    }


def conditions() -> list[dict[str, str]]:
    """Give the conditions of a node that is well."""
    now = timestamp()
    told = {
        "Ready": ("True", "KubeletReady"),
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
    }
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "simulated",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, (status, reason) in told.items()
    ]


def lease_of(name: str) -> dict[str, Any]:
    """Describe the lease by which a node says that it lives."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": LEASES},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_S, "renewTime": _precise()},
    }


def timestamp() -> str:
    """Give the present second as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _precise() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
