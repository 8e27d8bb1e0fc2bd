"""The way to Google's own services: one Private Service Connect endpoint, and the names that lead to it.

Without it, nodes would reach Cloud Storage, Artifact Registry, Cloud KMS and Logging by their public addresses. The
bundle `all-apis` holds every one of them (cloud.google.com/vpc/docs/about-accessing-google-apis-endpoints).
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope

_DOMAINS = ("googleapis.com", "gcr.io", "pkg.dev")
"""Domains of APIs and image registries (cloud.google.com/vpc/docs/configure-private-service-connect-apis#dns)."""
_TTL_S = 300


@dataclass(frozen=True)
class PrivateAccessArgs:
    """What the endpoint is made of.

    Attributes:
        network: Id of the VPC.
        network_link: Self link of the VPC.
        address: Its address, in no subnet.
    """

    network: pulumi.Input[str]
    network_link: pulumi.Input[str]
    address: str


class PrivateAccess(pulumi.ComponentResource):
    """Endpoint for Google APIs, and private DNS zones that answer with it."""

    address: pulumi.Output[str]

    def __init__(
        self, name: str, scope: Scope, args: PrivateAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:PrivateAccess", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        address = gcp.compute.GlobalAddress(
            "google-apis",
            name=scope.name("google-apis"),
            address=args.address,
            address_type="INTERNAL",
            purpose="PRIVATE_SERVICE_CONNECT",
            network=args.network,
            labels=dict(scope.labels),
            opts=inside,
        )
        gcp.compute.GlobalForwardingRule(
            "google-apis",
            name=scope.compact_name("mfapis"),
            target="all-apis",
            network=args.network,
            ip_address=address.id,
            # The empty scheme is that of a Private Service Connect endpoint.
            load_balancing_scheme="",
            no_automate_dns_zone=True,
            labels=dict(scope.labels),
            opts=inside,
        )
        self.address = address.address
        for domain in _DOMAINS:
            self._zone(domain, scope, args)
        gcp.dns.Policy(
            "dns",
            name=scope.name("dns"),
            description="Who asked for which name",
            enable_logging=True,
            networks=[gcp.dns.PolicyNetworkArgs(network_url=args.network_link)],
            opts=inside,
        )
        self.register_outputs({"address": self.address})

    def _zone(self, domain: str, scope: Scope, args: PrivateAccessArgs) -> None:
        label = domain.replace(".", "-")
        inside = pulumi.ResourceOptions(parent=self)
        zone = gcp.dns.ManagedZone(
            label,
            name=scope.name(label),
            dns_name=f"{domain}.",
            description=f"{domain}, answered by the network's own endpoint",
            visibility="private",
            private_visibility_config=gcp.dns.ManagedZonePrivateVisibilityConfigArgs(
                networks=[
                    gcp.dns.ManagedZonePrivateVisibilityConfigNetworkArgs(network_url=args.network_link),
                ]
            ),
            labels=dict(scope.labels),
            opts=inside,
        )
        gcp.dns.RecordSet(
            label,
            managed_zone=zone.name,
            name=f"{domain}.",
            type="A",
            ttl=_TTL_S,
            rrdatas=[self.address],
            opts=inside,
        )
        gcp.dns.RecordSet(
            f"{label}-any",
            managed_zone=zone.name,
            name=f"*.{domain}.",
            type="CNAME",
            ttl=_TTL_S,
            rrdatas=[f"{domain}."],
            opts=inside,
        )
