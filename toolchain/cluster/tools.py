"""Where the cluster's binaries are, and what else the machine must have."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from toolchain.builder import ensure
from toolchain.cluster.errors import MachineError

TOOLS_VARIABLE = "MODELFLEET_TOOLS_DIR"

# program -> the Debian package that holds it
_PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
_WITHOUT_NODE = ("nft", "ip", "mount", "nsenter", "unshare")
_CNI_FOLDER = Path("/usr/lib/cni")
_CNI_PLUGINS = ("ptp", "host-local", "portmap", "loopback")


@dataclass(frozen=True, slots=True)
class Tools:
    """Folders of the binaries that are built from Go modules."""

    kubernetes: Path
    etcd: Path
    coredns: Path


def find_tools(*, node: bool = True) -> Tools:
    """Return the binaries, building what is missing; ``$MODELFLEET_TOOLS_DIR`` names a folder that has them all.

    Args:
        node: whether the cluster has a node; one without needs no name server.

    Raises:
        ToolchainError: a build isn't possible.
    """
    override = os.environ.get(TOOLS_VARIABLE, "")
    if override:
        folder = Path(override)
        return Tools(folder, folder, folder)
    kubernetes, etcd = ensure("kubernetes"), ensure("etcd")
    return Tools(kubernetes, etcd, ensure("coredns") if node else kubernetes)


def check_machine(*, node: bool = True) -> None:
    """Check that this process may make namespaces and that the programs from Debian are there.

    Args:
        node: whether the cluster has a node; one without runs no containers.

    Raises:
        MachineError: something is missing; the message lists all of it.
    """
    if os.geteuid() != 0:
        raise MachineError("the embedded cluster makes namespaces and mounts: run as root (sudo)")
    programs = _PROGRAMS if node else {name: _PROGRAMS[name] for name in _WITHOUT_NODE}
    packages = {package for program, package in programs.items() if shutil.which(program) is None}
    if node and not all((_CNI_FOLDER / plugin).exists() for plugin in _CNI_PLUGINS):
        packages.add("containernetworking-plugins")
    if packages:
        raise MachineError(f"these packages are missing: apt-get install {' '.join(sorted(packages))}")
    missing = [kind for kind in ("mnt", "net", "pid", "uts", "ipc") if not Path(f"/proc/self/ns/{kind}").exists()]
    if missing:
        raise MachineError(f"this kernel has no {', '.join(missing)} namespaces: another kernel is needed")
