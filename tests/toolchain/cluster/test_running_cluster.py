"""What a running cluster does: encryption, load balancing, storage, admission, supervision."""

import base64
import json
import os
import secrets
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.toolchain.cluster.probing import Kubernetes, eventually, fetch, kill_daemon
from toolchain.cluster import ClusterSpec, ClusterState, EmbeddedCluster
from toolchain.cluster.errors import ApiError, ClusterNameError, ClusterSpecError, ImageError

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def test_status_and_a_second_start(kubernetes: Kubernetes) -> None:
    status = kubernetes.cluster.status()
    assert status.state is ClusterState.RUNNING
    assert {"etcd", "kube-apiserver", "kubelet", "containerd"} <= {daemon.name for daemon in status.daemons}
    assert 100_000_000 < status.memory_bytes < 2_000_000_000
    begin = time.monotonic()
    assert kubernetes.cluster.start().started_at == status.started_at
    assert time.monotonic() - begin < 1
    with pytest.raises(ClusterSpecError, match="simulated_gpus=7"):
        kubernetes.cluster.start(ClusterSpec(simulated_gpus=7))


def test_the_kubeconfig_and_the_keys_are_private(kubernetes: Kubernetes) -> None:
    folder = kubernetes.cluster.kubeconfig.parent
    for private in (kubernetes.cluster.kubeconfig, *(folder / "pki").glob("*.key"), folder / "pki/encryption.yaml"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600, private


def test_nobody_is_served_without_a_certificate(kubernetes: Kubernetes) -> None:
    server = str(kubernetes.api.http.base_url)
    assert anonymous_status(kubernetes, f"{server}/api/v1/namespaces") == 401
    assert anonymous_status(kubernetes, f"{server}/readyz") == 200


def anonymous_status(kubernetes: Kubernetes, url: str) -> int:
    import ssl  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    context = ssl.create_default_context(cafile=str(kubernetes.cluster.kubeconfig.parent / "pki/ca.crt"))
    return httpx.get(url, verify=context, trust_env=False).status_code


def test_a_secret_is_encrypted_in_etcd_and_readable_by_the_api(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace("encrypted")
    value, plain = secrets.token_hex(24), secrets.token_hex(24)
    kubernetes.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "key", "namespace": namespace},
            "stringData": {"key": value},
        }
    )
    kubernetes.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plain", "annotations": {"plain": plain}}}
    )
    stored = etcd_range(kubernetes.cluster, f"/registry/secrets/{namespace}/key")
    assert b"k8s:enc:secretbox:v1:key1:" in stored
    assert value.encode() not in stored
    assert base64.b64encode(value.encode()) not in stored
    # The same reading shows what is not encrypted, so it would have shown the secret.
    assert plain.encode() in etcd_range(kubernetes.cluster, "/registry/namespaces/plain")
    secret = kubernetes.get("Secret", "key", namespace)
    assert secret is not None
    assert base64.b64decode(secret["data"]["key"]).decode() == value


def etcd_range(cluster: EmbeddedCluster, key: str) -> bytes:
    """Read one key by etcd's own JSON gateway, from inside the cluster's network, with the API server's certificate."""
    pki = cluster.kubeconfig.parent / "pki"
    program = (
        "import json,ssl,sys,urllib.request as u\n"
        "pki,key=sys.argv[1:]\n"
        "c=ssl.create_default_context(cafile=pki+'/etcd-ca.crt')\n"
        "c.load_cert_chain(pki+'/etcd-client.crt',pki+'/etcd-client.key')\n"
        "r=u.Request('https://127.0.0.1:2379/v3/kv/range',data=json.dumps({'key':key}).encode())\n"
        "print(u.urlopen(r,context=c,timeout=10).read().decode())\n"
    )
    namespace = f"--net=/run/netns/modelfleet-{cluster.status().name}"
    encoded = base64.b64encode(key.encode()).decode()
    said = subprocess.run(
        ["nsenter", namespace, "python3", "-c", program, str(pki), encoded], check=True, capture_output=True, text=True
    ).stdout
    return base64.b64decode(json.loads(said)["kvs"][0]["value"])


def test_the_audit_log_says_who_touched_a_secret_and_not_what_is_in_it(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace("audited")
    value = secrets.token_hex(24)
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "watched", "namespace": namespace},
        "stringData": {"key": value},
    }
    kubernetes.apply(manifest)
    log = kubernetes.cluster.kubeconfig.parent / "log/audit.log"

    def entry() -> dict | None:
        for line in log.read_text().splitlines():
            event = json.loads(line)
            reference = event.get("objectRef", {})
            if reference.get("resource") == "secrets" and reference.get("name") == "watched":
                return event
        return None

    event = eventually(entry, "the audit log has the request", 10)
    assert event["user"]["username"] == "admin"
    assert value not in log.read_text()


def test_a_privileged_pod_is_refused_but_a_plain_one_is_not(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace("guarded")
    path = f"/api/v1/namespaces/{namespace}/pods"
    container = {"name": "c", "image": kubernetes.image, "securityContext": {"privileged": True}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
    answer = kubernetes.api.http.post(path, json=pod)
    assert answer.status_code == 403
    assert "PodSecurity" in answer.text
    assert kubernetes.pod(namespace, "plain")
    kubernetes.delete("Pod", "plain", namespace)


def test_load_balancers_get_addresses_answer_from_the_host_and_give_them_back(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace("balanced")
    kubernetes.pod(namespace, "web")
    pool = kubernetes.cluster.status().load_balancer_pool
    assert pool is not None
    first = kubernetes.load_balancer(namespace, "first", {"app": "web"})
    second = kubernetes.load_balancer(namespace, "second", {"app": "web"}, externalTrafficPolicy="Local")
    assert first != second
    answer = eventually(lambda: fetch(f"http://{first}/"), "the first one answers", 20)
    assert answer.text == "web"
    answer = eventually(lambda: fetch(f"http://{second}/"), "the second one answers", 20)
    subnet = kubernetes.cluster.status().subnet
    assert subnet is not None
    assert answer.headers["X-Peer"] == str(subnet[1])  # the caller's own address
    # Pods reach it too, and a port that nobody serves is refused at once.
    assert kubernetes.connects(namespace, "web", f"{first}:80")
    # Another class is somebody else's.
    kubernetes.load_balancer_of_class(namespace, "other", "example.invalid/other")
    kubernetes.delete("Service", "first", namespace)
    eventually(lambda: fetch(f"http://{first}/") is None, "the first one is gone", 20)
    assert kubernetes.load_balancer(namespace, "third", {"app": "web"}) == first  # the lowest free one
    assert not kubernetes.balancer_address(namespace, "other")
    # One that is no load balancer any more loses its address.
    kubernetes.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "second", "namespace": namespace},
            "spec": {
                "type": "ClusterIP",
                "selector": {"app": "web"},
                "ports": [{"name": "web", "port": 80, "targetPort": 8080}],
            },
        }
    )
    eventually(lambda: not kubernetes.balancer_address(namespace, "second"), "the second one has no address", 20)
    for name in ("second", "third", "other"):
        kubernetes.delete("Service", name, namespace)
    kubernetes.delete("Pod", "web", namespace)


def test_pods_find_each_other_by_name(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace("named")
    kubernetes.pod(namespace, "asker")
    assert "10.96.0.1" in kubernetes.ask(namespace, "asker", "resolve?name=kubernetes.default")
    kubernetes.delete("Pod", "asker", namespace)


def test_a_claim_gets_a_volume_that_outlives_pods_and_goes_with_it(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace("stored")
    kubernetes.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": namespace},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    )
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    kubernetes.pod(namespace, "writer", volumes=volumes)
    assert not kubernetes.ask(namespace, "writer", "write?text=kept")
    kubernetes.delete("Pod", "writer", namespace)
    kubernetes.pod(namespace, "reader", volumes=volumes)
    assert kubernetes.ask(namespace, "reader", "read") == "kept"
    kubernetes.delete("Pod", "reader", namespace)
    folder = kubernetes.cluster.kubeconfig.parent / "volumes"
    assert [path.read_text() for path in folder.glob("*/text")] == ["kept"]
    kubernetes.delete("PersistentVolumeClaim", "data", namespace)
    eventually(lambda: not list(folder.iterdir()), "the volume's folder is gone", 60)


def test_simulated_gpus_are_scheduled_and_say_what_they_are(kubernetes: Kubernetes) -> None:
    name = kubernetes.cluster.status().name
    node = kubernetes.api.get(f"/api/v1/nodes/{name}")
    assert node is not None
    assert node["metadata"]["labels"]["modelfleet.dev/simulated-gpus"] == "2"

    def offered() -> str:
        found = kubernetes.api.get(f"/api/v1/nodes/{name}") or {}
        return found["status"]["allocatable"].get("nvidia.com/gpu", "0")

    eventually(lambda: offered() == "2", "the node offers two GPUs", 20)


@pytest.mark.parametrize("daemon", ["kube-scheduler", "kube-proxy", "etcd", "kube-apiserver", "containerd"])
def test_a_daemon_that_dies_is_started_again_and_status_says_so(kubernetes: Kubernetes, daemon: str) -> None:
    before = {one.name: one.restarts for one in kubernetes.cluster.status().daemons}
    kill_daemon(kubernetes.cluster, {"containerd": "containerd.toml"}.get(daemon, f"/{daemon}"))

    def recovered() -> bool:
        status = kubernetes.cluster.status()
        one = next(one for one in status.daemons if one.name == daemon)
        return one.restarts > before[daemon] and status.state is ClusterState.RUNNING

    eventually(recovered, f"{daemon} is back", 60)
    one = next(one for one in kubernetes.cluster.status().daemons if one.name == daemon)
    assert one.last_exit == "signal SIGKILL"

    def answers() -> bool:
        try:
            return kubernetes.api.get("/api/v1/namespaces/default") is not None
        except ApiError:
            return False

    eventually(answers, "the API server answers", 30)


def test_an_image_is_imported_once_and_only_under_its_own_digest(
    kubernetes: Kubernetes, probe_archive: tuple[Path, str], tmp_path: Path
) -> None:
    archive, reference = probe_archive
    kubernetes.cluster.import_image(tmp_path / "not-there-and-not-needed.tar", reference)
    wrong = reference.rpartition("@")[0] + "@sha256:" + "0" * 64
    with pytest.raises(ImageError, match="not sha256:0000"):
        kubernetes.cluster.import_image(archive, wrong)
    assert not kubernetes.cluster.has_image(wrong)
    broken = tmp_path / "broken.tar"
    broken.write_bytes(archive.read_bytes()[:100_000])
    with pytest.raises(ImageError, match=r"broken\.tar"):
        kubernetes.cluster.import_image(broken, wrong)


def test_the_name_is_refused_to_another_state_folder(kubernetes: Kubernetes, tmp_path: Path) -> None:
    name = kubernetes.cluster.status().name
    other = EmbeddedCluster(name, state_dir=tmp_path)
    for command in (other.start, other.stop, other.reset):
        with pytest.raises(ClusterNameError, match="machine-wide"):
            command()
    assert kubernetes.cluster.status().state is ClusterState.RUNNING


def test_the_machine_s_own_settings_are_left_alone(kubernetes: Kubernetes) -> None:
    # The kubelet would set this to 10; it was shown a file that says so instead.
    container_view = Path(f"/proc/{supervisor(kubernetes)}/root/proc/sys/kernel/panic").read_text()
    assert container_view == "10\n"
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(kubernetes.cluster.kubeconfig.parent) not in mounts


def supervisor(kubernetes: Kubernetes) -> int:
    record = json.loads((kubernetes.cluster.kubeconfig.parent / "run.json").read_text())
    pid = record["supervisor"]["pid"]
    assert os.path.exists(f"/proc/{pid}")  # noqa: PTH110
    return pid
