"""The region's origin: an internal load balancer behind a private link service, which the front's endpoint joins.

The gateway's Service asks AKS for both (cloud-provider-azure.sigs.k8s.io/topics/pls-integration). The front (stack
`global`) reaches the link service from Microsoft's network; nothing has a public address. A connection is approved by
hand, once (`docs/clouds/azure.md`): whoever knows a link service's id may ask.

Where only the front may come in, the load balancer takes what comes from the link service's addresses and denies the
rest of the network (cloud-provider-azure.sigs.k8s.io/topics/loadbalancer).
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import managedidentity

from infra.clouds.azure.network import INGRESS_SUBNET, PRIVATE_LINK_SUBNET
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.subnets import SubnetRanges
from infra.clouds.azure.vault_certificate import VaultCertificateArgs, hand_over
from infra.clouds.region import VaultCertificate
from infra.config import IngressSettings
from infra.config.key_vault import KeyVaultSecret
from infra.plugin import Certificate

_ANNOTATION = "service.beta.kubernetes.io/azure-"
_FIRST_FREE = 4
"""Azure keeps a subnet's first four addresses (learn.microsoft.com/azure/virtual-network/virtual-networks-faq)."""
IDLE_TIMEOUT_MIN = 30
"""The most that a load balancer takes: a stream may be silent for that long
(learn.microsoft.com/azure/load-balancer/load-balancer-tcp-idle-timeout)."""


@dataclass(frozen=True)
class Origin:
    """What the front has to know of this region.

    Attributes:
        private_link_service: Id of the link service.
        location: Region that it is in.
        host: Name that the gateway's certificate has.
    """

    private_link_service: pulumi.Input[str]
    location: str
    host: pulumi.Input[str]

    def as_output(self) -> Mapping[str, pulumi.Input[str]]:
        """As a stack gives it out."""
        return {"privateLinkService": self.private_link_service, "location": self.location, "host": self.host}

    @classmethod
    def from_output(cls, location: str, output: pulumi.Output[Mapping[str, str]]) -> "Origin":
        """As another stack reads it."""
        return cls(
            private_link_service=output.apply(lambda origin: origin["privateLinkService"]),
            location=location,
            host=output.apply(lambda origin: origin["host"]),
        )


@dataclass(frozen=True)
class IngressArgs:
    """What the origin is made from.

    Attributes:
        scope: The stack's scope.
        ranges: Ranges of the subnets.
        node_resource_group: Name of the group that AKS makes load balancers in.
        settings: The endpoint's name and certificate, and who may come in.
        tenant_id: The Entra tenant.
        gateway: The gateway's identity.
    """

    scope: Scope
    ranges: SubnetRanges
    node_resource_group: str
    settings: IngressSettings
    tenant_id: pulumi.Input[str]
    gateway: managedidentity.UserAssignedIdentity


class Ingress(pulumi.ComponentResource):
    """The load balancer's address, the gateway's certificate, and what the front has to know.

    Attributes:
        host: Name or address of the endpoint.
        address: The load balancer's address inside the network.
        service_annotations: What AKS reads on the gateway's Service.
        certificate: What the gateway serves.
        origin: What the front has to know.
    """

    host: pulumi.Output[str]
    address: str
    service_annotations: Mapping[str, str]
    certificate: Certificate | VaultCertificate
    origin: Origin

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Ingress", name, None, opts)
        subnet = ipaddress.IPv4Network(args.ranges.ingress)
        self.address = str(subnet[_FIRST_FREE])
        self.host = pulumi.Output.from_input(args.settings.host or self.address)
        link_service = args.scope.name("origin")
        self.service_annotations = _annotations(args.settings, args.ranges, link_service)
        self.certificate = self._certificate(args)
        self.origin = Origin(
            private_link_service=args.scope.resource_id(
                args.node_resource_group, "Microsoft.Network/privateLinkServices", link_service
            ),
            location=args.scope.location,
            host=pulumi.Output.from_input(args.settings.host or origin_name(args.scope.stack)),
        )
        self.register_outputs({"host": self.host, "address": self.address})

    def _certificate(self, args: IngressArgs) -> Certificate | VaultCertificate:
        settings = args.settings
        if settings.certificate is not None:
            secret = KeyVaultSecret.of(settings.certificate)
            return hand_over(VaultCertificateArgs(args.scope, args.tenant_id, secret, args.gateway), self)
        names: list[pulumi.Input[str]] = [self.address, origin_name(args.scope.stack)]
        if settings.host:
            names.append(settings.host)
        return Certificate("certificate", hosts=names, opts=pulumi.ResourceOptions(parent=self))


def origin_name(stack: str) -> str:
    """The name that the gateway's certificate has for the front; nothing but TLS ever looks it up."""
    return f"{stack}.origin.internal"


def _annotations(settings: IngressSettings, ranges: SubnetRanges, link_service: str) -> Mapping[str, str]:
    annotations = {
        "load-balancer-internal": "true",
        "load-balancer-internal-subnet": INGRESS_SUBNET,
        "load-balancer-tcp-idle-timeout": str(IDLE_TIMEOUT_MIN),
        "pls-create": "true",
        "pls-name": link_service,
        "pls-ip-configuration-subnet": PRIVATE_LINK_SUBNET,
        # Front Door asks from a subscription of Microsoft's, so that it must be visible; asking isn't entering.
        "pls-visibility": "*",
    }
    if settings.front_only:
        annotations["allowed-ip-ranges"] = ranges.private_link
        annotations["deny-all-except-load-balancer-source-ranges"] = "true"
    return {f"{_ANNOTATION}{key}": value for key, value in annotations.items()}
