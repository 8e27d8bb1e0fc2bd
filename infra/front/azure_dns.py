"""The domain's zone in Azure DNS, and how its name leads to one front of several.

Azure DNS answers everybody alike; Traffic Manager knows which front is near and which is healthy, and the zone's record
points to it (learn.microsoft.com/azure/traffic-manager/traffic-manager-routing-methods).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import dns, trafficmanager

from infra.clouds.azure.protection import lock
from infra.clouds.azure.scope import Scope
from infra.cluster.isolation import GATEWAY_HEALTH_PATH
from infra.config import Routing

_METHODS: Mapping[Routing, trafficmanager.TrafficRoutingMethod] = {
    Routing.LATENCY: trafficmanager.TrafficRoutingMethod.PERFORMANCE,
    Routing.WEIGHTED: trafficmanager.TrafficRoutingMethod.WEIGHTED,
    Routing.FAILOVER: trafficmanager.TrafficRoutingMethod.PRIORITY,
}
_EXTERNAL = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
_INTERVAL_S, _TIMEOUT_S, _FAILURES = 10, 5, 2
"""The quickest that Traffic Manager offers: half a minute until a front is gone
(learn.microsoft.com/azure/traffic-manager/traffic-manager-monitoring)."""
_LEAST_WEIGHT = 1


@dataclass(frozen=True)
class AzureFrontTarget:
    """A front that clients may be sent to.

    Attributes:
        name: Of its cloud.
        host: Its own name, which answers health checks.
        location: The Azure region that is nearest to it, by which latency is known.
        weight: Its share, with weighted routing.
    """

    name: str
    host: pulumi.Input[str]
    location: str
    weight: int


@dataclass(frozen=True)
class AzureDnsArgs:
    """What the zone is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        domain: Name of the zone.
        ttl_s: Seconds that resolvers may keep an answer.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    domain: str
    ttl_s: int


class AzureDns(pulumi.ComponentResource):
    """Zone and records.

    Attributes:
        name_servers: What the parent domain must delegate to.
    """

    name_servers: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, args: AzureDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Dns", name, None, opts)
        self._args, self._own = args, pulumi.ResourceOptions(parent=self)
        zone = dns.Zone(
            "domain",
            resource_group_name=args.resource_group,
            zone_name=args.domain,
            zone_type=dns.ZoneType.PUBLIC,
            location="global",
            opts=args.scope.data(self),  # a zone made again has other name servers
        )
        lock("domain-lock", scope=args.scope, on=zone.id, parent=self)
        self._zone, self.name_servers = zone.name, zone.name_servers
        self.register_outputs({"nameServers": self.name_servers})

    def text(self, host: str, value: pulumi.Input[str]) -> None:
        """Publish a text: what proves that a name is ours."""
        dns.RecordSet(
            f"text-{host}",
            resource_group_name=self._args.resource_group,
            zone_name=self._zone,
            record_type="TXT",
            relative_record_set_name=self._relative(host),
            ttl=float(self._args.ttl_s),
            txt_records=[dns.TxtRecordArgs(value=[value])],
            opts=self._own,
        )

    def direct(self, host: str, targets: Sequence[AzureFrontTarget], routing: Routing, *more: str) -> None:
        """Send clients of a name, and of more names, to fronts: the nearest, by weight, or in order."""
        profile = trafficmanager.Profile(
            f"fronts-{host}",
            resource_group_name=self._args.resource_group,
            profile_name=self._args.scope.name("fronts"),
            location="global",
            profile_status=trafficmanager.ProfileStatus.ENABLED,
            traffic_routing_method=_METHODS[routing],
            dns_config=trafficmanager.DnsConfigArgs(
                relative_name=self._args.scope.global_name("fronts"), ttl=float(self._args.ttl_s)
            ),
            monitor_config=trafficmanager.MonitorConfigArgs(
                # Through the front to a gateway: a front without a healthy region answers too, but not this.
                protocol=trafficmanager.MonitorProtocol.HTTPS,
                path=GATEWAY_HEALTH_PATH,
                port=443.0,
                interval_in_seconds=float(_INTERVAL_S),
                timeout_in_seconds=float(_TIMEOUT_S),
                tolerated_number_of_failures=float(_FAILURES),
            ),
            endpoints=[
                trafficmanager.EndpointArgs(
                    name=target.name,
                    type=_EXTERNAL,
                    target=target.host,
                    endpoint_location=target.location,
                    endpoint_status=trafficmanager.EndpointStatus.ENABLED,
                    priority=float(position + 1),
                    weight=float(max(target.weight, _LEAST_WEIGHT)),
                )
                for position, target in enumerate(targets)
            ],
            opts=self._own,
        )
        for name in (host, *more):
            dns.RecordSet(
                f"clients-{name}",
                resource_group_name=self._args.resource_group,
                zone_name=self._zone,
                record_type="CNAME",
                relative_record_set_name=self._relative(name),
                ttl=float(self._args.ttl_s),
                cname_record=dns.CnameRecordArgs(
                    cname=profile.dns_config.apply(lambda config: (config.fqdn if config else "") or "")
                ),
                opts=self._own,
            )

    def _relative(self, host: str) -> str:
        return host.removesuffix(f".{self._args.domain}")
