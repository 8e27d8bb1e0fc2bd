"""The domain's zone in Route 53, and how its name leads to one front of several.

Every front is a name of its cloud's, so every record is a CNAME, and the name that clients use lies below the zone's
own. A record whose health check fails is not given any more: a lost cloud drains within its time to live.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.scope import Scope
from infra.cluster.isolation import GATEWAY_HEALTH_PATH
from infra.config import Routing
from infra.front.aws import provided

_FAILURES, _INTERVAL_S = 3, 10
"""The quickest that Route 53 offers: half a minute until a front is gone
(docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html)."""
_HTTPS = 443


@dataclass(frozen=True)
class FrontTarget:
    """A front that clients may be sent to.

    Attributes:
        name: Of its cloud; the record's set identifier.
        host: Its own name, which answers health checks.
        aws_region: The AWS Region that is nearest to it, by which Route 53 measures latency.
        weight: Its share, with weighted routing.
    """

    name: str
    host: pulumi.Input[str]
    aws_region: str
    weight: int


@dataclass(frozen=True)
class AwsDnsArgs:
    """What the zone is made from.

    Attributes:
        scope: The stack's place.
        domain: Name of the zone.
        ttl_s: Seconds that resolvers may keep an answer.
    """

    scope: Scope
    domain: str
    ttl_s: int


class AwsDns(pulumi.ComponentResource):
    """Zone and records.

    Attributes:
        zone_id: The zone.
        name_servers: What the parent domain must delegate to.
    """

    zone_id: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, args: AwsDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            "modelfleet:aws:Dns", name, None, pulumi.ResourceOptions.merge(opts, provided(name, args.scope))
        )
        self._args, self._own = args, pulumi.ResourceOptions(parent=self)
        self._checks: dict[str, aws.route53.HealthCheck] = {}
        zone = aws.route53.Zone(
            "domain",
            name=args.domain,
            comment=args.scope.name(),
            force_destroy=args.scope.delete_data,
            opts=args.scope.data(self),  # a zone made again has other name servers
        )
        self.zone_id, self.name_servers = zone.zone_id, zone.name_servers
        self.register_outputs({"zoneId": self.zone_id, "nameServers": self.name_servers})

    def record(
        self,
        name: str,
        host: pulumi.Input[str],
        kind: str,
        values: Sequence[pulumi.Input[str]] | pulumi.Output[Sequence[str]],
    ) -> None:
        """Publish a record: what proves that a name is ours, or who else answers for a name below the domain."""
        aws.route53.Record(
            name, zone_id=self.zone_id, name=host, type=kind, ttl=self._args.ttl_s, records=values, opts=self._own
        )

    def direct(self, host: str, targets: Sequence[FrontTarget], routing: Routing, *, tenant: str = "") -> None:
        """Send clients of a name to fronts: the nearest, by weight, or in order.

        Args:
            host: The name.
            targets: The fronts that answer to it.
            routing: How one is chosen.
            tenant: Whose name it is, empty for everybody's.

        Raises:
            ValueError: failover between more than two, which Route 53 knows no records for.
        """
        if routing is Routing.FAILOVER and len(targets) > 2:
            msg = "front.routing: failover leads from a first to a second front: list two, or use latency or weighted"
            raise ValueError(msg)
        for index, target in enumerate(targets):
            aws.route53.Record(
                f"tenant-{tenant}-{target.name}" if tenant else target.name,
                zone_id=self.zone_id,
                name=host,
                type="CNAME",
                ttl=self._args.ttl_s,
                records=[target.host],
                set_identifier=target.name,
                health_check_id=self._check(target).id,
                latency_routing_policies=[aws.route53.RecordLatencyRoutingPolicyArgs(region=target.aws_region)]
                if routing is Routing.LATENCY
                else None,
                weighted_routing_policies=[aws.route53.RecordWeightedRoutingPolicyArgs(weight=target.weight)]
                if routing is Routing.WEIGHTED
                else None,
                failover_routing_policies=[
                    aws.route53.RecordFailoverRoutingPolicyArgs(type="PRIMARY" if index == 0 else "SECONDARY")
                ]
                if routing is Routing.FAILOVER
                else None,
                opts=self._own,
            )

    def _check(self, target: FrontTarget) -> aws.route53.HealthCheck:
        """Ask a front for its health, once for all names that lead to it."""
        if target.name not in self._checks:
            self._checks[target.name] = aws.route53.HealthCheck(
                target.name,
                # Through the front to a gateway: a front without a healthy region answers too, but not this.
                type="HTTPS",
                fqdn=target.host,
                port=_HTTPS,
                resource_path=GATEWAY_HEALTH_PATH,
                request_interval=_INTERVAL_S,
                failure_threshold=_FAILURES,
                tags={"Name": target.name},
                opts=self._own,
            )
        return self._checks[target.name]
