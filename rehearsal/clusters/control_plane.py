"""The control plane of a simulated cluster: started when it is first asked for, ended with the rehearsal.

It is an embedded cluster (`toolchain.cluster`) without a node, in namespaces of its own, so that ending it leaves no
process. Its data lies in the world's folder.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock

from rehearsal import guard
from rehearsal.clusters.managed_cluster import ManagedCluster
from toolchain.cluster import ClusterSpec, EmbeddedCluster
from toolchain.cluster.addresses import LeaseBook
from toolchain.kubernetes_provider.kubeconfig import Connection, load

_FOLDER: Final = "clusters"
"""Where embedded clusters keep their data, below the folder that they are given."""
_MEMORY: Final = "account.sqlite"


@dataclass(frozen=True)
class ControlPlane:
    """The API server of one managed cluster.

    Attributes:
        world: the rehearsal's folder.
        cluster: the cluster, as its account knows it.
    """

    world: Path
    cluster: ManagedCluster

    def start(self, host: str) -> None:
        """Start it unless it runs, and return when its API server answers.

        Args:
            host: the name by which the program knows it, and its certificate proves it.

        Raises:
            ClusterError: it doesn't start; the message says why.
        """
        companion = (
            *(sys.executable, "-m", "rehearsal.clusters"),
            *("--memory", str(self.world / _MEMORY)),
            *("--cluster", self.cluster.identifier),
            *("--kubeconfig", str(self._embedded.kubeconfig)),
        )
        spec = ClusterSpec(
            node=False,
            companion=companion,
            names=(host,),
            audit=False,
            durable=False,
            # EKS, AKS and GKE enforce no standard but what namespaces ask for.
            pod_security="privileged",
        )
        self._embedded.start(spec)

    def connection(self) -> Connection:
        """Give its administrator's connection from this machine, past any tunnel."""
        return load(str(self._embedded.kubeconfig))

    @property
    def _embedded(self) -> EmbeddedCluster:
        return EmbeddedCluster(self.cluster.machine_name(self.world), state_dir=self.world)


def stop_all(world: Path) -> None:
    """End every control plane of a rehearsal; what they hold is kept for the next one that goes on."""
    _each(world, EmbeddedCluster.stop)


def remove_all(world: Path) -> None:
    """End every control plane of a rehearsal, and remove what they hold."""
    _each(world, EmbeddedCluster.reset)


def stop_abandoned() -> None:
    """End the control planes of rehearsals that are over: those whose process was killed had no time to."""
    if os.geteuid() != 0:
        return  # who isn't root has started none
    for world in {lease.folder.parent.parent for lease in LeaseBook().leases() if lease.folder.parent.name == _FOLDER}:
        if not (world / guard.MARK).is_file():
            continue
        lock = filelock.FileLock(lock_file(world))
        try:
            with lock.acquire(blocking=False):
                stop_all(world)
        except filelock.Timeout:
            continue


def lock_file(world: Path) -> Path:
    """Give the file whose lock a rehearsal holds as long as it is in its world."""
    return world.parent / f".{world.name}.lock"


def _each(world: Path, end: Callable[[EmbeddedCluster], None]) -> None:
    folder = world / _FOLDER
    if not folder.is_dir():
        return
    clusters = [EmbeddedCluster(entry.name, state_dir=world) for entry in sorted(folder.iterdir()) if entry.is_dir()]
    with ThreadPoolExecutor() as at_once:
        list(at_once.map(end, clusters))
