"""What is behind Google Cloud's front: every region's gateways, over TLS that is checked."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.ingress import ORIGIN_NAME, Origin
from infra.clouds.gcp.scope import Scope
from infra.cluster.isolation import GATEWAY_HEALTH_PATH

STREAM_S = 3600
"""The longest that an answer may take; the default is 30 s
(cloud.google.com/load-balancing/docs/https/http-load-balancing-optimizations)."""
_DRAIN_S = 3600
"""The most that a backend that goes away may take to finish its streams
(cloud.google.com/load-balancing/docs/enabling-connection-draining)."""
_REQUESTS_PER_SECOND = 1000
"""What one gateway pod is sent; from there on, the balancer goes to the next region."""


@dataclass(frozen=True)
class GcpBackendsArgs:
    """What the backends are made of.

    Attributes:
        origins: The regions.
        firewall: Id of the Cloud Armor policy before them.
    """

    origins: Sequence[Origin]
    firewall: pulumi.Input[str]


class GcpBackends(pulumi.ComponentResource):
    """Two backend services over the same gateways: one that streams, one that may be cached."""

    api: gcp.compute.BackendService
    site: gcp.compute.BackendService

    def __init__(
        self, name: str, scope: Scope, args: GcpBackendsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:Backends", name, None, opts)
        self._scope, self._args = scope, args
        self._inside = pulumi.ResourceOptions(parent=self)
        # GKE keeps pods that aren't ready out of the groups; what is asked here is whether they can be reached and want
        # requests.
        self._health = gcp.compute.HealthCheck(
            "gateway",
            name=scope.name("gateway"),
            check_interval_sec=5,
            timeout_sec=5,
            healthy_threshold=2,
            unhealthy_threshold=2,
            https_health_check=gcp.compute.HealthCheckHttpsHealthCheckArgs(
                port_specification="USE_SERVING_PORT", request_path=GATEWAY_HEALTH_PATH
            ),
            log_config=gcp.compute.HealthCheckLogConfigArgs(enable=True),
            opts=self._inside,
        )
        self._trust = self._origin_trust()
        self.api = self._service("api", cdn=None)
        self.site = self._service("site", cdn=_cdn())
        self.register_outputs({"api": self.api.id, "site": self.site.id})

    def _origin_trust(self) -> gcp.networksecurity.BackendAuthenticationConfig:
        """Trust the regions' own authorities, and nobody else's, for gateways' certificates."""
        # cloud.google.com/load-balancing/docs/backend-authenticated-tls-backend-mtls
        manager, scope = gcp.certificatemanager, self._scope
        anchors = [
            manager.TrustConfigTrustStoreTrustAnchorArgs(pem_certificate=origin.ca_certificate)
            for origin in self._args.origins
        ]
        trust = manager.TrustConfig(
            "origins",
            name=scope.name("origins"),
            location="global",
            description="Authorities of the regions' gateways",
            trust_stores=[manager.TrustConfigTrustStoreArgs(trust_anchors=anchors)],
            labels=dict(scope.labels),
            opts=self._inside,
        )
        return gcp.networksecurity.BackendAuthenticationConfig(
            "origins",
            name=scope.name("origins"),
            location="global",
            trust_config=trust.id,
            well_known_roots="NONE",
            labels=dict(scope.labels),
            opts=self._inside,
        )

    def _service(self, name: str, *, cdn: gcp.compute.BackendServiceCdnPolicyArgs | None) -> gcp.compute.BackendService:
        compute = gcp.compute
        return compute.BackendService(
            name,
            name=self._scope.name(name),
            load_balancing_scheme="EXTERNAL_MANAGED",
            protocol="HTTPS",
            timeout_sec=STREAM_S,
            connection_draining_timeout_sec=_DRAIN_S,
            compression_mode="DISABLED",
            enable_cdn=cdn is not None,
            cdn_policy=cdn,
            backends=[
                compute.BackendServiceBackendArgs(
                    group=group,
                    balancing_mode="RATE",
                    max_rate_per_endpoint=_REQUESTS_PER_SECOND,
                    capacity_scaler=1.0,
                )
                for origin in self._args.origins
                for group in origin.endpoint_groups
            ],
            health_checks=self._health.id,
            security_policy=self._args.firewall,
            tls_settings=compute.BackendServiceTlsSettingsArgs(
                sni=ORIGIN_NAME,
                authentication_config=self._trust.id.apply(lambda path: f"//networksecurity.googleapis.com/{path}"),
            ),
            log_config=compute.BackendServiceLogConfigArgs(enable=True, sample_rate=1.0),
            opts=self._inside,
        )


def _cdn() -> gcp.compute.BackendServiceCdnPolicyArgs:
    compute = gcp.compute
    return compute.BackendServiceCdnPolicyArgs(
        # The gateway says what may be kept; without a word from it, nothing is.
        cache_mode="USE_ORIGIN_HEADERS",
        negative_caching=False,
        cache_key_policy=compute.BackendServiceCdnPolicyCacheKeyPolicyArgs(
            include_host=True, include_protocol=True, include_query_string=True
        ),
        # An answer to somebody with a key is nobody else's.
        bypass_cache_on_request_headers=[
            compute.BackendServiceCdnPolicyBypassCacheOnRequestHeaderArgs(header_name="Authorization")
        ],
    )
