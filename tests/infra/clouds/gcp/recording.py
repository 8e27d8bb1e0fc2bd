"""Runs a part of the program without an engine (Pulumi's own mocks), and keeps what it asked for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from infra.config import StackSettings, from_stack_file

ROOT = Path(__file__).parents[4]
STACK = "gcp-europe-west4"
PROJECT, NUMBER = "modelfleet-production", "123456789012"

_SECRET = "4dabf18193072939515e22adb298388d"


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
    "Certificate": lambda _: {"certificate": "CERT", "privateKey": "KEY", "caCertificate": "CA", "notAfter": ""},
    "DnsAuthorization": lambda _: {
        "dnsResourceRecords": [{"name": "_acme-challenge.x.", "type": "CNAME", "data": "y."}]
    },
}
"""Outputs that the program reads, as the cloud would fill them in, by the last part of the type."""


def computed(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    """The outputs of a resource that is no input."""
    name = args.inputs.get("name") or args.name
    if args.typ.startswith("modelfleet:gcp:"):
        return {}
    kind = args.typ.rsplit(":", 1)[-1]
    special = COMPUTED[kind](args) if kind in COMPUTED else {}
    return {"name": name, "selfLink": f"https://compute/{name}", **special}


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """What was asked for: inputs by type and name, and answers to give to questions.

    Attributes:
        rings: Names of key rings that the cloud has.
        keys: Its keys: name and the state of the primary version.
    """

    rings: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    made: dict[tuple[str, str], pulumi.runtime.MockResourceArgs] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        assert (args.typ, args.name) not in self.made, f"{args.typ} {args.name} is there twice"
        self.made[args.typ, args.name] = args
        return f"{args.name}-id", {**args.inputs, **computed(args)}

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
        """Inputs of all resources whose type ends so, by name."""
        return {name: plain(args.inputs) for (token, name), args in self.made.items() if token.endswith(f":{kind}")}

    def one(self, kind: str, name: str) -> dict[str, Any]:
        return self.of(kind)[name]


def _key(ring: str, name: str, state: str) -> dict[str, Any]:
    path = f"{ring}/cryptoKeys/{name}"
    return {"id": path, "name": name, "primaries": [{"name": f"{path}/cryptoKeyVersions/1", "state": state}]}


def plain(value: Any) -> Any:
    """A value without the marks of secrets."""
    if isinstance(value, dict):
        return plain(value["value"]) if _SECRET in value else {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def settings(**changes: object) -> StackSettings:
    """The stack file of the region, with some keys changed."""
    return from_stack_file(ROOT / f"Pulumi.{STACK}.yaml").model_copy(update=changes)


def record(program: Callable[[], object], recorder: Recorder | None = None, stack: str = STACK) -> Recorder:
    """Run `program` and give what it asked for."""
    recorder = recorder or Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recorder, project="modelfleet", stack=stack)

    @pulumi.runtime.test
    def run() -> None:
        program()

    run()
    return recorder
