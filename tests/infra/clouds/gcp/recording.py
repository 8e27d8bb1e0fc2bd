"""Programs of Google Cloud's stacks, recorded without an engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.config import StackSettings, from_stack_file
from tests.infra import recording
from tests.infra.recording import ROOT, revealed

STACK = "gcp-europe-west4"
PROJECT, NUMBER = "modelfleet-production", "123456789012"


def _account(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    email = f"{args.inputs['accountId']}@{PROJECT}.iam.gserviceaccount.com"
    return {"email": email, "member": f"serviceAccount:{email}"}


def _cluster(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    dns = {"dnsEndpointConfig": {"endpoint": "gke-1.europe-west4.gke.goog"}}
    return {"controlPlaneEndpointsConfig": {**args.inputs.get("controlPlaneEndpointsConfig", {}), **dns}}


def _address(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    return {"address": args.inputs.get("address", "10.48.192.9")}


COMPUTED: dict[str, Callable[[pulumi.runtime.MockResourceArgs], dict[str, Any]]] = {
    "Cluster": _cluster,
    "Account": _account,
    "Address": _address,
    "GlobalAddress": _address,
    "ForwardingRule": lambda _: {"ipAddress": "10.48.192.9"},
    "DatabaseInstance": lambda args: {
        "name": f"{args.name}-a1b2c3d",
        "dnsName": "0123.4567.europe-west4.sql.goog.",
        "pscServiceAttachmentLink": "https://compute/serviceAttachments/sql",
    },
    "Instance": lambda _: {
        "endpoints": [
            {
                "connections": [
                    {"pscAutoConnection": {"connectionType": "CONNECTION_TYPE_READER", "ipAddress": "10.48.192.4"}},
                    {"pscAutoConnection": {"connectionType": "CONNECTION_TYPE_PRIMARY", "ipAddress": "10.48.192.3"}},
                ]
            }
        ]
    },
    "DnsAuthorization": lambda _: {
        "dnsResourceRecords": [{"name": "_acme-challenge.x.", "type": "CNAME", "data": "y."}]
    },
}
"""Outputs that the program reads, as the cloud would fill them in, by the last part of the type."""


@dataclass
class Recorder(recording.Recorder):
    """What was asked for, and answers to give to questions.

    Attributes:
        rings: Names of key rings that the cloud has.
        keys: Its keys: name and the state of the primary version.
    """

    rings: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        name = args.inputs.get("name") or args.name
        if args.typ.startswith("modelfleet:gcp:"):
            return {}
        own = COMPUTED.get(args.typ.rsplit(":", 1)[-1], lambda _: {})(args)
        return {"name": name, "selfLink": f"https://compute/{name}", **own, **super().outputs(args)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        match args.token:
            case "gcp:organizations/getProject:getProject":
                return {"number": NUMBER, "projectId": PROJECT}, []
            case "gcp:kms/getKeyRings:getKeyRings":
                location = args.args["location"]
                rings = [f"projects/{PROJECT}/locations/{location}/keyRings/{ring}" for ring in self.rings]
                return {"keyRings": [{"id": ring, "name": ring} for ring in rings]}, []
            case "gcp:kms/getCryptoKeys:getCryptoKeys":
                ring = args.args["keyRing"]
                return {"keys": [_key(ring, name, state) for name, state in self.keys]}, []
            case token:
                raise AssertionError(token)

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        return {name: revealed(inputs) for name, inputs in super().of(kind).items()}


def _key(ring: str, name: str, state: str) -> dict[str, Any]:
    path = f"{ring}/cryptoKeys/{name}"
    return {"id": path, "name": name, "primaries": [{"name": f"{path}/cryptoKeyVersions/1", "state": state}]}


def settings(**changes: object) -> StackSettings:
    """The stack file of the region, with some keys changed."""
    return from_stack_file(ROOT / f"Pulumi.{STACK}.yaml").model_copy(update=changes)


def record(program: Callable[[], object], recorder: Recorder | None = None, stack: str = STACK) -> Recorder:
    """Run `program` and give what it asked for."""
    recorder = recorder or Recorder()
    recording.run(program, recorder, stack=stack)
    return recorder
