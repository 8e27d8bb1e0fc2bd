"""The embedded Kubernetes: one real node, in namespaces of its own, on a machine that reaches no registry.

A cluster is a tree of processes whose first one (:mod:`toolchain.cluster.supervisor`) is PID 1 of a PID namespace,
inside a mount and a network namespace and a cgroup root of its own. Several run side by side, and stopping one is
ending its namespaces.

The names below are resolved on first use, because the supervisor imports this package too and stays small.
"""

from typing import TYPE_CHECKING

from toolchain.lazy_names import lazy_names

if TYPE_CHECKING:
    from toolchain.cluster.embedded import EmbeddedCluster, list_clusters
    from toolchain.cluster.remnants import leftovers
    from toolchain.cluster.spec import ClusterSpec
    from toolchain.cluster.status import ClusterState, ClusterStatus, DaemonState, DaemonStatus

__all__ = [
    "ClusterSpec",
    "ClusterState",
    "ClusterStatus",
    "DaemonState",
    "DaemonStatus",
    "EmbeddedCluster",
    "leftovers",
    "list_clusters",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ClusterSpec": "spec",
        "ClusterState": "status",
        "ClusterStatus": "status",
        "DaemonState": "status",
        "DaemonStatus": "status",
        "EmbeddedCluster": "embedded",
        "leftovers": "remnants",
        "list_clusters": "embedded",
    },
)
