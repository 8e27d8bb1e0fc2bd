"""The local stack on kind, with the official Pulumi: what a person with a container engine would use.

Needs docker and kind, which the machine that this was written on has not: there these tests are skipped. The weights
reach kind's node as a folder of the same path, the images by a registry on this machine, as kind's own documentation
sets one up (https://kind.sigs.k8s.io/docs/user/local-registry). kind has no load balancer: the fixture's one gives a
Service the node's own address, which kube-proxy then answers for.
"""

import json
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.local_stack import LocalStack

pytestmark = [
    pytest.mark.kind,
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("docker") and shutil.which("kind")), reason="needs docker and kind"),
]

_REGISTRY_IMAGE = "registry:3"
_LOAD_BALANCER_PERIOD_S = 1.0


def _run(*command: str | Path, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}"
    return done.stdout.strip()


def _free_port_of(container: str) -> str:
    return json.loads(_run("docker", "inspect", container))[0]["NetworkSettings"]["Ports"]["5000/tcp"][0]["HostPort"]


@pytest.fixture(scope="module")
def kind_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    name = f"kind-{secrets.token_hex(3)}"
    registry = f"{name}-registry"
    state = tmp_path_factory.mktemp("state")
    stack = LocalStack(name, state)
    ended = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(state / "kubeconfig"))
        try:
            _run("docker", "run", "--detach", "--publish", "127.0.0.1::5000", "--name", registry, _REGISTRY_IMAGE)
            address = f"localhost:{_free_port_of(registry)}"
            mount = {"hostPath": str(state), "containerPath": str(state), "readOnly": True}
            certificates = '[plugins."io.containerd.cri.v1.images".registry]\n  config_path = "/etc/containerd/certs.d"'
            cluster = {
                "kind": "Cluster",
                "apiVersion": "kind.x-k8s.io/v1alpha4",
                "nodes": [{"role": "control-plane", "extraMounts": [mount]}],
                "containerdConfigPatches": [certificates],
            }
            _run("kind", "create", "cluster", "--name", name, "--config", "-", stdin=yaml.safe_dump(cluster))
            _run("docker", "network", "connect", "kind", registry)
            node = f"{name}-control-plane"
            folder = f"/etc/containerd/certs.d/{address}"
            _run("docker", "exec", node, "mkdir", "--parents", folder)
            hosts = f'[host."http://{registry}:5000"]\n'
            _run("docker", "exec", "--interactive", node, "cp", "/dev/stdin", f"{folder}/hosts.toml", stdin=hosts)
            host = json.loads(_run("docker", "inspect", node))[0]["NetworkSettings"]["Networks"]["kind"]["IPAddress"]
            stack.write(kubeContext=f"kind-{name}", host=host, registry=address)
            balancer = threading.Thread(target=_balance, args=(node, host, ended), daemon=True)
            balancer.start()
            yield stack
        finally:
            stack.fleet("down", name, "--yes", check=False)
            ended.set()
            for command in (("kind", "delete", "cluster", "--name", name), ("docker", "rm", "--force", registry)):
                subprocess.run(command, capture_output=True, check=False)
            stack.file.unlink(missing_ok=True)


def _balance(node: str, host: str, ended: threading.Event) -> None:
    """Give the gateway's Service the node's address as soon as there is one."""
    kubectl = ("docker", "exec", node, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "-n", "modelfleet")
    status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": host}]}}})
    while not ended.wait(_LOAD_BALANCER_PERIOD_S):
        patch = (*kubectl, "patch", "service", "gateway", "--subresource", "status", "--patch", status)
        subprocess.run(patch, capture_output=True, check=False)  # there is no Service before and after


def test_it_serves_and_a_second_up_changes_nothing(kind_stack: LocalStack) -> None:
    kind_stack.up()
    answer = kind_stack.client().completions.create(model="demo-coder", prompt="def f(", max_tokens=4)
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 4
    assert kind_stack.up() == {}
