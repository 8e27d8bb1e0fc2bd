"""What a cluster is asked to be, and the addresses that are the same inside every one."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network

from toolchain.cluster.errors import ClusterNameError, ClusterSpecError

# Inside the cluster's own network namespace: equal in every cluster, unseen from outside.
POD_CIDR = IPv4Network("10.244.0.0/16")
NODE_POD_CIDR = IPv4Network("10.244.0.0/24")  # what the controller manager gives the first node of POD_CIDR
SERVICE_CIDR = IPv4Network("10.96.0.0/16")
API_SERVICE_ADDRESS = SERVICE_CIDR[1]
DNS_ADDRESS = SERVICE_CIDR[10]
DNS_DOMAIN = "cluster.local"
API_PORT = 6443
CONTROLLERS_USER = "modelfleet:node-controllers"
COMPANION_SOCKET = "/run/companion.sock"  # in the cluster's own /run

GPU_RESOURCE = "nvidia.com/gpu"
GPU_LABEL = "modelfleet.dev/simulated-gpus"

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_SMALLEST_PREFIX = 24  # .1 host, .2 node, .64/26 load balancers need a /24


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """Settings of one embedded cluster.

    Attributes:
        simulated_gpus: how many ``nvidia.com/gpu`` the node pretends to have; the node carries the label
            ``modelfleet.dev/simulated-gpus`` with that number, so that nobody takes them for real ones.
        subnet: the /24 that host, node and load balancers share; ``None`` takes a free one of the machine's pool.
        audit: write an audit log of the API server (``audit.log``, rotated at 20 MB, 3 old ones kept).
        node: whether it has a node: kubelet, containers, proxy, DNS. Without one it is a control plane alone, to which
            others register nodes.
        companion: the command of a program that runs beside the API server, inside of the cluster's namespaces, and is
            started again when it dies; none if empty. It is ready when it takes connections at `COMPANION_SOCKET`.
        names: further host names that its API server's certificate is for.
        durable: whether what etcd has answered survives a power failure. Where it needn't, writes don't wait for disks.
        pod_security: Pod Security Standard enforced in every namespace that doesn't say otherwise (kube-system
            is exempt): ``privileged``, ``baseline`` or ``restricted``.
        start_timeout_s: how long a start may take until the node is ready and DNS answers.
    """

    simulated_gpus: int = 0
    subnet: IPv4Network | None = None
    audit: bool = True
    node: bool = True
    companion: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    durable: bool = True
    pod_security: str = "baseline"
    start_timeout_s: float = 180.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ClusterSpecError: one of them can't work.
        """
        if not 0 <= self.simulated_gpus <= 1024:
            raise ClusterSpecError(f"simulated_gpus is {self.simulated_gpus}: give a number from 0 to 1024")
        if self.subnet is not None and self.subnet.prefixlen != _SMALLEST_PREFIX:
            raise ClusterSpecError(f"subnet {self.subnet} isn't a /{_SMALLEST_PREFIX} (give one like 10.250.7.0/24)")
        if self.pod_security not in {"privileged", "baseline", "restricted"}:
            raise ClusterSpecError(
                f"pod_security is {self.pod_security!r}: give 'privileged', 'baseline' or 'restricted'"
            )


def checked_name(name: str) -> str:
    """Return ``name`` if it can name a cluster, which is also its node's name and part of kernel object names.

    Raises:
        ClusterNameError: it can't.
    """
    if not _NAME.fullmatch(name):
        raise ClusterNameError(
            f"{name!r} can't name a cluster: use at most 30 small letters, digits and hyphens, beginning with a letter"
        )
    return name
