"""What embedded clusters left on this machine, whoever started them and whatever became of their folders."""

from pathlib import Path

from toolchain.cluster import ClusterState, EmbeddedCluster, leftovers, list_clusters
from toolchain.cluster.addresses import LeaseBook

_PREFIX = "modelfleet-"
_ALIVE = {ClusterState.RUNNING, ClusterState.STARTING, ClusterState.DEGRADED}


def running_clusters() -> list[str]:
    """Name the clusters that run on this machine, in whichever state folder their data is."""
    leased = [
        EmbeddedCluster(lease.name, state_dir=lease.folder.parent.parent).status() for lease in LeaseBook().leases()
    ]
    return sorted({cluster.name for cluster in (*leased, *list_clusters()) if cluster.state in _ALIVE})


def ended_clusters() -> list[str]:
    """List what is left of every cluster that does not run, one thing a line."""
    running = set(running_clusters())
    return [line for name in sorted(_names() - running) for line in leftovers(name)]


def _names() -> set[str]:
    """Name every cluster that has a folder, a network namespace or a cgroup."""
    traces = [
        *Path("/run/netns").glob(f"{_PREFIX}*"),
        *Path("/sys/fs/cgroup").glob(f"{_PREFIX}*"),
        *Path("/sys/fs/cgroup").glob(f"*/{_PREFIX}*"),
    ]
    return {cluster.name for cluster in list_clusters()} | {trace.name.removeprefix(_PREFIX) for trace in traces}
