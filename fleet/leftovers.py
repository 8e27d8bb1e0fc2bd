"""What clusters and stacks left on this machine, whoever made them and whatever became of their folders."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from fleet.authorities import authority_file
from fleet.engine import Engine
from fleet.run_config import run_config_file
from fleet.stacks import known_stacks, stack_file
from infra.config import Cloud, SettingsError, from_stack_file
from toolchain import builder
from toolchain.cluster import ClusterState, EmbeddedCluster, leftovers, list_clusters
from toolchain.cluster.addresses import LeaseBook
from toolchain.locations import bucket_dir
from toolchain.official import find_official
from toolchain.pulumi_home import choose_flavour, pulumi_environment

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


def kept_by_ended_stacks() -> list[Path]:
    """List what the state folder keeps of this clone's local stacks that the backend doesn't know.

    Without an engine at hand nobody can say which those are, and nothing is listed.
    """
    kept = [(stack, path) for stack in _local_stacks() for path in _kept(stack) if path.exists()]
    if not kept or (find_official() is None and not builder.is_built("pulumi")):
        return []
    known = Engine(pulumi_environment(choose_flavour())).stacks()
    return [path for stack, path in kept if stack not in known]


def remove_kept() -> None:
    """Remove what the state folder keeps of ended stacks."""
    for path in kept_by_ended_stacks():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _local_stacks() -> Iterator[str]:
    """Name the stacks of this machine's own clusters; a cloud's may well be in a backend that isn't asked here."""
    for stack in known_stacks():
        try:
            if from_stack_file(stack_file(stack)).cloud is Cloud.LOCAL:
                yield stack
        except SettingsError:
            continue


def _kept(stack: str) -> Iterator[Path]:
    """Give what the end of a stack removes."""
    yield authority_file(stack)
    yield run_config_file(stack)
    yield bucket_dir(stack)


def _names() -> set[str]:
    """Name every cluster that has a folder, a network namespace or a cgroup."""
    traces = [
        *Path("/run/netns").glob(f"{_PREFIX}*"),
        *Path("/sys/fs/cgroup").glob(f"{_PREFIX}*"),
        *Path("/sys/fs/cgroup").glob(f"*/{_PREFIX}*"),
    ]
    return {cluster.name for cluster in list_clusters()} | {trace.name.removeprefix(_PREFIX) for trace in traces}
