"""The program's resources, recorded without an engine (Pulumi's own mocks): what is made, and how it is guarded."""

import json
import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pulumi
import pytest

from tests.infra import recording
from tests.infra.recording import ROOT, revealed
from toolchain.flavour import CHECKED_VARIABLE

REFERENCE = "modelfleet.local/image@sha256:" + "0" * 64

COMPUTED: dict[str, dict[str, Any]] = {
    "modelfleet:local:Cluster": {"clusterId": "local-1", "kubeconfig": "{}", "gatewayAddress": "10.250.0.64"},
    "modelfleet:local:Image": {"reference": REFERENCE, "sourceDigest": "sha256:1"},
    "modelfleet:local:ModelWeights": {"folder": "/bucket/demo", "digest": "sha256:" + "a" * 64},
    "modelfleet:access:ApiKey": {"key": "mf-secret", "sha256": "b" * 64},
}


@dataclass
class Recorder(recording.Recorder):
    """The local stack's resources."""

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        return {**super().outputs(args), **COMPUTED.get(args.typ, {})}

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Inputs of every resource of a type."""
        return list(self.of(kind).values())


@pytest.fixture(scope="module")
def program() -> Iterator[Recorder]:
    yield from recorded({"modelfleet:cloud": "local"})


def recorded(config: dict[str, str]) -> Iterator[Recorder]:
    recorder = Recorder()
    patch = pytest.MonkeyPatch()
    patch.setenv("PULUMI_CONFIG", json.dumps(config))
    patch.setenv(CHECKED_VARIABLE, "local")  # no backend to ask whose plugins made the stack
    patch.setattr(pulumi, "get_stack", lambda: "local")
    try:
        recording.run(lambda: runpy.run_path(str(ROOT / "infra"), run_name="__main__"), recorder, stack="local")
        yield recorder
    finally:
        patch.undo()


def pods(program: Recorder) -> list[dict[str, Any]]:
    found = [deployment["spec"]["template"]["spec"] for deployment in program.all("Deployment")]
    assert len(found) == 3
    return found


def test_images_are_named_by_digest_only(program: Recorder) -> None:
    images = [container["image"] for pod in pods(program) for container in pod["containers"]]
    assert len(images) == 3
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
    for deployment in program.all("Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_pod_outlives_its_drain(program: Recorder) -> None:
    for pod in pods(program):
        container = pod["containers"][0]
        variables = {each["name"]: each.get("value") for each in container.get("env", [])}
        drain = int(variables.get("MODELFLEET_DRAIN_TIMEOUT_S", "0"))  # of what serves
        lag = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > drain + lag


def test_the_network_is_closed_by_default(program: Recorder) -> None:
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in program.all("NetworkPolicy")}
    assert policies["deny"]["policyTypes"] == ["Ingress", "Egress"]
    assert not policies["deny"].get("ingress")
    assert not policies["model-server"].get("egress")
    (source,) = policies["model-server"]["ingress"][0]["from"]
    assert source["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "gateway"


def test_the_gateway_learns_hashes_never_keys(program: Recorder) -> None:
    contents = [revealed(secret["stringData"]) for secret in program.all("Secret")]
    (text,) = [content for content in contents if "keys.json" in content]
    assert "b" * 64 in text["keys.json"]
    assert "mf-secret" not in text["keys.json"]


def test_a_key_says_who_may_go_first_and_spans_leave_for_the_collector_only() -> None:
    config = {
        "modelfleet:cloud": "local",
        "modelfleet:keys": json.dumps([{"id": "chat", "tenant": "demo", "priority": "interactive"}]),
        "modelfleet:serving": json.dumps({"traces": {"namespace": "monitoring", "share": 0.25}}),
    }
    for program in recorded(config):
        (keys,) = [
            secret["stringData"] for secret in program.all("Secret") if "keys.json" in revealed(secret["stringData"])
        ]
        assert json.loads(revealed(keys)["keys.json"])["keys"][0]["priority"] == "interactive"

        (server,) = [pod["containers"][0] for pod in pods(program) if pod["containers"][0]["name"] == "model-server"]
        variables = {variable["name"]: variable.get("value") for variable in server["env"]}
        assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://otel-collector.monitoring:4318"
        assert variables["OTEL_TRACES_SAMPLER_ARG"] == "0.25"

        policies = {policy["metadata"]["name"]: policy["spec"] for policy in program.all("NetworkPolicy")}
        collector, names = policies["model-server-traces"]["egress"]
        (peer,) = collector["to"]
        assert peer == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        assert [port["port"] for port in collector["ports"]] == [4318]
        assert {port["port"] for port in names["ports"]} == {53}


def test_the_namespace_enforces_restricted_pods(program: Recorder) -> None:
    (namespace,) = program.all("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_one_service_is_reachable_from_outside(program: Recorder) -> None:
    types = {service["metadata"]["name"]: service["spec"].get("type") for service in program.all("Service")}
    assert {name: of_type for name, of_type in types.items() if of_type is not None} == {"gateway": "LoadBalancer"}
    assert {"model-server", "prometheus"} < types.keys()
