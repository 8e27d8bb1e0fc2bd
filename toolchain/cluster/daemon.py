"""What the supervisor is told about a daemon. Only the standard library: this is read by PID 1 of a cluster."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Readiness:
    """How to see that a daemon can be used.

    Attributes:
        unix_socket: it accepts connections here; or
        tcp: (host, port) where it accepts connections; or
        https: (host, port, path, CA file) that answers 200.
    """

    unix_socket: str = ""
    tcp: tuple[str, int] | None = None
    https: tuple[str, int, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Daemon:
    """One daemon of a cluster.

    Attributes:
        name: its name, and its log's.
        argv: what is run.
        readiness: how to see that it can be used; ``None`` counts it ready once it runs.
        after: the daemons that must be ready before its first start.
        before_start: commands that are run before every start.
    """

    name: str
    argv: tuple[str, ...]
    readiness: Readiness | None = None
    after: tuple[str, ...] = ()
    before_start: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class BindMount:
    """A folder or file that is seen at another place inside the cluster's mount namespace."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the supervisor needs.

    Attributes:
        hostname: the node's name.
        cgroup: name of the cluster's cgroup root.
        supervision: the file to say in how the daemons are.
        logs: the folder of their logs.
        environment: the daemons' environment.
        tmpfs: where to mount empty file systems, in order.
        folders: what to make after that.
        kernel_tunables: path below /proc/sys -> what the daemons shall read there. The kubelet sets these
            machine-wide unless it finds them set, so it is shown files that say they are.
        bind_mounts: what to mount after that.
        daemons: what to run, in order of start; they are stopped in the reverse one.
    """

    hostname: str
    cgroup: str
    supervision: str
    logs: str
    environment: dict[str, str]
    tmpfs: tuple[str, ...]
    folders: tuple[str, ...]
    kernel_tunables: dict[str, str]
    bind_mounts: tuple[BindMount, ...]
    daemons: tuple[Daemon, ...]

    def write(self, path: Path) -> None:
        """Write the plan where the supervisor will find it."""
        half = path.with_suffix(".new")
        half.write_text(json.dumps(asdict(self), indent=1))
        half.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan that :meth:`write` wrote."""
        fields = json.loads(path.read_text())
        return cls(
            hostname=fields["hostname"],
            cgroup=fields["cgroup"],
            supervision=fields["supervision"],
            logs=fields["logs"],
            environment=fields["environment"],
            tmpfs=tuple(fields["tmpfs"]),
            folders=tuple(fields["folders"]),
            kernel_tunables=fields["kernel_tunables"],
            bind_mounts=tuple(BindMount(**mount) for mount in fields["bind_mounts"]),
            daemons=tuple(_daemon(daemon) for daemon in fields["daemons"]),
        )


def _daemon(fields: dict) -> Daemon:
    readiness = fields["readiness"]
    return Daemon(
        name=fields["name"],
        argv=tuple(fields["argv"]),
        readiness=None
        if readiness is None
        else Readiness(
            unix_socket=readiness["unix_socket"],
            tcp=readiness["tcp"] and tuple(readiness["tcp"]),
            https=readiness["https"] and tuple(readiness["https"]),
        ),
        after=tuple(fields["after"]),
        before_start=tuple(tuple(command) for command in fields["before_start"]),
    )
