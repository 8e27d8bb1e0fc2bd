"""The cluster's namespaces: how they are made, joined to the host by a veth pair, found again, and ended."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from toolchain.cluster.addresses import Subnet
from toolchain.cluster.cgroups import CgroupRoot
from toolchain.cluster.command import run
from toolchain.cluster.errors import CommandError, StartTimeoutError, StopError
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.spec import POD_CIDR
from toolchain.locations import clone_dir

_NODE_LINK = "eth0"
_POLL_S = 0.02
_LAUNCH_TIMEOUT_S = 10.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, told apart from a later one with the same number.

    Attributes:
        pid: its number in the caller's PID namespace.
        started: its start, in clock ticks since boot.
        boot: the boot that both are of.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """Return the identity of a living process, ``None`` if there is none (or only its zombie)."""
        try:
            # The name in parentheses may hold anything: the fields are counted from the last one.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        if fields[0] in {"Z", "X"}:
            return None
        return cls(pid, int(fields[19]), _BOOT_ID.read_text().strip())

    def alive(self) -> bool:
        """Whether the process still lives."""
        return ProcessIdentity.of(self.pid) == self


def connect(layout: ClusterLayout, subnet: Subnet) -> None:
    """Make the network namespace and its link to the host.

    Raises:
        CommandError: the kernel refused.
    """
    name, link = layout.namespace, layout.host_link
    peer = f"{link[:13]}-n"  # only until it is moved and renamed
    run("ip", "netns", "add", name)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", peer)
    run("ip", "link", "set", peer, "netns", name)
    _in_network(layout, "ip", "link", "set", peer, "name", _NODE_LINK)
    _in_network(layout, "ip", "-batch", "-", input_text=_addresses_inside(subnet))
    # In the namespace of its own network, /proc/sys/net is that network's.
    for key, value in _NETWORK_SETTINGS.items():
        _in_network(layout, "sysctl", "-q", "-w", f"{key}={value}")
    _in_network(layout, "nft", "-f", "-", input_text=_MASQUERADE)
    run("ip", "address", "add", f"{subnet.host}/{subnet.network.prefixlen}", "dev", link)
    run("ip", "link", "set", link, "up")
    run("ip", "route", "add", str(subnet.load_balancers), "via", str(subnet.node))


def launch(layout: ClusterLayout) -> tuple[ProcessIdentity, ProcessIdentity]:
    """Start the supervisor in new mount, PID, IPC and UTS namespaces, and in the network namespace made before.

    Returns:
        The process that holds the namespaces on the host, and the supervisor, PID 1 of its own.

    Raises:
        StartTimeoutError: the supervisor did not come up.
    """
    # setsid: Ctrl-C at the terminal is for whoever starts the cluster. nsenter, not `ip netns exec`: the latter mounts
    # another /sys, which hides the cgroups.
    argv = [
        "setsid",
        "--fork",
        "nsenter",
        f"--net={layout.network_namespace}",
        "unshare",
        "--mount",
        "--propagation=private",
        "--ipc",
        "--uts",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child=SIGKILL",
        sys.executable,
        "-m",
        "toolchain.cluster.supervisor",
        str(layout.plan),
    ]
    with layout.log("supervisor").open("ab") as log:
        subprocess.run(
            argv,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(clone_dir())},
            cwd="/",
        )
    deadline = time.monotonic() + _LAUNCH_TIMEOUT_S
    while time.monotonic() < deadline:
        found = _find_supervisor(layout)
        if found is not None:
            return found
        time.sleep(_POLL_S)
    said = layout.log("supervisor").read_text(errors="replace")[-1000:]
    raise StartTimeoutError(f"the supervisor of cluster {layout.name!r} did not start; it said: {said}")


def end(layout: ClusterLayout, supervisor: ProcessIdentity | None, *, grace_s: float) -> None:
    """End the supervisor, and with it every process of the cluster.

    Args:
        layout: the cluster.
        supervisor: its supervisor; ``None`` looks for one, whose start was killed before it could be written down.
        grace_s: how long the supervisor may take to end in order.

    Raises:
        StopError: processes are left that even SIGKILL does not end.
    """
    if supervisor is None:
        found = _find_supervisor(layout)
        supervisor = found and found[1]
    if supervisor is not None and supervisor.alive():
        _signal(supervisor.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while supervisor.alive() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        _signal_if_same(supervisor, signal.SIGKILL)
    cgroup = CgroupRoot(layout.namespace)
    deadline = time.monotonic() + 10
    while left := cgroup.processes():
        if time.monotonic() > deadline:
            raise StopError(
                f"processes {sorted(left)} of cluster {layout.name!r} don't end (a disk that hangs?): "
                "look at /proc/PID/stack, or reboot"
            )
        cgroup.kill()
        time.sleep(_POLL_S)


def disconnect(layout: ClusterLayout) -> None:
    """Remove the link, the network namespace and the cgroups; what isn't there is fine."""
    with contextlib.suppress(CommandError):
        run("ip", "link", "delete", layout.host_link)  # its routes and addresses go with it
    with contextlib.suppress(CommandError):
        run("ip", "netns", "delete", layout.namespace)
    deadline = time.monotonic() + 5
    cgroup = CgroupRoot(layout.namespace)
    cgroup.remove()
    while cgroup.folders() and time.monotonic() < deadline:  # the kernel lets go of dead processes a little later
        time.sleep(_POLL_S)
        cgroup.remove()


def _in_network(layout: ClusterLayout, *argv: str, input_text: str | None = None) -> str:
    return run("nsenter", f"--net={layout.network_namespace}", *argv, input_text=input_text)


def _addresses_inside(subnet: Subnet) -> str:
    return "\n".join(
        (
            "link set lo up",
            f"address add {subnet.node}/{subnet.network.prefixlen} dev {_NODE_LINK}",
            f"link set {_NODE_LINK} up",
            f"route add default via {subnet.host}",
            # A load balancer's address without a Service ends here, instead of going back to the host for ever.
            f"route add local {subnet.load_balancers} dev lo",
            "",
        )
    )


_NETWORK_SETTINGS = {
    "net.ipv4.ip_forward": "1",
    # A pod that forges another one's address would pass that one's network policies.
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.default.rp_filter": "1",
    # Policies, pods and Services are IPv4 only: a link-local IPv6 address would be a way around them.
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
}

_MASQUERADE = f"""
table ip modelfleet-node {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "{_NODE_LINK}" ip saddr {POD_CIDR} masquerade
  }}
}}
"""


def _find_supervisor(layout: ClusterLayout) -> tuple[ProcessIdentity, ProcessIdentity] | None:
    """Return the holder and the supervisor: the latter is PID 1 of a namespace and was given the cluster's plan."""
    plan = os.fsencode(layout.plan)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if plan not in (entry / "cmdline").read_bytes().split(b"\0"):
                continue
            lines = (entry / "status").read_text().splitlines()
            fields = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
            # NSpid: the number in each nested namespace, the innermost last.
            if fields["NSpid"][1:] == ["1"]:
                supervisor, holder = ProcessIdentity.of(int(entry.name)), ProcessIdentity.of(int(fields["PPid"][0]))
                if supervisor is not None and holder is not None:
                    return holder, supervisor
    return None


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_if_same(process: ProcessIdentity, number: signal.Signals) -> None:
    if process.alive():
        _signal(process.pid, number)
