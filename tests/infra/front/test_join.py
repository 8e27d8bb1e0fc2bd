"""The whole stack `global`: three clouds' fronts joined by Route 53; recorded without an engine."""

from typing import Any

import pulumi
import pytest

from infra.config import from_stack_file
from tests.infra import recording
from tests.infra.clouds.aws import recording as aws
from tests.infra.clouds.azure import recording as azure
from tests.infra.clouds.gcp import recording as gcp

STACK = "global"
CLOUDS: dict[str, recording.Recorder] = {"aws": aws.Recorder(), "azure-native": azure.Recorder(), "gcp": gcp.Recorder()}
ORIGINS = {
    "aws": {"dnsName": "mf.elb.amazonaws.com", "zoneId": "Z26R", "listenerArn": "arn:aws:listener"},
    "azure": {"privateLinkService": "/pls/gateway", "host": "westeurope.origin.internal"},
    "gcp": {"caCertificate": "CERTIFICATE"},
}
"""What the regions' outputs say, by the first part of their stacks' names."""


class Recorder(recording.Recorder):
    """Answers as each resource's cloud does, and as the regions' stacks."""

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        if args.typ == "pulumi:pulumi:StackReference":
            return {"outputs": {"origin": ORIGINS[args.inputs["name"].rsplit("/", 1)[-1].split("-")[0]]}}
        cloud = CLOUDS.get(args.typ.split(":")[0])
        return super().outputs(args) if cloud is None else cloud.outputs(args)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return CLOUDS[args.token.split(":")[0]].call(args)


@pytest.fixture(scope="module")
def whole() -> Recorder:
    def program() -> None:
        from infra.front import create_front  # noqa: PLC0415 - the SDKs take seconds to import

        create_front(from_stack_file(recording.ROOT / f"Pulumi.{STACK}.yaml"), recording.ROOT)

    pytest.importorskip("pulumi_azure_native")
    recorder = Recorder()
    recording.run(program, recorder, stack=STACK)
    return recorder


def test_each_name_leads_to_the_fronts_that_serve_it(whole: Recorder) -> None:
    led: dict[str, set[str]] = {}
    for record in whole.of("aws:route53/record:Record").values():
        if record.get("healthCheckId"):
            led.setdefault(record["name"], set()).add(record["setIdentifier"])
    assert led == {
        "api.models.example.com": {"aws", "azure", "gcp"},
        "acme.models.example.com": {"aws"},
        "globex.models.example.com": {"azure", "gcp"},
    }
    assert len(whole.of("aws:route53/healthCheck:HealthCheck")) == 3


def test_each_name_is_proved_where_another_cloud_certifies_it(whole: Recorder) -> None:
    records = set(whole.of("aws:route53/record:Record"))
    azure_proofs = {f"azure-_dnsauth.{label}.models.example.com" for label in ("api", "globex")}
    assert azure_proofs | {"gcp-delegation", "gcp-validation", "gcp-validation-name-globex"} <= records
