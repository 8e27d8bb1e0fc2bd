"""One embedded cluster: start, stop, reset, status, and images for it."""

import contextlib
import datetime as dt
import errno
import json
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from toolchain.cluster import addons, components, configuration, namespaces
from toolchain.cluster.addresses import LeaseBook, Subnet
from toolchain.cluster.cgroups import CgroupRoot
from toolchain.cluster.errors import (
    ClusterOwnedError,
    ClusterSpecError,
    CommandError,
    DiskSpaceError,
    ImageError,
    MachineError,
    NotRunningError,
)
from toolchain.cluster.image_archive import write_binary_image
from toolchain.cluster.image_store import ImageStore
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.pause_binary import pause_binary
from toolchain.cluster.readiness import Waiting, read_daemons
from toolchain.cluster.settings import (
    ClusterSettings,
    RunRecord,
    read_run,
    read_settings,
    write_run,
    write_settings,
)
from toolchain.cluster.spec import API_PORT, ClusterSpec, checked_name
from toolchain.cluster.status import ClusterState, ClusterStatus, DaemonState
from toolchain.cluster.tools import Tools, check_machine, find_tools
from toolchain.locations import run_dir, state_dir

_LEAST_FREE_BYTES = 2 * 1024**3  # etcd, logs and the model server's image; below 1 % free the kubelet evicts pods
_STOP_GRACE_S = 45.0  # more than the supervisor's own graces together
_DEFAULT_SPEC = ClusterSpec()


class EmbeddedCluster:
    """A Kubernetes of one node, or of a control plane alone, on this machine, in namespaces of its own.

    Args:
        name: its name, which is the node's too, and unique on the machine.
        state_dir: where its data lives (below ``clusters/<name>``); the user's state folder if ``None``.

    Raises:
        ClusterNameError: ``name`` can't be a cluster's.
    """

    def __init__(self, name: str, *, state_dir: Path | None = None) -> None:
        self._layout = _layout(checked_name(name), state_dir)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig (0600); there once the cluster was started."""
        return self._layout.kubeconfig

    def start(
        self, spec: ClusterSpec = _DEFAULT_SPEC, *, on_progress: Callable[[str], None] | None = None
    ) -> ClusterStatus:
        """Start the cluster and return when its node is ready and its DNS answers; at once if it runs.

        One without a node is ready when its API server is.

        What is left of a crashed run is cleared away first. A start that fails or is interrupted leaves nothing
        running; its logs stay.

        Args:
            spec: what it shall be. The default spec takes a running cluster as it is.
            on_progress: called with a few words for every step.

        Raises:
            ClusterSpecError: it runs with other settings than ``spec``.
            ClusterNameError: what runs under that name is another state folder's.
            MachineError: the machine lacks something.
            AddressPoolError: no subnet is free.
            DiskSpaceError: the disk is too full.
            DaemonFailedError: a daemon keeps dying.
            StartTimeoutError: it took longer than the spec allows.
        """
        say = on_progress or (lambda _: None)
        check_machine(node=spec.node)
        with self._exclusive(say):
            record = read_run(self._layout)
            if record is not None and record.supervisor.alive():
                self._check_same(spec)
                if record.ready:
                    return self.status()
                say("beginning again what another start left unfinished")
            LeaseBook().check_owner(self._layout.name, self._layout.folder)
            self._clear(say)
            try:
                self._launch(spec, say)
            except BaseException as error:
                with contextlib.suppress(Exception):  # the first error is the one to tell
                    self._clear(lambda _: None)
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise self._disk_full() from error
                raise
            return self.status()

    def stop(self) -> None:
        """Stop the cluster; its data is kept. Nothing happens if it doesn't run.

        Raises:
            ClusterNameError: what runs under that name is another state folder's.
            MachineError: this process may not end it.
            StopError: processes are left that can't be ended.
        """
        self._end(grace_s=_STOP_GRACE_S)

    @property
    def exists(self) -> bool:
        """Whether it was ever started, and not reset since."""
        return self._layout.folder.is_dir()

    @property
    def owner(self) -> str | None:
        """The stack that it belongs to; None where it belongs to none."""
        try:
            return self._layout.owner.read_text(encoding="utf-8") or None
        except FileNotFoundError:
            return None

    def claim(self, stack: str) -> None:
        """Make it this stack's; one that was started by hand is taken over.

        Raises:
            ClusterOwnedError: it is another stack's.
        """
        if (owner := self.owner) not in {None, stack}:
            raise ClusterOwnedError(
                f"cluster {self._layout.name!r} belongs to stack {owner}: give stack {stack} one of its own by another "
                f"name in modelfleet:cluster, or take stack {owner} down first"
            )
        self._layout.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._layout.owner.write_text(stack, encoding="utf-8")

    def reset(self) -> None:
        """Stop the cluster and remove its data.

        Raises:
            ClusterNameError: what runs under that name is another state folder's.
            MachineError: this process may not end it.
            StopError: processes are left that can't be ended.
        """
        self._end(grace_s=0)  # an orderly end would only save what is removed next
        with self._exclusive(lambda _: None):
            if self._layout.folder.exists():
                shutil.rmtree(self._layout.folder)

    def status(self) -> ClusterStatus:
        """Return where the cluster stands."""
        settings, record = read_settings(self._layout), read_run(self._layout)
        alive = record is not None and record.supervisor.alive()
        daemons = read_daemons(self._layout) if alive else ()
        if record is None:
            state = ClusterState.STOPPED
        elif not alive:
            state = ClusterState.CRASHED
        elif not record.ready:
            state = ClusterState.STARTING
        elif daemons and all(daemon.state is DaemonState.READY for daemon in daemons):
            state = ClusterState.RUNNING
        else:
            state = ClusterState.DEGRADED
        subnet = None if settings is None else Subnet(settings.subnet)
        return ClusterStatus(
            name=self._layout.name,
            state=state,
            daemons=daemons,
            subnet=None if subnet is None else subnet.network,
            node_address=None if subnet is None else subnet.node,
            load_balancer_pool=None if subnet is None else subnet.load_balancers,
            kubeconfig=self._layout.kubeconfig,
            memory_bytes=CgroupRoot(self._layout.namespace).memory_bytes() if alive else 0,
            simulated_gpus=0 if settings is None else settings.spec.simulated_gpus,
            started_at=record.started_at if record is not None and alive else "",
        )

    def import_image(self, archive: Path, reference: str) -> None:
        """Give the cluster an image; nothing happens if it has it.

        Args:
            archive: an OCI archive (or a Docker archive, whose digest is known only after the import).
            reference: the name that pods use: ``name@sha256:digest``, or ``name:tag``.

        Raises:
            NotRunningError: the cluster doesn't run, or ended meanwhile.
            ImageError: the archive can't be read, or holds another image than ``reference`` names.
        """
        try:
            self._images().load(archive, reference)
        except (CommandError, ImageError) as error:
            self._images()  # an import that fails because the cluster ended is no fault of the image
            raise error from None

    def has_image(self, reference: str) -> bool:
        """Return whether the cluster has an image, complete.

        Raises:
            NotRunningError: the cluster doesn't run.
        """
        return self._images().has(reference)

    def _images(self) -> ImageStore:
        record = read_run(self._layout)
        if record is None or not record.supervisor.alive():
            raise NotRunningError(
                f"cluster {self._layout.name!r} doesn't run: `fleet cluster start {self._layout.name}` first"
            )
        # The socket is in the cluster's mount namespace, which the host sees through its first process.
        return ImageStore(Path(f"/proc/{record.supervisor.pid}/root{self._layout.containerd_socket}"))

    def _launch(self, spec: ClusterSpec, say: Callable[[str], None]) -> None:
        # An HTTP client and X.509 take a quarter of a second to import: asking for the status does without.
        from toolchain.cluster import credentials  # noqa: PLC0415

        deadline = time.monotonic() + spec.start_timeout_s
        layout = self._layout
        hidden = next((top for top in components.HIDDEN if layout.folder.resolve().is_relative_to(top)), None)
        if hidden is not None:
            raise MachineError(
                f"{layout.folder} is below {hidden}, which is another folder inside the cluster: "
                "set MODELFLEET_STATE to a folder elsewhere"
            )
        tools = find_tools(node=spec.node)
        layout.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(layout.folder).free < _LEAST_FREE_BYTES:
            raise self._disk_full()
        before = read_settings(layout)
        previous = None if before is None else before.subnet
        subnet = LeaseBook().take(
            layout.name,
            layout.folder,
            wish=spec.subnet if spec.subnet is not None else previous,
            exact=spec.subnet is not None,
        )
        write_settings(layout, ClusterSettings(subnet.network, spec))
        for folder in (layout.logs, layout.pod_logs, layout.etcd, layout.containerd, layout.kubelet, layout.volumes):
            folder.mkdir(exist_ok=True, mode=0o700)
        if layout.scratch.exists():
            shutil.rmtree(layout.scratch)
        layout.scratch.mkdir(mode=0o700)
        layout.volumes.chmod(0o711)  # a container's user passes through to the volume that it is given
        layout.supervision.unlink(missing_ok=True)
        credentials.ensure_all(layout, subnet, spec.names)
        configuration.write_all(layout, subnet, spec)
        plan = components.plan(layout, subnet, spec, tools)
        plan.write(layout.plan)

        say(f"namespaces at {subnet.network}")
        CgroupRoot(layout.namespace).create()
        namespaces.connect(layout, subnet)
        started_at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        _, supervisor = namespaces.launch(layout)
        record = RunRecord(supervisor, started_at, ready=False)
        write_run(layout, record)

        waiting = Waiting(layout, subnet, supervisor, deadline)
        if spec.node:
            self._see_node_through(waiting, tools, started_at, say)
        else:
            say("API server")
            for daemon in plan.daemons:
                waiting.for_daemon(daemon.name)
        write_run(layout, replace(record, ready=True))

    def _see_node_through(self, waiting: Waiting, tools: Tools, started_at: str, say: Callable[[str], None]) -> None:
        """Give the node what its own pods need, and wait until it takes others."""
        from toolchain.cluster.api_client import ApiClient  # noqa: PLC0415 - as in _launch

        say("images of the cluster's own pods")
        waiting.for_daemon("containerd")
        names_image = self._import_own_images(tools.coredns / "coredns")
        say("API server")
        waiting.for_daemon("kube-apiserver")
        api = ApiClient.connect(f"https://{waiting.subnet.node}:{API_PORT}", self._layout.pki)
        try:
            for manifest in (
                *addons.controllers_rights(),
                addons.storage_class(),
                *addons.name_service(names_image),
            ):
                api.apply(manifest)
            say("node")
            waiting.for_node(api, started_at)
        finally:
            api.close()
        say("DNS")
        waiting.for_names()

    def _import_own_images(self, name_server: Path) -> str:
        """Import the pause and CoreDNS images, and return the latter's reference."""
        images, archives = self._images(), self._layout.archives
        archives.mkdir(exist_ok=True)
        if not images.has(configuration.PAUSE_REFERENCE):
            write_binary_image(pause_binary(), "pause", archives / "pause.tar")
            images.load(archives / "pause.tar", configuration.PAUSE_REFERENCE)
        # Packing 60 MB takes half a second, so the digest of what was packed last is kept beside it.
        note, stat = archives / "coredns.json", name_server.stat()
        packed = {"binary": str(name_server), "size": stat.st_size, "changed": stat.st_mtime_ns}
        known = json.loads(note.read_text()) if note.exists() else {}
        digest = known.pop("digest", "")
        archive = archives / "coredns.tar"
        if known != packed or not archive.exists():
            digest = write_binary_image(name_server.read_bytes(), "coredns", archive)
            note.write_text(json.dumps({**packed, "digest": digest}))
        reference = f"modelfleet.local/coredns@{digest}"
        images.load(archive, reference)
        return reference

    def _check_same(self, spec: ClusterSpec) -> None:
        settings = read_settings(self._layout)
        if settings is None or spec == _DEFAULT_SPEC:
            return
        differing = [
            field
            for field in ClusterSpec.__dataclass_fields__
            if field != "start_timeout_s" and getattr(settings.spec, field) != getattr(spec, field)
        ]
        if differing:
            wishes = ", ".join(f"{field}={getattr(spec, field)}" for field in differing)
            raise ClusterSpecError(
                f"cluster {self._layout.name!r} runs with other settings than {wishes}: "
                f"`fleet cluster stop {self._layout.name}` first (its data is kept)"
            )

    def _end(self, *, grace_s: float) -> None:
        check_machine(node=False)  # what ends a cluster runs no containers
        with self._exclusive(lambda _: None):
            LeaseBook().check_owner(self._layout.name, self._layout.folder)
            self._clear(lambda _: None, grace_s=grace_s)

    def _clear(self, say: Callable[[str], None], *, grace_s: float = _STOP_GRACE_S) -> None:
        """End what runs, and remove what is left of it in the kernel and in the run folder."""
        layout, record = self._layout, read_run(self._layout)
        if record is not None:
            say("ending the run before")
        namespaces.end(layout, None if record is None else record.supervisor, grace_s=grace_s)
        namespaces.disconnect(layout)
        LeaseBook().release(layout.name, layout.folder)
        layout.run_record.unlink(missing_ok=True)

    def _disk_full(self) -> DiskSpaceError:
        free = shutil.disk_usage(self._layout.folder).free
        return DiskSpaceError(
            f"{free / 1024**3:.1f} GiB are free at {self._layout.folder}, and a cluster needs "
            f"{_LEAST_FREE_BYTES / 1024**3:.0f}: make room, or set MODELFLEET_STATE to a folder on another disk"
        )

    @contextlib.contextmanager
    def _exclusive(self, say: Callable[[str], None]) -> Generator[None]:
        """Hold the cluster's name on this machine, so that two commands don't start or stop it at once."""
        folder = run_dir() / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{self._layout.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"waiting for another command on cluster {self._layout.name!r}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def list_clusters(*, state: Path | None = None) -> list[ClusterStatus]:
    """Return the status of every cluster of a state folder (the user's if ``None``), by name."""
    folder = (state_dir() if state is None else state) / "clusters"
    if not folder.is_dir():
        return []
    return [
        EmbeddedCluster(entry.name, state_dir=state).status() for entry in sorted(folder.iterdir()) if entry.is_dir()
    ]


def _layout(name: str, state: Path | None) -> ClusterLayout:
    return ClusterLayout(name, (state_dir() if state is None else state) / "clusters" / name)
