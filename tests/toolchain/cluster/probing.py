"""Small words to talk about a real cluster and what its pods can reach."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from toolchain.cluster import EmbeddedCluster
from toolchain.cluster.api_client import ApiClient
from toolchain.cluster.cgroups import CgroupRoot

_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
    "PersistentVolumeClaim": "/api/v1/namespaces/{namespace}/persistentvolumeclaims",
    "ResourceQuota": "/api/v1/namespaces/{namespace}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{namespace}/limitranges",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses",
}

_LEAST = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_UNPRIVILEGED = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
"""What Pod Security "restricted" asks of a container, and of its pod."""


def eventually(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    """Return the first true value of ``condition``; fail if there is none in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while time.monotonic() < deadline:
        if value := condition():
            return value
        pause.wait(0.1)
    pytest.fail(f"not within {timeout_s:.0f} s: {what}")


@dataclass
class Kubernetes:
    """The API of one cluster."""

    cluster: EmbeddedCluster
    api: ApiClient
    image: str = ""

    @classmethod
    def of(cls, cluster: EmbeddedCluster) -> "Kubernetes":
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        server = config["clusters"][0]["cluster"]["server"]
        return cls(cluster, ApiClient.connect(server, cluster.kubeconfig.parent / "pki"))

    def path(self, kind: str, name: str = "", namespace: str = "") -> str:
        folder = _PATHS[kind].format(namespace=namespace)
        return f"{folder}/{name}" if name else folder

    def apply(self, manifest: dict[str, Any]) -> dict[str, Any]:
        metadata = manifest["metadata"]
        path = self.path(manifest["kind"], metadata["name"], metadata.get("namespace", ""))
        answer = self.api.http.patch(
            path,
            params={"fieldManager": "tests", "force": "true"},
            content=yaml.safe_dump(manifest),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        return self.api.get(self.path(kind, name, namespace))

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        self.api.http.delete(self.path(kind, name, namespace), params={"gracePeriodSeconds": 0})
        eventually(lambda: self.get(kind, name, namespace) is None, f"{kind} {name} is gone")

    def namespace(self, name: str, **labels: str) -> str:
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        return name

    def pod(
        self,
        namespace: str,
        name: str,
        *,
        ports: tuple[int, ...] = (8080,),
        wait: bool = True,
        labels: Mapping[str, str] | None = None,
        restricted: bool = False,
        **spec: Any,
    ) -> str:
        """Make a probe pod labelled ``app=<name>`` and return its address."""
        volumes = spec.pop("volumes", [])
        mounts = [{"name": volume["name"], "mountPath": "/data"} for volume in volumes]
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace, "labels": {"app": name, **(labels or {})}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "automountServiceAccountToken": False,
                    "containers": [
                        {
                            "name": "probe",
                            "image": self.image,
                            "args": [str(port) for port in ports],
                            "ports": [{"containerPort": ports[0], "name": "web"}],
                            "readinessProbe": {"httpGet": {"path": "/", "port": ports[0]}, "periodSeconds": 1},
                            "volumeMounts": mounts,
                            "securityContext": _LEAST if restricted else {},
                        }
                    ],
                    "volumes": volumes,
                    "securityContext": _UNPRIVILEGED if restricted else {},
                    **spec,
                },
            }
        )
        return self.ready_address(namespace, name) if wait else ""

    def ready_address(self, namespace: str, name: str) -> str:
        def ready() -> str:
            pod = self.get("Pod", name, namespace)
            conditions = (pod or {}).get("status", {}).get("conditions", [])
            if pod and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                return pod["status"]["podIP"]
            return ""

        return eventually(ready, f"pod {namespace}/{name} is ready", 90)

    def ask(self, namespace: str, pod: str, question: str, port: int = 8080) -> str:
        """Ask a probe through the API server, whose requests come from the node."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{question}"
        answer = self.api.http.get(path)
        return answer.text

    def connects(self, namespace: str, pod: str, to: str) -> bool:
        return self.ask(namespace, pod, f"dial?to={to}") == "connected"

    def policy(self, namespace: str, name: str, **spec: Any) -> None:
        self.apply(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"podSelector": {}, **spec},
            }
        )

    def load_balancer(self, namespace: str, name: str, selector: dict[str, str], **spec: Any) -> str:
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "type": "LoadBalancer",
                    "selector": selector,
                    "ports": [{"name": "web", "port": 80, "targetPort": 8080}],
                    **spec,
                },
            }
        )
        return eventually(lambda: self.balancer_address(namespace, name), f"service {name} has an address", 20)

    def load_balancer_of_class(self, namespace: str, name: str, of_class: str) -> None:
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"type": "LoadBalancer", "loadBalancerClass": of_class, "ports": [{"port": 80}]},
            }
        )

    def balancer_address(self, namespace: str, name: str) -> str:
        service = self.get("Service", name, namespace) or {}
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
        return ingress[0]["ip"] if ingress else ""


def fetch(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return None


def kill_daemon(cluster: EmbeddedCluster, word: str) -> None:
    """Kill the daemon whose command line has ``word``, and wait until it was started again."""
    before = cluster.status()
    for pid in CgroupRoot(f"modelfleet-{before.name}").processes():
        with contextlib.suppress(FileNotFoundError):  # a probe's process may be gone already
            if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
    eventually(lambda: cluster.status().restarts > before.restarts, f"{word} was restarted", 30)
