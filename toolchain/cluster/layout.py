"""Where one cluster keeps what: everything is below one folder, so that ``reset`` is its removal."""

import zlib
from dataclasses import dataclass
from pathlib import Path

_LINK_NAME_BYTES = 15  # IFNAMSIZ less its final zero


@dataclass(frozen=True, slots=True)
class ClusterLayout:
    """The files of one cluster and the names of its kernel objects.

    Attributes:
        name: the cluster's name.
        folder: its folder, on a disk that survives a reboot.
    """

    name: str
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, 0600."""
        return self.folder / "kubeconfig"

    @property
    def owner(self) -> Path:
        """The name of the stack that the cluster belongs to; no such file where it belongs to none."""
        return self.folder / "owner"

    @property
    def pki(self) -> Path:
        """Keys and certificates, 0700."""
        return self.folder / "pki"

    @property
    def configuration(self) -> Path:
        """The daemons' configuration files."""
        return self.folder / "etc"

    @property
    def logs(self) -> Path:
        """The daemons' logs and the audit log."""
        return self.folder / "log"

    @property
    def pod_logs(self) -> Path:
        """The containers' logs."""
        return self.folder / "pod-logs"

    @property
    def etcd(self) -> Path:
        """The cluster's database."""
        return self.folder / "etcd"

    @property
    def containerd(self) -> Path:
        """Images and the containers' writable layers."""
        return self.folder / "containerd"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root folder, bound over /var/lib/kubelet inside the cluster's mount namespace."""
        return self.folder / "kubelet"

    @property
    def volumes(self) -> Path:
        """Data of persistent volumes."""
        return self.folder / "volumes"

    @property
    def scratch(self) -> Path:
        """The daemons' TMPDIR, emptied at every start."""
        return self.folder / "tmp"

    @property
    def archives(self) -> Path:
        """Image archives made on this machine (pause, CoreDNS)."""
        return self.folder / "archives"

    @property
    def plan(self) -> Path:
        """What the supervisor is to run."""
        return self.folder / "plan.json"

    @property
    def supervision(self) -> Path:
        """What the supervisor says about its daemons."""
        return self.folder / "supervision.json"

    @property
    def run_record(self) -> Path:
        """Which process holds the namespaces, and what the cluster was started with."""
        return self.folder / "run.json"

    @property
    def containerd_socket(self) -> str:
        """The containerd socket as seen inside the cluster's mount namespace."""
        return "/run/containerd/containerd.sock"

    @property
    def namespace(self) -> str:
        """The name of the network namespace and of the cgroup root."""
        return f"modelfleet-{self.name}"

    @property
    def network_namespace(self) -> Path:
        """The network namespace's handle."""
        return Path("/run/netns") / self.namespace

    @property
    def host_link(self) -> str:
        """The host's end of the veth pair; at most 15 bytes, so a long name ends in a checksum of the whole."""
        link = f"mf-{self.name}"
        if len(link) <= _LINK_NAME_BYTES:
            return link
        checksum = f"{zlib.crc32(self.name.encode()):08x}"
        return f"mf-{self.name[:3]}-{checksum}"

    def daemon_kubeconfig(self, daemon: str) -> Path:
        """The kubeconfig of one of Kubernetes's own daemons."""
        return self.configuration / f"{daemon}.kubeconfig"

    def log(self, daemon: str) -> Path:
        """Return the log of one daemon."""
        return self.logs / f"{daemon}.log"
