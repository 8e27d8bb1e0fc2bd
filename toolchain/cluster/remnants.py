"""What a cluster has left on the machine: after a stop, nothing."""

import json
from ipaddress import IPv4Network
from pathlib import Path

from toolchain.cluster.addresses import LeaseBook
from toolchain.cluster.cgroups import CgroupRoot
from toolchain.cluster.command import run
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.settings import read_settings
from toolchain.locations import state_dir


def leftovers(name: str, *, state: Path | None = None) -> list[str]:
    """Return one line for every process, mount, namespace, link, route, rule, cgroup and lease of cluster ``name``.

    Its data on disk is not among them: ``stop`` keeps it, ``reset`` removes it.

    Args:
        name: the cluster.
        state: the state folder that it lives in; the user's if ``None``.

    Raises:
        CommandError: the kernel can't be asked.
    """
    layout = ClusterLayout(name, (state_dir() if state is None else state) / "clusters" / name)
    cgroup = CgroupRoot(layout.namespace)
    found = [f"process {pid}: {_command_line(pid)}" for pid in sorted(cgroup.processes() | _by_plan(layout))]
    # The topmost of each hierarchy stands for all below it, which may be hundreds.
    found += [f"cgroup {folder}" for folder in cgroup.folders() if folder.name == layout.namespace]
    found += [f"mount {mount}" for mount in _mounts(layout)]
    if layout.network_namespace.exists():
        found.append(f"network namespace {layout.network_namespace}")
    links = {link["ifname"] for link in json.loads(run("ip", "-json", "link", "show") or "[]")}
    if layout.host_link in links:
        found.append(f"network link {layout.host_link}")
    settings = read_settings(layout)
    if settings is not None:
        found += [f"route {route}" for route in _routes(settings.subnet, layout.host_link)]
    tables = run("nft", "list", "tables").splitlines()
    found += [f"nftables {table}" for table in tables if table.split()[-1] == layout.namespace]
    found += [f"lease of {lease.network}" for lease in LeaseBook().leases() if lease.name == name]
    return found


def _by_plan(layout: ClusterLayout) -> set[int]:
    """Return the processes that were started with the cluster's plan."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(layout.plan).encode() in arguments:
            found.add(int(entry.name))
    return found


def _mounts(layout: ClusterLayout) -> list[str]:
    targets = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    below = f"{layout.folder}/"
    return [target for target in targets if target.startswith(below) or target == str(layout.network_namespace)]


def _routes(subnet: IPv4Network, link: str) -> list[str]:
    rows = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    return [
        str(row["dst"])
        for row in rows
        if row.get("dev") == link
        or (row.get("dst", "default") != "default" and IPv4Network(row["dst"], strict=False).subnet_of(subnet))
    ]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"
