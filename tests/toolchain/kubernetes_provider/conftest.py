"""A real API server (with etcd and the controllers) and the real engine, for all tests of the Kubernetes plugin.

There is no node: what a kubelet would report is written into status subresources by `SimulatedKubelet`, so that
each state of a pod can be had at will and at once.
"""

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import httpx
import pulumi
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pulumi import automation

from toolchain.builder import ensure
from toolchain.kubernetes_provider.__main__ import sdk_version

START_LIMIT_S = 60.0
SIMULATED_NODE = "simulated"


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def eventually(holds: Callable[[], Any], *, limit_s: float = START_LIMIT_S, what: str = "condition") -> Any:
    deadline = time.monotonic() + limit_s
    while True:
        if found := holds():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_s} s")
        time.sleep(0.05)  # between two looks at a condition with a deadline


@dataclass
class ControlPlane:
    """etcd, API server and controller manager on loopback ports, with an administrator's token."""

    server: str
    token: str
    authority: bytes
    client: httpx.Client
    namespaces: list[str] = field(default_factory=list)

    def kubeconfig(self, *, server: str | None = None, user: Mapping[str, Any] | None = None) -> str:
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
                "clusters": [
                    {
                        "name": "test",
                        "cluster": {
                            "server": server or self.server,
                            "certificate-authority-data": base64.b64encode(self.authority).decode(),
                        },
                    }
                ],
                "users": [{"name": "admin", "user": dict(user or {"token": self.token})}],
            }
        )

    def get(self, path: str) -> dict[str, Any] | None:
        response = self.client.get(path)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return response.json()

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        response = self.client.post(path, json=body)
        response.raise_for_status()
        return response.json()

    def patch(self, path: str, body: Mapping[str, Any], **parameters: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/merge-patch+json"}
        response = self.client.patch(path, content=json.dumps(body), headers=headers, params=parameters)
        response.raise_for_status()
        return response.json()

    def apply(self, path: str, body: Mapping[str, Any], manager: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/apply-patch+yaml"}
        parameters = {"fieldManager": manager, "force": "true"}
        response = self.client.patch(path, content=json.dumps(body), headers=headers, params=parameters)
        response.raise_for_status()
        return response.json()

    def delete(self, path: str) -> None:
        self.client.delete(path)

    def objects(self) -> set[tuple[str, str, str]]:
        """Kind, namespace and name of what tests made.

        The server makes some of its own long after its start, and controllers put an authority's certificate into each
        namespace some time after that is made.
        """
        found = set()
        for kind in ("configmaps", "secrets", "services", "namespaces"):
            for item in (self.get(f"/api/v1/{kind}") or {})["items"]:
                name = item["metadata"]["name"]
                namespace = item["metadata"].get("namespace", name)
                if namespace != "default" and not namespace.startswith("kube-") and name != "kube-root-ca.crt":
                    found.add((kind, namespace, name))
        return found


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("control-plane")
    etcd, kubernetes = ensure("etcd") / "etcd", ensure("kubernetes")
    client_port, peer_port, port = free_port(), free_port(), free_port()
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    key = folder / "service-accounts.pem"
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> None:
        log = (folder / f"{name}.log").open("wb")
        processes.append(subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True))

    try:
        client_url, peer_url = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
        start(
            "etcd",
            *(str(etcd), f"--data-dir={folder}/etcd", "--unsafe-no-fsync"),
            *(f"--listen-client-urls={client_url}", f"--advertise-client-urls={client_url}"),
            *(f"--listen-peer-urls={peer_url}", f"--initial-advertise-peer-urls={peer_url}"),
            f"--initial-cluster=default={peer_url}",
        )
        start(
            "kube-apiserver",
            *(str(kubernetes / "kube-apiserver"), f"--etcd-servers={client_url}", f"--secure-port={port}"),
            *("--bind-address=127.0.0.1", f"--cert-dir={folder}", f"--token-auth-file={folder}/tokens.csv"),
            *("--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16"),
            *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
            "--service-account-issuer=https://kubernetes.default.svc",
            # Without these, each namespace and service account would have to be there before the first pod.
            "--disable-admission-plugins=ServiceAccount",
        )
        certificate = folder / "apiserver.crt"
        eventually(certificate.exists, what="the API server's certificate")
        server = f"https://127.0.0.1:{port}"
        context = ssl.create_default_context(cafile=str(certificate))
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=server, verify=context, headers=headers, timeout=30) as client:
            plane = ControlPlane(server, token, certificate.read_bytes(), client)

            def ready() -> bool:
                for each in processes:
                    assert each.poll() is None, f"{each.args} ended: see {folder}"
                try:
                    return client.get("/readyz").status_code == 200
                except httpx.TransportError:
                    return False

            eventually(ready, what="the API server")
            (folder / "controllers.kubeconfig").write_text(plane.kubeconfig())
            start(
                "kube-controller-manager",
                *(str(kubernetes / "kube-controller-manager"), f"--kubeconfig={folder}/controllers.kubeconfig"),
                *("--leader-elect=false", "--secure-port=0", "--concurrent-namespace-syncs=5"),
                # The simulated node has no heartbeat; nobody shall mark it lost.
                "--controllers=*,-node-lifecycle-controller,-taint-eviction-controller,-node-ipam-controller",
            )
            eventually(lambda: plane.get("/api/v1/namespaces/default"), what="the default namespace")
            plane.post("/api/v1/nodes", {"metadata": {"name": SIMULATED_NODE}})
            yield plane
    finally:
        for each in reversed(processes):
            each.send_signal(signal.SIGTERM)
        for each in reversed(processes):
            try:
                each.wait(10)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    name = f"t-{secrets.token_hex(4)}"
    control_plane.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    control_plane.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def pulumi_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pulumi-home")
    version = sdk_version()
    folder = home / "plugins" / f"resource-kubernetes-v{version}"
    folder.mkdir(parents=True)
    plugin = folder / "pulumi-resource-kubernetes"
    plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m toolchain.kubernetes_provider "$@"\n')
    plugin.chmod(0o755)
    return home


@dataclass
class Stack:
    """A stack with an inline program, on a file backend of its own."""

    automation: automation.Stack
    messages: list[str]
    program: Callable[[], None]
    backend: Path

    def _run(self, operation: Callable[..., Any], **options: Any) -> Any:
        self.messages.clear()
        self.automation.workspace.program = self.program
        return operation(on_output=self.messages.append, color="never", **options)

    def up(self, program: Callable[[], None] | None = None, **options: Any) -> Any:
        self.program = program or self.program
        return self._run(self.automation.up, **options)

    def preview(self, program: Callable[[], None] | None = None, **options: Any) -> Any:
        self.program = program or self.program
        return self._run(self.automation.preview, **options)

    def refresh(self, **options: Any) -> Any:
        return self._run(self.automation.refresh, **options)

    def destroy(self, **options: Any) -> Any:
        return self._run(self.automation.destroy, **options)

    @property
    def text(self) -> str:
        return "\n".join(self.messages)

    def resources(self) -> list[dict[str, Any]]:
        deployment = self.automation.export_stack().deployment or {}
        return [each for each in deployment.get("resources", []) if each["type"].startswith("kubernetes:")]

    def checkpoint(self) -> str:
        """The state as it lies in the backend; an export would show secrets in plain text."""
        return (self.backend / ".pulumi" / "stacks" / "plugin-test" / f"{self.automation.name}.json").read_text()


MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(
    control_plane: ControlPlane, pulumi_home: Path, tmp_path: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeStack]:
    # A program in this process that is still telling the engine such things when an update fails ends with an error of
    # its own, which the engine then shows in place of the update's.
    monkeypatch.setattr(pulumi.log, "debug", lambda *_, **__: None)
    made: list[Stack] = []
    backend = tmp_path / "backend"
    backend.mkdir()
    engine = ensure("pulumi")
    environment = {
        "PATH": f"{engine}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_HOME": str(pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DISABLE_REGISTRY_RESOLVE": "true",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }

    def make(program: Callable[[], None], *, config: Mapping[str, str] | None = None, name: str = "test") -> Stack:
        options = automation.LocalWorkspaceOptions(
            work_dir=str(tmp_path),
            pulumi_home=str(pulumi_home),
            env_vars=environment,
            pulumi_command=automation.PulumiCommand(str(engine.parent) if engine.name == "bin" else None),
            project_settings=automation.ProjectSettings(name="plugin-test", runtime="python"),
        )
        stack = automation.create_or_select_stack(
            stack_name=name, project_name="plugin-test", program=program, opts=options
        )
        settings = {"kubernetes:kubeconfig": control_plane.kubeconfig(), "kubernetes:namespace": namespace}
        for key, value in {**settings, **(config or {})}.items():
            stack.set_config(key, automation.ConfigValue(value))
        made.append(Stack(stack, [], program, backend))
        return made[-1]

    before = os.environ.get("PATH", "")
    os.environ["PATH"] = environment["PATH"]  # the Automation API looks for the CLI on its own PATH
    try:
        yield make
    finally:
        os.environ["PATH"] = before
        shutil.rmtree(backend, ignore_errors=True)


@dataclass
class SimulatedKubelet:
    """Writes pod statuses as a kubelet and a scheduler would; `behave` chooses which, by container image."""

    plane: ControlPlane
    namespace: str
    behave: Callable[[dict[str, Any]], dict[str, Any] | None]
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            pods = self.plane.get(f"/api/v1/namespaces/{self.namespace}/pods") or {"items": []}
            for pod in pods["items"]:
                self._report(pod)

    def _report(self, pod: dict[str, Any]) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
        if pod["metadata"].get("deletionTimestamp"):
            self.plane.client.request("DELETE", path, json={"gracePeriodSeconds": 0})
            return
        status = self.behave(pod)
        if status is not None and {**pod["status"], **status} != pod["status"]:
            try:
                if "containerStatuses" in status and "nodeName" not in pod["spec"]:
                    target = {"kind": "Node", "name": SIMULATED_NODE}
                    self.plane.post(f"{path}/binding", {"metadata": pod["metadata"], "target": target})
                self.plane.patch(f"{path}/status", {"status": status})
            except httpx.HTTPStatusError:
                return  # it was deleted meanwhile


def running(pod: dict[str, Any]) -> dict[str, Any]:
    names = [each["name"] for each in pod["spec"]["containers"]]
    started = "2026-01-01T00:00:00Z"
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": started}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    address = f"10.244.0.{int(pod['metadata']['uid'][:2], 16) % 250 + 2}"
    return {
        "phase": "Running",
        "conditions": conditions,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "containerStatuses": [
            {
                "name": name,
                "ready": True,
                "started": True,
                "restartCount": 0,
                "image": "x",
                "imageID": "x",
                "state": {"running": {"startedAt": started}},
            }
            for name in names
        ],
    }


def held(reason: str, message: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def behave(pod: dict[str, Any]) -> dict[str, Any]:
        status = running(pod)
        for condition in status["conditions"][2:]:
            condition["status"] = "False"
        for container in status["containerStatuses"]:
            container.update(ready=False, started=False, state={"waiting": {"reason": reason, "message": message}})
        return {**status, "phase": "Pending"}

    return behave


@pytest.fixture
def kubelet(control_plane: ControlPlane, namespace: str) -> Callable[..., SimulatedKubelet]:
    def make(behave: Callable[[dict[str, Any]], dict[str, Any] | None] = running) -> SimulatedKubelet:
        return SimulatedKubelet(control_plane, namespace, behave)

    return make


@pytest.fixture
def pod_states() -> Any:
    """The states that a simulated kubelet can report: `running`, and `held(reason, message)`."""

    return SimpleNamespace(running=running, held=held)


class Forwarder:
    """A way to the API server that can be cut."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("https://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # cut
            far = socket.create_connection(self._target)
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return  # cut

    def cut(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def forwarder(control_plane: ControlPlane) -> Iterator[Forwarder]:
    made = Forwarder(control_plane.server)
    yield made
    made.cut()


@pytest.fixture(autouse=True)
def _fresh_pulumi_runtime() -> Iterator[None]:
    yield
    pulumi.runtime.settings.reset_options()


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return eventually
