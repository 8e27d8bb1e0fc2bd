"""Programs of AWS's stacks, recorded without an engine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.config import StackSettings, from_stack_file
from tests.infra import recording

ZONES = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"]
PREFIX_LISTS = {
    "s3": ["52.216.0.0/15", "3.5.0.0/19"],
    "origin-facing": ["130.176.0.0/16"],
}
"""By the end of their names, which begin with the Region's."""


@dataclass
class Recorder(recording.Recorder):
    """What was registered, with the options that only the engine sees."""

    requests: dict[tuple[str, str], Any] = field(default_factory=dict)

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        service = args.typ.split(":")[1].split("/")[0]
        arn = {"arn": f"arn:aws:{service}:us-east-1:111122223333:{args.name}"} if args.typ.startswith("aws:") else {}
        return arn | super().outputs(args) | COMPUTED.get(args.typ, lambda _: {})(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        match args.token:
            case "aws:index/getAvailabilityZones:getAvailabilityZones":
                return {"names": ZONES, "zoneIds": [f"use1-az{n}" for n in range(4)]}, []
            case "aws:ec2/getAmi:getAmi":
                return {"id": "ami-0123456789abcdef0"}, []
            case "aws:ec2/getManagedPrefixList:getManagedPrefixList":
                entries = [{"cidr": cidr, "description": ""} for cidr in PREFIX_LISTS[args.args["name"].split(".")[-1]]]
                return {"id": "pl-3b927c52", "name": args.args["name"], "entries": entries}, []
        raise AssertionError(args.token)


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Also keeps what the engine is told beside inputs: protection, dependencies, what a resource is deleted with."""

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        recorder = self.mocks
        assert isinstance(recorder, Recorder)
        recorder.requests[request.type, request.name] = request
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
}
"""Outputs that the program reads and an input doesn't give."""


def policy_of(inputs: dict[str, Any], key: str = "policy") -> list[dict[str, Any]]:
    """Statements of a policy document."""
    return json.loads(inputs[key])["Statement"]


def record(stack: str, make: Callable[[], object]) -> Recorder:
    """Run a program under mocks."""
    recorder = Recorder()
    recording.run(make, recorder, stack=stack, monitor=Monitor(recorder))
    return recorder


def settings_of(stack: str, **changes: Any) -> StackSettings:
    """The settings of one of this repository's stack files, changed."""
    settings = from_stack_file(recording.ROOT / f"Pulumi.{stack}.yaml")
    return StackSettings.model_validate(settings.model_dump() | changes)
