"""Google Cloud's front: a global external load balancer with Cloud Armor and Cloud CDN before all regions of the cloud.

One backend service holds the endpoint groups of every region: a client is served by the nearest healthy one, and a
request that a lost region had not begun to answer goes to the next. Answers stream for minutes and carry source code,
so `/v1` is neither cached nor compressed, waits an hour, and no firewall rule that looks into bodies blocks there.
Traffic to origins is TLS, with the gateways' certificates checked against their regions' own authorities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.ingress import Origin
from infra.clouds.gcp.scope import Scope, labels_of
from infra.config import CloudFrontSettings, FrontSettings, StackSettings
from infra.front.gcp_backends import STREAM_S, GcpBackends, GcpBackendsArgs
from infra.front.gcp_firewall import CloudArmor

_API = "/v1/"
_KEEP_ALIVE_S = 1200
"""The most that the front keeps a client's idle connection
(cloud.google.com/load-balancing/docs/https#timeout-keepalive-client)."""
_TTL_S = 300


@dataclass(frozen=True)
class GcpFrontArgs:
    """What the front is made of.

    Attributes:
        front: The stack file's `front`.
        cloud: Its part for Google Cloud.
        origins: The regions behind it, in order of preference.
    """

    front: FrontSettings
    cloud: CloudFrontSettings
    origins: Sequence[Origin]


class GcpFront(pulumi.ComponentResource):
    """Load balancer, firewall, CDN, certificate and DNS zone.

    Attributes:
        host: This front's own name, below the domain.
        ipv4: Its address.
        ipv6: Its other address.
        name_servers: Of the zone of `host`: the domain's zone delegates to them.
        validations: CNAME records (name, data) in the domain's own zone that prove whose the clients' names are.
    """

    host: str
    ipv4: pulumi.Output[str]
    ipv6: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]
    validations: Mapping[str, pulumi.Output[tuple[str, str]]]

    def __init__(
        self, name: str, settings: StackSettings, args: GcpFrontArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        provider = gcp.Provider("gcp", project=args.cloud.account, region=args.cloud.region)
        super().__init__(
            "modelfleet:gcp:Front",
            name,
            None,
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts),
        )
        stack = pulumi.get_stack()
        project = gcp.organizations.get_project_output(
            project_id=args.cloud.account, opts=pulumi.InvokeOptions(provider=provider)
        )
        self._args = args
        self._scope = Scope(
            stack=stack,
            project=args.cloud.account,
            project_number=project.number,
            region=args.cloud.region,
            environment=settings.environment,
            labels=labels_of(stack, settings),
            delete_data=settings.delete_data,
        )
        self._inside = pulumi.ResourceOptions(parent=self)
        self.host = f"gcp.{args.front.domain}"
        self.ipv4, self.ipv6 = (self._address(version) for version in ("IPV4", "IPV6"))
        zone = self._zone()
        self.name_servers = zone.name_servers
        certificates = self._certificates(zone)
        self._listen(certificates, self._routes())
        self.register_outputs({"host": self.host, "ipv4": self.ipv4, "ipv6": self.ipv6})

    def _address(self, version: str) -> pulumi.Output[str]:
        label = version.lower()
        return gcp.compute.GlobalAddress(
            label,
            name=self._scope.name(label),
            address_type="EXTERNAL",
            ip_version=version,
            labels=dict(self._scope.labels),
            opts=self._inside,
        ).address

    def _zone(self) -> gcp.dns.ManagedZone:
        """This front's own name: what health checks ask, and what the domain's records may point to."""
        zone = gcp.dns.ManagedZone(
            "zone",
            name=self._scope.name("zone"),
            dns_name=f"{self.host}.",
            description=f"Google Cloud's front of {self._args.front.domain}",
            visibility="public",
            dnssec_config=gcp.dns.ManagedZoneDnssecConfigArgs(state="on", non_existence="nsec3"),
            cloud_logging_config=gcp.dns.ManagedZoneCloudLoggingConfigArgs(enable_logging=True),
            labels=dict(self._scope.labels),
            opts=self._inside,
        )
        for kind, address in (("A", self.ipv4), ("AAAA", self.ipv6)):
            self._record(kind.lower(), zone, f"{self.host}.", kind, address)
        return zone

    def _record(
        self, label: str, zone: gcp.dns.ManagedZone, name: pulumi.Input[str], kind: str, data: pulumi.Input[str]
    ) -> None:
        gcp.dns.RecordSet(
            label,
            managed_zone=zone.name,
            name=name,
            type=kind,
            ttl=self._args.front.ttl_s if kind in {"A", "AAAA"} else _TTL_S,
            rrdatas=[data],
            opts=self._inside,
        )

    def _certificates(self, zone: gcp.dns.ManagedZone) -> gcp.certificatemanager.CertificateMap:
        """A managed certificate for each of the clients' names and for this front's own, proved by a DNS record."""
        manager, scope, labels = gcp.certificatemanager, self._scope, dict(self._scope.labels)
        certificate_map = manager.CertificateMap(
            "certificates", name=scope.name("certificates"), labels=labels, opts=self._inside
        )
        clients, *tenants = self._args.front.names_of(self._args.cloud)
        names = {"clients": clients, **{f"name-{name.split('.')[0]}": name for name in tenants}, "host": self.host}
        validations: dict[str, pulumi.Output[tuple[str, str]]] = {}
        for label, domain in names.items():
            authorization = manager.DnsAuthorization(
                label, name=scope.name(label), domain=domain, type="FIXED_RECORD", labels=labels, opts=self._inside
            )
            record = authorization.dns_resource_records[0]
            if domain == self.host:
                self._record("validation", zone, record.name, "CNAME", record.data)
            else:
                proof = "validation" if domain == clients else f"validation-{label}"
                validations[proof] = pulumi.Output.all(record.name, record.data).apply(lambda pair: (pair[0], pair[1]))
            certificate = manager.Certificate(
                label,
                name=scope.name(label),
                scope="DEFAULT",
                managed=manager.CertificateManagedArgs(domains=[domain], dns_authorizations=[authorization.id]),
                labels=labels,
                opts=self._inside,
            )
            manager.CertificateMapEntry(
                label,
                name=scope.name(label),
                map=certificate_map.name,
                hostname=domain,
                certificates=[certificate.id],
                labels=labels,
                opts=self._inside,
            )
        self.validations = validations
        return certificate_map

    def _routes(self) -> gcp.compute.URLMap:
        """`/v1` streams; everything else may be cached, if the gateway says so."""
        firewall = CloudArmor("firewall", self._scope, self._args.front, self._inside)
        args = GcpBackendsArgs(self._args.origins, firewall.policy)
        backends = GcpBackends("backends", self._scope, args, self._inside)
        api, site = backends.api, backends.site
        compute = gcp.compute
        retry = compute.URLMapPathMatcherRouteRuleRouteActionRetryPolicyArgs(
            num_retries=2,
            # Of POST too: nothing of an answer was seen when these happen.
            retry_conditions=["connect-failure", "refused-stream", "gateway-error"],
            per_try_timeout=compute.URLMapPathMatcherRouteRuleRouteActionRetryPolicyPerTryTimeoutArgs(
                seconds=str(STREAM_S)
            ),
        )
        return compute.URLMap(
            "routes",
            name=self._scope.name("routes"),
            default_service=site.id,
            host_rules=[compute.URLMapHostRuleArgs(hosts=["*"], path_matcher="all")],
            path_matchers=[
                compute.URLMapPathMatcherArgs(
                    name="all",
                    default_service=site.id,
                    route_rules=[
                        compute.URLMapPathMatcherRouteRuleArgs(
                            priority=1,
                            service=api.id,
                            match_rules=[compute.URLMapPathMatcherRouteRuleMatchRuleArgs(prefix_match=_API)],
                            route_action=compute.URLMapPathMatcherRouteRuleRouteActionArgs(
                                timeout=compute.URLMapPathMatcherRouteRuleRouteActionTimeoutArgs(seconds=str(STREAM_S)),
                                retry_policy=retry,
                            ),
                        )
                    ],
                )
            ],
            opts=self._inside,
        )

    def _listen(self, certificates: gcp.certificatemanager.CertificateMap, routes: gcp.compute.URLMap) -> None:
        compute, scope = gcp.compute, self._scope
        policy = compute.SSLPolicy(
            "tls",
            name=scope.name("tls"),
            # RESTRICTED would leave out clients that MODERN's forward-secret suites still serve
            # (cloud.google.com/load-balancing/docs/ssl-policies-concepts).
            profile="MODERN",
            min_tls_version="TLS_1_2",
            opts=self._inside,
        )
        https = compute.TargetHttpsProxy(
            "https",
            name=scope.name("https"),
            url_map=routes.id,
            certificate_map=certificates.id.apply(lambda path: f"//certificatemanager.googleapis.com/{path}"),
            ssl_policy=policy.id,
            quic_override="NONE",
            # A replayed POST would be charged twice.
            tls_early_data="DISABLED",
            http_keep_alive_timeout_sec=_KEEP_ALIVE_S,
            opts=self._inside,
        )
        redirect = compute.URLMap(
            "redirect",
            name=scope.name("redirect"),
            default_url_redirect=compute.URLMapDefaultUrlRedirectArgs(
                https_redirect=True, strip_query=False, redirect_response_code="MOVED_PERMANENTLY_DEFAULT"
            ),
            opts=self._inside,
        )
        http = compute.TargetHttpProxy("http", name=scope.name("http"), url_map=redirect.id, opts=self._inside)
        for version, address in (("ipv4", self.ipv4), ("ipv6", self.ipv6)):
            for label, proxy, port in (("https", https, "443"), ("http", http, "80")):
                compute.GlobalForwardingRule(
                    f"{label}-{version}",
                    name=scope.name(f"{label}-{version}"),
                    load_balancing_scheme="EXTERNAL_MANAGED",
                    network_tier="PREMIUM",
                    ip_protocol="TCP",
                    ip_address=address,
                    port_range=port,
                    target=proxy.id,
                    labels=dict(scope.labels),
                    opts=self._inside,
                )
