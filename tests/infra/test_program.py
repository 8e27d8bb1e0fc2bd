"""The program's resources, recorded without an engine (Pulumi's own mocks): what is made, and how it is guarded."""

import asyncio
import runpy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest

from toolchain.flavour import CHECKED_VARIABLE

ROOT = Path(__file__).parents[2]
REFERENCE = "modelfleet.local/image@sha256:" + "0" * 64

COMPUTED: dict[str, dict[str, Any]] = {
    "modelfleet:local:Cluster": {"clusterId": "local-1", "kubeconfig": "{}", "gatewayAddress": "10.250.0.64"},
    "modelfleet:local:Image": {"reference": REFERENCE, "sourceDigest": "sha256:1"},
    "modelfleet:local:ModelWeights": {"folder": "/bucket/demo", "digest": "sha256:" + "a" * 64},
    "modelfleet:local:Certificate": {"certificate": "CERT", "privateKey": "KEY", "caCertificate": "CA", "notAfter": ""},
    "modelfleet:access:ApiKey": {"key": "mf-secret", "sha256": "b" * 64},
}


@dataclass
class Recorder(pulumi.runtime.Mocks):
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        outputs = {**args.inputs, **COMPUTED.get(args.typ, {})}
        self.made[f"{args.typ}::{args.name}"] = outputs
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [made for key, made in self.made.items() if key.split("::")[0].endswith(f":{kind}")]


@pytest.fixture(scope="module")
def program() -> Iterator[Recorder]:
    recorder = Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recorder, project="modelfleet", stack="local")
    patch = pytest.MonkeyPatch()
    patch.setenv("PULUMI_CONFIG", '{"modelfleet:cloud": "local"}')
    patch.setenv(CHECKED_VARIABLE, "local")  # no backend to ask whose plugins made the stack
    patch.setattr(pulumi, "get_stack", lambda: "local")

    @pulumi.runtime.test
    def run() -> None:
        runpy.run_path(str(ROOT / "infra"), run_name="__main__")

    try:
        run()
        yield recorder
    finally:
        patch.undo()


def revealed(value: Any) -> Any:
    """What the engine sees of a secret: its value beside the signature that marks it."""
    return value["value"] if isinstance(value, dict) and "4dabf18193072939515e22adb298388d" in value else value


def pods(program: Recorder) -> list[dict[str, Any]]:
    found = [deployment["spec"]["template"]["spec"] for deployment in program.of("Deployment")]
    assert len(found) == 2
    return found


def test_images_are_named_by_digest_only(program: Recorder) -> None:
    images = [container["image"] for pod in pods(program) for container in pod["containers"]]
    assert len(images) == 2
    assert all("@sha256:" in image for image in images)


def test_pods_have_the_least_privileges(program: Recorder) -> None:
    for pod in pods(program):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"]["drop"] == ["ALL"]
            assert container["resources"]["limits"]["memory"]
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()


def test_a_rollout_never_takes_capacity_away(program: Recorder) -> None:
    for deployment in program.of("Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_pod_outlives_its_drain(program: Recorder) -> None:
    for pod in pods(program):
        container = pod["containers"][0]
        drain = next(int(e["value"]) for e in container["env"] if e["name"] == "MODELFLEET_DRAIN_TIMEOUT_S")
        lag = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > drain + lag


def test_the_network_is_closed_by_default(program: Recorder) -> None:
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in program.of("NetworkPolicy")}
    assert policies["deny"]["policyTypes"] == ["Ingress", "Egress"]
    assert not policies["deny"].get("ingress")
    assert not policies["model-server"].get("egress")
    (source,) = policies["model-server"]["ingress"][0]["from"]
    assert source["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "gateway"


def test_the_gateway_learns_hashes_never_keys(program: Recorder) -> None:
    contents = [revealed(secret["stringData"]) for secret in program.of("Secret")]
    (text,) = [content for content in contents if "keys.json" in content]
    assert "b" * 64 in text["keys.json"]
    assert "mf-secret" not in text["keys.json"]


def test_the_namespace_enforces_restricted_pods(program: Recorder) -> None:
    (namespace,) = program.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_one_service_is_reachable_from_outside(program: Recorder) -> None:
    types = {service["metadata"]["name"]: service["spec"].get("type") for service in program.of("Service")}
    assert types == {"gateway": "LoadBalancer", "model-server": None}
