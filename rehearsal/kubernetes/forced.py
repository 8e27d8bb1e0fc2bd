"""What must be there before a Kubernetes object is: the API server, and machines for what has pods."""

from collections.abc import Mapping
from typing import Final

_CLUSTERS: Final = (
    "aws:eks/cluster:Cluster",
    "azure-native:containerservice:ManagedCluster",
    "gcp:container/cluster:Cluster",
)
_POOLS: Final = (
    "aws:eks/nodeGroup:NodeGroup",
    "azure-native:containerservice:AgentPool",
    "gcp:container/nodePool:NodePool",
)
_NAMESPACE: Final = "kubernetes:core/v1:Namespace"

FORCED: Final[Mapping[str, tuple[str, ...]]] = {
    _NAMESPACE: _CLUSTERS,
    "kubernetes:apps/v1:Deployment": (*_CLUSTERS, *_POOLS, _NAMESPACE),
    "kubernetes:apps/v1:StatefulSet": (*_CLUSTERS, *_POOLS, _NAMESPACE),
    "kubernetes:batch/v1:Job": (*_CLUSTERS, *_POOLS, _NAMESPACE),
}
"""By type token: the types of which it needs one."""
