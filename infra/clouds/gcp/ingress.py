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

from infra.clouds.gcp.scope import Scope, stack_name
from infra.clouds.gcp.zones import zones_of
from infra.config import StackSettings
from infra.plugin import Certificate

_SERVICE_PORT = 443
ORIGIN_NAME = "gateway.modelfleet.internal"
"""The name that the certificate of every region's gateway has for the front; only TLS ever asks for it."""


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
        hosts: list[pulumi.Input[str]] = [self.address, ORIGIN_NAME, *([args.host] if args.host else [])]
        self.certificate = Certificate("certificate", hosts=hosts, opts=pulumi.ResourceOptions(parent=self))
        group = group_name(scope.stack)
        self.service_annotations = {
            # cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters
            "networking.gke.io/load-balancer-type": "Internal",
            "networking.gke.io/load-balancer-subnet": args.subnet_name,
            "networking.gke.io/internal-load-balancer-allow-global-access": "true",
            # cloud.google.com/kubernetes-engine/docs/how-to/standalone-neg
            "cloud.google.com/neg": json.dumps({"exposed_ports": {str(_SERVICE_PORT): {"name": group}}}),
        }
        self.endpoint_groups = endpoint_groups(scope.project, group, args.zones)
        self.register_outputs({"host": self.host, "address": self.address})


@dataclass(frozen=True)
class Origin:
    """What the front has to know of a region.

    Attributes:
        stack: The region's stack.
        endpoint_groups: Paths of the gateway's network endpoint groups, one per zone.
        ca_certificate: PEM of the authority that the front checks the gateway's certificate against.
    """

    stack: str
    endpoint_groups: tuple[str, ...]
    ca_certificate: pulumi.Input[str]

    @classmethod
    def of(cls, stack: str, settings: StackSettings, ca_certificate: pulumi.Input[str]) -> "Origin":
        """The origin that a region's stack file makes: its names are known before it is there."""
        zones = zones_of(settings.region, settings.network.zones)
        return cls(stack, endpoint_groups(settings.account, group_name(stack), zones), ca_certificate)

    def as_output(self) -> Mapping[str, pulumi.Input[str]]:
        """As a stack gives it out; all else follows from its file."""
        return {"caCertificate": self.ca_certificate}

    @classmethod
    def from_output(cls, stack: str, settings: StackSettings, output: pulumi.Output[Mapping[str, str]]) -> "Origin":
        """As another stack reads it."""
        return cls.of(stack, settings, output.apply(lambda origin: origin["caCertificate"]))


def group_name(stack: str) -> str:
    """Name of the gateway's network endpoint groups, the same in every zone."""
    return stack_name(stack, "gateway")


def endpoint_groups(project: str, name: str, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Paths of the network endpoint groups that GKE makes."""
    return tuple(f"projects/{project}/zones/{zone}/networkEndpointGroups/{name}" for zone in zones)
