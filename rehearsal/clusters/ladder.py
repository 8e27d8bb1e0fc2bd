"""In which order the autoscaler of a cluster tries node pools, as the program has told the cluster.

* EKS and AKS: the priority expander's ConfigMap, patterns of node groups' names by priority (github.com/kubernetes/
  autoscaler, cluster-autoscaler/expander/priority). On EKS the autoscaler is a Deployment of the program's: without a
  pod of it that runs, nobody scales.
* GKE: the ComputeClass that a pod's node selector names (cloud.google.com/kubernetes-engine/docs/concepts/
  about-custom-compute-classes); pods without one take any pool.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import yaml

from rehearsal.clusters.pools import NodePool

CLASS_KEY: Final = "cloud.google.com/compute-class"
EXPANDER: Final = "cluster-autoscaler-priority-expander"
EXPANDER_NAMESPACE: Final = "kube-system"
_AUTOSCALER: Final = "cluster-autoscaler"


def by_expander(pools: Iterable[NodePool], priorities: Mapping[str, Any] | None) -> list[NodePool]:
    """Order pools by the priority expander's list, the highest priority first; those that it doesn't name never grow.

    Args:
        pools: the pools.
        priorities: the ConfigMap; without one every pool is as good as the other.
    """
    if priorities is None:
        return sorted(pools, key=lambda pool: pool.name)
    written = yaml.safe_load((priorities.get("data") or {}).get("priorities") or "") or {}
    listed = {int(priority): [re.compile(pattern) for pattern in patterns] for priority, patterns in written.items()}

    def priority_of(pool: NodePool) -> int:
        matching = (each for each, patterns in listed.items() if any(found.search(pool.group) for found in patterns))
        return max(matching, default=-1)

    ranked = sorted(((priority_of(pool), pool.name, pool) for pool in pools), key=lambda each: (-each[0], each[1]))
    return [pool for priority, _, pool in ranked if priority >= 0]


def by_compute_class(
    pools: Iterable[NodePool], pod: Mapping[str, Any], classes: Iterable[Mapping[str, Any]]
) -> list[NodePool]:
    """Order pools as the ComputeClass of a pod says; all by name where it names none."""
    wanted = (pod["spec"].get("nodeSelector") or {}).get(CLASS_KEY)
    if wanted is None:
        return sorted((pool for pool in pools if CLASS_KEY not in pool.labels), key=lambda pool: pool.name)
    found = next((each for each in classes if each["metadata"]["name"] == wanted), None)
    if found is None:
        return []
    by_name = {pool.name: pool for pool in pools}
    names = [name for rule in found["spec"].get("priorities") or () for name in rule.get("nodepools") or ()]
    return [by_name[name] for name in names if name in by_name]


def autoscaler_runs(pods: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a pod of the cluster autoscaler runs."""
    return any(
        (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") == _AUTOSCALER
        and (pod.get("status") or {}).get("phase") == "Running"
        for pod in pods
    )
