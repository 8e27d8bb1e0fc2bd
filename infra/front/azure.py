"""Azure Front Door before all Azure regions: one name, TLS, a firewall, and private links to the regions' origins.

**The front fits streams.** No route caches, and what isn't cached isn't compressed either; Front Door waits its most,
240 s, between two pieces of an answer, of which the gateway sends one every 10 s at least.

**Failover** is the origin group's: a region whose probes fail gets no request any more, whatever its method.

**Private links wait for approval.** Front Door asks each region's link service from a subscription of Microsoft's;
the region's owner approves the connection once (`docs/clouds/azure.md`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import Provider, cdn, monitor, operationalinsights, resources

from infra.clouds.azure.ingress import Origin
from infra.clouds.azure.scope import Scope
from infra.cluster.isolation import GATEWAY_HEALTH_PATH
from infra.config import CloudFrontSettings, FrontSettings, Routing, StackSettings
from infra.front.azure_firewall import FirewallArgs, make_firewall

ORIGIN_TIMEOUT_S = 240
"""The most that Front Door waits for the next piece of an answer
(learn.microsoft.com/azure/frontdoor/troubleshoot-issues)."""

PROBE_INTERVAL_S = 10
"""Every point of presence asks: at 10 s a lost region is known within half a minute."""

SAMPLES, SUCCESSES = 4, 2
SAME_DISTANCE_MS = 50
"""Regions within this many milliseconds of the nearest share the requests
(learn.microsoft.com/azure/frontdoor/routing-methods)."""

_LOGS = ("FrontDoorAccessLog", "FrontDoorHealthProbeLog", "FrontDoorWebApplicationFirewallLog")
_MOST_WORKSPACE_DAYS = 730
"""Days for which a workspace can keep logs at hand
(learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure)."""

_EVERYWHERE = "/*"


@dataclass(frozen=True)
class AzureFrontArgs:
    """What the front is made from.

    Attributes:
        front: The stack file's `front`.
        cloud: Its part for Azure.
        names: Names that clients use.
        origins: The regions behind it, by their stacks' names, in order of preference.
    """

    front: FrontSettings
    cloud: CloudFrontSettings
    names: Sequence[str]
    origins: Mapping[str, Origin]


class AzureFront(pulumi.ComponentResource):
    """Front Door profile with its endpoint, firewall, domains, origins and logs.

    Attributes:
        host: The endpoint's own name: what health checks ask, and what the domain's records point to.
        validations: TXT records (name to value) that prove the names' ownership, in the domain's own zone.
    """

    host: pulumi.Output[str]
    validations: Mapping[str, pulumi.Output[str]]

    def __init__(
        self, name: str, settings: StackSettings, args: AzureFrontArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        placed = settings.model_copy(update={"account": args.cloud.account, "region": args.cloud.region})
        self._scope, self._args = Scope.of(pulumi.get_stack(), placed), args
        provider = Provider(
            "azure",
            subscription_id=self._scope.subscription,
            location=self._scope.location,
            disable_pulumi_partner_id=True,
        )
        super().__init__(
            "modelfleet:azure:Front",
            name,
            None,
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(providers=[provider], transformations=[self._scope.placing]), opts
            ),
        )
        self._own = pulumi.ResourceOptions(parent=self)
        self._group = resources.ResourceGroup(
            "front", resource_group_name=self._scope.name("front"), opts=self._own
        ).name
        self._profile = cdn.Profile(
            "front",
            resource_group_name=self._group,
            profile_name=self._scope.name("front", longest=46),
            location="Global",
            # Premium: private links and managed firewall rules (learn.microsoft.com/azure/frontdoor/standard-premium).
            sku=cdn.SkuArgs(name=cdn.SkuName.PREMIUM_AZURE_FRONT_DOOR),
            origin_response_timeout_seconds=ORIGIN_TIMEOUT_S,
            opts=self._own,
        )
        endpoint = cdn.AFDEndpoint(
            "front",
            resource_group_name=self._group,
            profile_name=self._profile.name,
            endpoint_name=self._scope.name(longest=46),
            location="Global",
            enabled_state=cdn.EnabledState.ENABLED,
            opts=self._own,
        )
        domains = {host: self._domain(host) for host in args.names}
        self._guard([endpoint.id, *(domain.id for domain in domains.values())])
        self._route(endpoint, list(domains.values()))
        self._keep_logs(settings.log_retention_days)
        self.host = endpoint.host_name
        self.validations = {
            f"_dnsauth.{host}": domain.validation_properties.apply(lambda proof: proof.validation_token)
            for host, domain in domains.items()
        }
        self.register_outputs({"host": self.host, "validations": self.validations})

    def _domain(self, host: str) -> cdn.AFDCustomDomain:
        return cdn.AFDCustomDomain(
            f"domain-{host}",
            resource_group_name=self._group,
            profile_name=self._profile.name,
            custom_domain_name=host.replace(".", "-"),
            host_name=host,
            # Renewed by Azure for as long as the name points here.
            tls_settings=cdn.AFDDomainHttpsParametersArgs(
                certificate_type=cdn.AfdCertificateType.MANAGED_CERTIFICATE,
                minimum_tls_version=cdn.AfdMinimumTlsVersion.TLS12,
            ),
            opts=self._own,
        )

    def _guard(self, domains: Sequence[pulumi.Output[str]]) -> None:
        front = self._args.front
        firewall = make_firewall(
            FirewallArgs(
                scope=self._scope,
                resource_group=self._group,
                requests_per_5_minutes=front.requests_per_5_minutes,
                blocked_countries=front.blocked_countries,
            ),
            self._own,
        )
        cdn.SecurityPolicy(
            "front",
            resource_group_name=self._group,
            profile_name=self._profile.name,
            security_policy_name="firewall",
            parameters=cdn.SecurityPolicyWebApplicationFirewallParametersArgs(
                type=cdn.SecurityPolicyType.WEB_APPLICATION_FIREWALL,
                waf_policy=cdn.ResourceReferenceArgs(id=firewall.id),
                associations=[
                    cdn.SecurityPolicyWebApplicationFirewallAssociationArgs(
                        domains=[cdn.ActivatedResourceReferenceArgs(id=domain) for domain in domains],
                        patterns_to_match=[_EVERYWHERE],
                    )
                ],
            ),
            opts=self._own,
        )

    def _route(self, endpoint: cdn.AFDEndpoint, domains: Sequence[cdn.AFDCustomDomain]) -> None:
        group = cdn.AFDOriginGroup(
            "regions",
            resource_group_name=self._group,
            profile_name=self._profile.name,
            origin_group_name="regions",
            session_affinity_state=cdn.EnabledState.DISABLED,
            health_probe_settings=cdn.HealthProbeParametersArgs(
                probe_path=GATEWAY_HEALTH_PATH,
                probe_protocol=cdn.ProbeProtocol.HTTPS,
                probe_request_type=cdn.HealthProbeRequestType.HEAD,
                probe_interval_in_seconds=PROBE_INTERVAL_S,
            ),
            load_balancing_settings=cdn.LoadBalancingSettingsParametersArgs(
                sample_size=SAMPLES,
                successful_samples_required=SUCCESSES,
                additional_latency_in_milliseconds=SAME_DISTANCE_MS,
            ),
            opts=self._own,
        )
        origins = [
            self._origin(stack, origin, position, group)
            for position, (stack, origin) in enumerate(self._args.origins.items())
        ]
        cdn.Route(
            "front",
            resource_group_name=self._group,
            profile_name=self._profile.name,
            endpoint_name=endpoint.name,
            route_name="all",
            origin_group=cdn.ResourceReferenceArgs(id=group.id),
            custom_domains=[cdn.ActivatedResourceReferenceArgs(id=domain.id) for domain in domains],
            patterns_to_match=[_EVERYWHERE],
            supported_protocols=[cdn.AFDEndpointProtocols.HTTP, cdn.AFDEndpointProtocols.HTTPS],
            https_redirect=cdn.HttpsRedirect.ENABLED,
            forwarding_protocol=cdn.ForwardingProtocol.HTTPS_ONLY,
            link_to_default_domain=cdn.LinkToDefaultDomain.ENABLED,
            enabled_state=cdn.EnabledState.ENABLED,
            # Without a cache configuration, nothing is cached and nothing compressed
            # (learn.microsoft.com/azure/frontdoor/front-door-caching).
            opts=pulumi.ResourceOptions(parent=self, depends_on=origins),
        )

    def _origin(self, stack: str, origin: Origin, position: int, group: cdn.AFDOriginGroup) -> cdn.AFDOrigin:
        in_order = self._args.front.routing is Routing.FAILOVER
        return cdn.AFDOrigin(
            f"origin-{stack}",
            resource_group_name=self._group,
            profile_name=self._profile.name,
            origin_group_name=group.name,
            origin_name=stack,
            host_name=origin.host,
            origin_host_header=origin.host,
            https_port=443,
            http_port=80,
            enforce_certificate_name_check=True,
            priority=position + 1 if in_order else 1,
            weight=1000,
            enabled_state=cdn.EnabledState.ENABLED,
            shared_private_link_resource=cdn.SharedPrivateLinkResourcePropertiesArgs(
                private_link=cdn.ResourceReferenceArgs(id=origin.private_link_service),
                private_link_location=origin.location,
                request_message=f"Front Door of {self._scope.stack}",
            ),
            opts=self._own,
        )

    def _keep_logs(self, days: int) -> None:
        workspace = operationalinsights.Workspace(
            "front-logs",
            resource_group_name=self._group,
            workspace_name=self._scope.name("front-logs"),
            sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
            retention_in_days=min(days, _MOST_WORKSPACE_DAYS),
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
            opts=self._own,
        )
        monitor.DiagnosticSetting(
            "front-logs",
            name="modelfleet",
            resource_uri=self._profile.id,
            workspace_id=workspace.id,
            logs=[monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in _LOGS],
            opts=self._own,
        )
