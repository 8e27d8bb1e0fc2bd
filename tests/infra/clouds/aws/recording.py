"""Runs a part of the program without an engine (Pulumi's own mocks), and keeps what it asked for."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from infra.config import StackSettings, from_stack_file

ROOT = Path(__file__).parents[4]
ZONES = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"]
_SECRET = "4dabf18193072939515e22adb298388d"
"""Marks a secret on the engine's wire."""


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """What was registered, by type and name, with the options that only the engine sees."""

    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: dict[str, Any] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        key = f"{args.typ}::{args.name}"
        assert key not in self.made, f"{key} is there twice"
        self.made[key] = args.inputs
        return f"{args.name}-id", {**args.inputs, **_computed(args)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        match args.token:
            case "aws:index/getAvailabilityZones:getAvailabilityZones":
                return {"names": ZONES, "zoneIds": [f"use1-az{n}" for n in range(4)]}, []
            case "aws:ec2/getAmi:getAmi":
                return {"id": "ami-0123456789abcdef0"}, []
            case "aws:ec2/getManagedPrefixList:getManagedPrefixList":
                return {"id": "pl-3b927c52", "name": args.args["name"]}, []
        raise AssertionError(args.token)

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Inputs by name of every resource of a type."""
        return {key.split("::")[1]: made for key, made in self.made.items() if key.split("::")[0] == kind}


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Also keeps what the engine is told beside inputs: protection, dependencies, what a resource is deleted with."""

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        recorder = self.mocks
        assert isinstance(recorder, Recorder)
        recorder.requests[f"{request.type}::{request.name}"] = request
        return super().RegisterResource(request)


def _cluster(inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "endpoint": "https://ABCDEF.gr7.us-east-1.eks.amazonaws.com",
        "certificateAuthority": {"data": "Q0E="},
        "vpcConfig": {**inputs["vpcConfig"], "clusterSecurityGroupId": "sg-cluster"},
    }


def _certificate(inputs: dict[str, Any]) -> dict[str, Any]:
    name = inputs.get("domainName", "imported")
    record = {"resourceRecordName": f"_a.{name}", "resourceRecordType": "CNAME", "resourceRecordValue": "_b.acm."}
    return {"domainValidationOptions": [{"domainName": name, **record}]}


COMPUTED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "aws:eks/cluster:Cluster": _cluster,
    "aws:acm/certificate:Certificate": _certificate,
    "aws:ec2/launchTemplate:LaunchTemplate": lambda _: {"latestVersion": 1},
    "aws:lb/loadBalancer:LoadBalancer": lambda _: {"dnsName": "mf.elb.us-east-1.amazonaws.com", "zoneId": "Z26R"},
    "aws:rds/instance:Instance": lambda _: {"address": "db.us-east-1.rds.amazonaws.com", "resourceId": "db-ABC"},
    "aws:elasticache/replicationGroup:ReplicationGroup": lambda _: {"primaryEndpointAddress": "m.cache.amazonaws.com"},
    "aws:route53/zone:Zone": lambda _: {"zoneId": "Z1", "nameServers": ["ns-1.awsdns.com"]},
    "aws:cloudfront/distribution:Distribution": lambda _: {"domainName": "d1.cloudfront.net"},
    "modelfleet:local:Certificate": lambda _: {"certificate": "CERT", "privateKey": "PRIVATE", "caCertificate": "CA"},
}
"""Outputs that the program reads and an input doesn't give."""


def _computed(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    service = args.typ.split(":")[1].split("/")[0]
    arn = {"arn": f"arn:aws:{service}:us-east-1:111122223333:{args.name}"} if args.typ.startswith("aws:") else {}
    return arn | COMPUTED.get(args.typ, lambda _: {})(args.inputs)


def revealed(value: Any) -> Any:
    """What the engine sees of a secret."""
    return value["value"] if isinstance(value, dict) and _SECRET in value else value


def policy_of(inputs: dict[str, Any], key: str = "policy") -> list[dict[str, Any]]:
    """Statements of a policy document."""
    return json.loads(inputs[key])["Statement"]


def record(stack: str, make: Callable[[], None]) -> Recorder:
    """Run a program under mocks."""
    recorder = Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recorder, project="modelfleet", stack=stack, monitor=Monitor(recorder))

    @pulumi.runtime.test
    def run() -> None:
        make()

    run()
    return recorder


def settings_of(stack: str, **changes: Any) -> StackSettings:
    """The settings of one of this repository's stack files, changed."""
    settings = from_stack_file(ROOT / f"Pulumi.{stack}.yaml")
    return StackSettings.model_validate(settings.model_dump() | changes)
