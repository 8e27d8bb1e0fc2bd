"""The region's origin: an internal load balancer and endpoint groups, which only the front and this network can reach.

The gateway's Service asks GKE for two things: an internal passthrough load balancer with an address of this network,
and network endpoint groups (NEGs) of its pods, one per zone. The front (stack `global`) is an external load balancer
whose backends are these NEGs; pods have no public address, so there is no way around it. TLS goes through to the
gateway, whose certificate the front checks against this region's own authority.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope
from infra.plugin import Certificate

_SERVICE_PORT = 443


@dataclass(frozen=True)
class IngressArgs:
    """What the origin is made of.

    Attributes:
        subnet: Self link of the endpoints' subnet.
        subnet_name: Its name.
        host: Name of the endpoint; None takes the load balancer's address.
        zones: Zones that have endpoint groups.
    """

    subnet: pulumi.Input[str]
    subnet_name: str
    host: str | None
    zones: tuple[str, ...]


class Ingress(pulumi.ComponentResource):
    """The load balancer's address, the gateway's certificate, and what the front has to know."""

    host: pulumi.Output[str]
    address: pulumi.Output[str]
    certificate: Certificate
    service_annotations: Mapping[str, str]
    endpoint_groups: tuple[str, ...]

    def __init__(self, name: str, scope: Scope, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Ingress", name, None, opts)
        address = gcp.compute.Address(
            "origin",
            name=scope.name("origin"),
            region=scope.region,
            address_type="INTERNAL",
            purpose="SHARED_LOADBALANCER_VIP",
            subnetwork=args.subnet,
            labels=dict(scope.labels),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.address = address.address
        self.host = pulumi.Output.from_input(args.host) if args.host else self.address
        hosts: list[pulumi.Input[str]] = [self.address, origin_name(scope.stack), *([args.host] if args.host else [])]
        self.certificate = Certificate("certificate", hosts=hosts, opts=pulumi.ResourceOptions(parent=self))
        group = scope.name("gateway")
        self.service_annotations = {
            # cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters
            "networking.gke.io/load-balancer-type": "Internal",
            "networking.gke.io/load-balancer-subnet": args.subnet_name,
            "networking.gke.io/internal-load-balancer-allow-global-access": "true",
            # cloud.google.com/kubernetes-engine/docs/how-to/standalone-neg
            "cloud.google.com/neg": json.dumps({"exposed_ports": {str(_SERVICE_PORT): {"name": group}}}),
        }
        self.endpoint_groups = tuple(
            f"projects/{scope.project}/zones/{zone}/networkEndpointGroups/{group}" for zone in args.zones
        )
        self.register_outputs({"host": self.host, "address": self.address})


def origin_name(stack: str) -> str:
    """The name that the gateway's certificate has for the front; nothing but TLS ever looks it up."""
    return f"{stack}.origin.internal"
