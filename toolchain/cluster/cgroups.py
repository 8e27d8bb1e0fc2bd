"""The cluster's cgroup root: one folder in every hierarchy, v1, v2 or a mixture of both.

What lives below it is everything the cluster runs: its daemons in ``daemons``, its pods where the kubelet puts
them. That makes it the place to count memory, and to find a process that should be gone.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
_DAEMONS = "daemons"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy."""

    mount: Path
    unified: bool  # cgroup v2


def hierarchies() -> tuple[Hierarchy, ...]:
    """Return every cgroup hierarchy that is mounted."""
    found = []
    for line in _MOUNTS.read_text().splitlines():
        _, mount, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            found.append(Hierarchy(Path(mount), unified=kind == "cgroup2"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CgroupRoot:
    """The cgroups of one cluster.

    Attributes:
        name: the folder's name in every hierarchy.
    """

    name: str

    def create(self) -> None:
        """Make the folders, ready for the kubelet to make its own below."""
        for hierarchy in hierarchies():
            root = hierarchy.mount / self.name
            if hierarchy.unified:
                _delegate_controllers(hierarchy.mount)
            root.mkdir(exist_ok=True)
            daemons = root / _DAEMONS  # a leaf: v2 allows no process beside sub-groups with controllers
            daemons.mkdir(exist_ok=True)
            if hierarchy.unified:
                _delegate_controllers(root)
            else:
                _inherit_cpuset(hierarchy.mount, root)
                _inherit_cpuset(root, daemons)

    def enter(self) -> None:
        """Move the calling process, and so its later children, into the daemons' group."""
        for hierarchy in hierarchies():
            (hierarchy.mount / self.name / _DAEMONS / "cgroup.procs").write_text("0")

    def folders(self) -> list[Path]:
        """Return every folder of the cluster in every hierarchy, deepest first."""
        found: list[Path] = []
        for hierarchy in hierarchies():
            for folder, _, _ in os.walk(hierarchy.mount / self.name, topdown=False):
                found.append(Path(folder))
        return found

    def processes(self) -> set[int]:
        """Return every process below the root, as the caller's PID namespace numbers them."""
        return {process for folder in self.folders() for process in _members(folder) if process > 0}

    def kill(self) -> None:
        """Send SIGKILL to every process below the root."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def remove(self) -> None:
        """Delete the folders that no process is in any more."""
        for folder in self.folders():
            with contextlib.suppress(OSError):  # busy: `processes` still lists who keeps it
                folder.rmdir()

    def memory_bytes(self) -> int:
        """Return what the processes hold, page cache excluded; 0 where no memory controller is mounted."""
        for hierarchy in hierarchies():
            stat = hierarchy.mount / self.name / "memory.stat"
            try:
                fields = dict(line.split(maxsplit=1) for line in stat.read_text().splitlines())
            except OSError:
                continue
            return int(fields.get("anon", 0) if hierarchy.unified else fields.get("total_rss", 0))
        return 0


def _members(folder: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for line in (folder / "cgroup.procs").read_text().split():
            yield int(line)


def _inherit_cpuset(parent: Path, child: Path) -> None:
    """Fill a v1 cpuset, which begins empty and takes no process until it has processors and memory nodes."""
    for field in ("cpuset.cpus", "cpuset.mems"):
        if (child / field).exists() and not (child / field).read_text().strip():
            inherited = (parent / field).read_text().strip()
            if inherited:
                (child / field).write_text(inherited)


def _delegate_controllers(folder: Path) -> None:
    """Offer every v2 controller that ``folder`` has to its children."""
    for controller in (folder / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):  # one that can't be delegated here (a v1 mount has it) is not missed
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")
