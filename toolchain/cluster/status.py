"""What is known about a cluster and its daemons."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path


class ClusterState(StrEnum):
    """Whether a cluster runs."""

    RUNNING = "running"
    STARTING = "starting"
    DEGRADED = "degraded"  # its namespaces live, and a daemon is down
    STOPPED = "stopped"
    CRASHED = "crashed"  # it was not stopped, and its first process is gone


class DaemonState(StrEnum):
    """Where one daemon of the cluster stands."""

    WAITING = "waiting"  # for another one, before its first start
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"  # died, and is started again soon
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """One daemon.

    Attributes:
        name: its name.
        state: where it stands.
        restarts: how often it was started again since the cluster's start.
        last_exit: how it ended the last time, in words; empty if it never did.
    """

    name: str
    state: DaemonState
    restarts: int
    last_exit: str


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster.

    Attributes:
        name: its name.
        state: whether it runs.
        daemons: its daemons; empty unless it runs.
        subnet: the addresses that host, node and load balancers share; ``None`` if it never ran.
        node_address: the node's address, which also serves the API.
        load_balancer_pool: the addresses that Services of type LoadBalancer get.
        kubeconfig: the administrator's kubeconfig.
        memory_bytes: what all its processes hold, page cache excluded.
        simulated_gpus: how many GPUs it pretends to have.
        started_at: when its namespaces were made (UTC, ISO 8601); empty unless it runs.
    """

    name: str
    state: ClusterState
    daemons: tuple[DaemonStatus, ...]
    subnet: IPv4Network | None
    node_address: IPv4Address | None
    load_balancer_pool: IPv4Network | None
    kubeconfig: Path
    memory_bytes: int
    simulated_gpus: int
    started_at: str

    @property
    def restarts(self) -> int:
        """How often daemons were started again since the cluster's start."""
        return sum(daemon.restarts for daemon in self.daemons)
