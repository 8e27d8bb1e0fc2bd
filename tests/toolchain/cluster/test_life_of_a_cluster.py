"""Start, stop, crash, come back, side by side: and nothing is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.toolchain.cluster.probing import Kubernetes, eventually, fetch
from toolchain.cluster import ClusterSpec, ClusterState, EmbeddedCluster, leftovers, list_clusters
from toolchain.cluster.cgroups import CgroupRoot
from toolchain.cluster.errors import AddressPoolError, DaemonFailedError, MachineError, NotRunningError
from toolchain.locations import clone_dir

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    if os.geteuid() != 0:
        pytest.skip("the embedded cluster needs root")
    one = EmbeddedCluster(f"life-{os.getpid()}", state_dir=tmp_path)
    yield one
    one.reset()
    assert leftovers(one.status().name, state=tmp_path) == []


def test_a_cluster_beside_another_stops_and_comes_back_with_its_data(
    kubernetes: Kubernetes, cluster: EmbeddedCluster, probe_archive: tuple[Path, str], tmp_path: Path
) -> None:
    first = cluster.start()
    neighbour = kubernetes.cluster.status()
    assert neighbour.state is ClusterState.RUNNING
    assert first.subnet is not None
    assert neighbour.subnet is not None
    assert not first.subnet.overlaps(neighbour.subnet)
    assert [status.name for status in list_clusters(state=tmp_path)] == [first.name]

    archive, reference = probe_archive
    cluster.import_image(archive, reference)
    before = Kubernetes.of(cluster)
    before.image = reference
    namespace = before.namespace("kept")
    before.pod(namespace, "web")
    address = before.load_balancer(namespace, "front", {"app": "web"})
    eventually(lambda: fetch(f"http://{address}/"), "the load balancer answers", 20)

    cluster.stop()
    assert cluster.status().state is ClusterState.STOPPED
    assert leftovers(first.name, state=tmp_path) == []
    answer = fetch(f"http://{address}/")  # some networks have a gateway that answers for every address
    assert answer is None or answer.text != "web"
    with pytest.raises(NotRunningError):
        cluster.import_image(archive, reference)
    cluster.stop()

    again = cluster.start()
    assert again.subnet == first.subnet
    after = Kubernetes.of(cluster)
    after.ready_address(namespace, "web")
    eventually(lambda: fetch(f"http://{address}/"), "the load balancer answers again", 30)
    assert kubernetes.cluster.status().started_at == neighbour.started_at


def test_a_killed_cluster_is_seen_cleared_and_started_again(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    first = cluster.start()
    Kubernetes.of(cluster).namespace("kept")
    inside = CgroupRoot(f"modelfleet-{first.name}").processes()
    assert len(inside) > 8
    for pid in inside:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # went with the first one
            continue
    eventually(lambda: cluster.status().state is ClusterState.CRASHED, "the crash is seen", 10)
    assert leftovers(first.name, state=tmp_path)
    assert cluster.start().state is ClusterState.RUNNING
    assert Kubernetes.of(cluster).get("Namespace", "kept") is not None


STARTER = """
import sys
from pathlib import Path
from toolchain.cluster import EmbeddedCluster
EmbeddedCluster(sys.argv[1], state_dir=Path(sys.argv[2])).start(on_progress=lambda words: print(words, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_start_that_is_interrupted_can_be_begun_again(
    cluster: EmbeddedCluster, tmp_path: Path, number: signal.Signals
) -> None:
    name = cluster.status().name
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, name, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(clone_dir())},
    ) as starter:
        assert starter.stdout is not None
        for line in starter.stdout:
            if "API server" in line:
                starter.send_signal(number)
                break
    assert cluster.status().state is (ClusterState.STOPPED if number is signal.SIGINT else ClusterState.STARTING)
    assert bool(leftovers(name, state=tmp_path)) is (number is signal.SIGKILL)
    assert cluster.start().state is ClusterState.RUNNING


def test_a_start_that_fails_leaves_nothing_and_says_why(
    cluster: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "tools"
    broken.mkdir()
    for name in ("kube-apiserver", "etcd", "coredns"):
        program = broken / name
        program.write_text("#!/bin/sh\necho this binary is broken >&2\nexit 3\n")
        program.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("MODELFLEET_TOOLS_DIR", str(broken))
        with pytest.raises(DaemonFailedError, match="this binary is broken"):
            cluster.start()
    assert leftovers(cluster.status().name, state=tmp_path) == []
    assert cluster.status().state is ClusterState.STOPPED


def test_a_subnet_that_the_machine_uses_is_refused(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    with pytest.raises(AddressPoolError, match="already uses"):
        cluster.start(ClusterSpec(subnet=IPv4Network("127.0.0.0/24")))
    assert leftovers(cluster.status().name, state=tmp_path) == []


def test_a_state_folder_that_the_cluster_would_not_see_is_refused() -> None:
    if os.geteuid() != 0:
        pytest.skip("the embedded cluster needs root")
    with pytest.raises(MachineError, match="MODELFLEET_STATE"):
        EmbeddedCluster("hidden", state_dir=Path("/run/modelfleet-test")).start()
