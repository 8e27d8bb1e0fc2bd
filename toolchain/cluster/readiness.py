"""When a cluster that was launched can be used, and why it can't if it takes too long."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolchain.cluster.addresses import Subnet
from toolchain.cluster.command import run
from toolchain.cluster.errors import ApiError, CommandError, DaemonFailedError, StartTimeoutError
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.namespaces import ProcessIdentity
from toolchain.cluster.spec import DNS_ADDRESS, DNS_DOMAIN
from toolchain.cluster.status import DaemonState, DaemonStatus

if TYPE_CHECKING:
    from toolchain.cluster.api_client import ApiClient

_POLL_S = 0.1
_TOO_MANY_RESTARTS = 4  # a daemon that lost a race at the start needs one or two
_LOG_LINES = 12


def read_daemons(layout: ClusterLayout) -> tuple[DaemonStatus, ...]:
    """Return what the supervisor last said about its daemons."""
    try:
        rows = json.loads(layout.supervision.read_text())["daemons"]
    except (FileNotFoundError, json.JSONDecodeError):
        return ()
    return tuple(
        DaemonStatus(row["name"], DaemonState(row["state"]), row["restarts"], row["last_exit"]) for row in rows
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waits for one start of a cluster.

    Attributes:
        layout: the cluster.
        subnet: its addresses.
        supervisor: its PID 1.
        deadline: when to give up, on ``time.monotonic``'s clock.
    """

    layout: ClusterLayout
    subnet: Subnet
    supervisor: ProcessIdentity
    deadline: float

    def for_daemon(self, name: str) -> None:
        """Wait until the supervisor says that a daemon is ready.

        Raises:
            DaemonFailedError: a daemon keeps dying.
            StartTimeoutError: it took too long.
        """
        self._until(
            f"daemon {name}",
            lambda: any(d.name == name and d.state is DaemonState.READY for d in read_daemons(self.layout)),
        )

    def for_node(self, api: "ApiClient", since: str) -> None:
        """Wait until the node says that it is ready, and said so after ``since`` (UTC, whole seconds).

        A cluster that comes back still holds the last word of the run before.

        Raises:
            DaemonFailedError: a daemon keeps dying.
            StartTimeoutError: it took too long.
        """

        def ready() -> bool:
            try:
                node = api.get(f"/api/v1/nodes/{self.layout.name}")
            except ApiError:
                return False
            return node is not None and _is_ready(node, since)

        self._until(f"node {self.layout.name} to be ready", ready)

    def for_names(self) -> None:
        """Wait until the cluster's DNS answers.

        Raises:
            StartTimeoutError: it took too long.
        """
        # By path and without the package, which takes longer to import than the answer takes.
        program = str(__file__).replace("readiness.py", "name_query.py")
        name = f"kubernetes.default.svc.{DNS_DOMAIN}"
        left_s = max(1.0, self.deadline - time.monotonic())
        try:
            run(
                "nsenter",
                f"--net={self.layout.network_namespace}",
                sys.executable,
                "-IS",
                program,
                str(DNS_ADDRESS),
                name,
                str(left_s),
                timeout_s=left_s + 5,
            )
        except CommandError:
            raise StartTimeoutError(
                f"the DNS of cluster {self.layout.name!r} does not answer: `kubectl --kubeconfig "
                f"{self.layout.kubeconfig} -n kube-system describe pods` says why"
            ) from None

    def _until(self, what: str, condition: Callable[[], bool]) -> None:
        while not condition():
            self._check_daemons()
            if time.monotonic() > self.deadline:
                raise StartTimeoutError(
                    f"cluster {self.layout.name!r} is not up yet: waiting for {what}; logs are in {self.layout.logs}"
                )
            time.sleep(_POLL_S)

    def _check_daemons(self) -> None:
        if not self.supervisor.alive():
            raise DaemonFailedError(
                f"the supervisor of cluster {self.layout.name!r} died: {self._last_lines('supervisor')}"
            )
        for daemon in read_daemons(self.layout):
            if daemon.restarts >= _TOO_MANY_RESTARTS:
                raise DaemonFailedError(
                    f"{daemon.name} of cluster {self.layout.name!r} keeps dying ({daemon.last_exit}); its last lines "
                    f"({self.layout.log(daemon.name)}):\n{self._last_lines(daemon.name)}"
                )

    def _last_lines(self, daemon: str) -> str:
        try:
            lines = self.layout.log(daemon).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(it said nothing)"
        return "\n".join(line[:400] for line in lines[-_LOG_LINES:])


def _is_ready(node: dict[str, Any], since: str) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True" and condition["lastHeartbeatTime"] >= since
        for condition in node.get("status", {}).get("conditions", ())
    )
