"""CloudFront before all AWS regions, and the domain's own zone in Route 53.

**Failover covers POST.** CloudFront's origin groups repeat GET and HEAD only
(docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html), so there is one
origin, `origin.<domain>`, and Route 53 says which regions that is: each region's load balancer by latency, and no
longer when it has no healthy gateway. The regions keep their own private certificate; the front gives each of their
listeners one for `origin.<domain>`, so that CloudFront checks whom it talks to.

**The front fits streams.** `/v1` is neither cached nor compressed, and CloudFront waits its most, 120 s, between two
pieces of an answer, of which the gateway sends one every 10 s at least.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.ingress import Origin
from infra.clouds.aws.keys import KeyArgs, logs_statement, make_key
from infra.clouds.aws.scope import Scope
from infra.config import CloudFrontSettings, FrontSettings, StackSettings
from infra.front.aws_firewall import HOME, FirewallArgs, make_firewall

_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html"""
_ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html; the origin is
asked by its own name, which its certificate is for."""
_SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html"""
_READ_S = _KEEP_ALIVE_S = 120
"""The most that CloudFront takes (docs.aws.amazon.com/cloudfront/latest/APIReference/API_CustomOriginConfig.html)."""
_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
"""CloudFront knows three sets; this is the only one with POST."""
_TLS = "TLSv1.2_2021"
_ORIGIN = "origin"
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
"""Hosted zone of every distribution (docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html)."""


@dataclass(frozen=True)
class AwsFrontArgs:
    """What the front is made from.

    Attributes:
        front: The stack file's `front`.
        cloud: Its part for AWS.
        zone_id: The domain's zone in Route 53.
        origins: The regions behind it.
    """

    front: FrontSettings
    cloud: CloudFrontSettings
    zone_id: pulumi.Input[str]
    origins: Sequence[Origin]


class AwsFront(pulumi.ComponentResource):
    """Distribution, firewall, certificates and the regions' names.

    Attributes:
        host: The distribution's own name: what health checks ask, and what the domain's records point to.
    """

    host: pulumi.Output[str]

    def __init__(
        self, name: str, settings: StackSettings, args: AwsFrontArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        account = settings.model_copy(update={"account": args.cloud.account, "region": HOME})
        scope = Scope.of(pulumi.get_stack(), account)
        own = provided(name, scope)
        super().__init__("modelfleet:aws:Front", name, None, pulumi.ResourceOptions.merge(opts, own))
        self._args, self._scope, self._settings = args, scope, settings
        self._own = pulumi.ResourceOptions(parent=self)
        self._domain = args.front.domain
        firewall = make_firewall(
            FirewallArgs(scope.name("front"), args.front.requests_per_5_minutes, args.front.blocked_countries),
            self._own,
        )
        self._log(firewall)
        origins = self._make_origins()
        distribution = self._make_distribution(firewall, self._make_certificate(), origins)
        self.host = distribution.domain_name
        self.register_outputs({"host": self.host})

    def _log(self, firewall: aws.wafv2.WebAcl) -> None:
        scope, settings = self._scope, self._settings
        key = make_key(
            "front-logs",
            KeyArgs(
                scope=scope,
                alias=scope.name("front-logs"),
                description="logs of the front",
                services=(),
                rotation_days=settings.encryption.rotation_days,
                deletion_window_days=settings.encryption.deletion_window_days,
                statements=[logs_statement(scope)],
                region=HOME,
            ),
            self,
        )
        logs = aws.cloudwatch.LogGroup(
            "firewall",
            name=f"aws-waf-logs-{scope.name()}",  # the prefix is AWS's condition
            kms_key_id=key.arn,
            retention_in_days=settings.log_retention_days,
            region=HOME,
            opts=self._own,
        )
        redacted = aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
            single_header=aws.wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name="authorization")
        )
        aws.wafv2.WebAclLoggingConfiguration(
            "firewall",
            resource_arn=firewall.arn,
            log_destination_configs=[logs.arn],
            redacted_fields=[redacted],
            region=HOME,
            opts=self._own,
        )

    def _make_certificate(self) -> pulumi.Output[str]:
        """A certificate for the domain and names below it, and the record by which ACM renews it for ever."""
        return _validated(
            "front", self._domain, HOME, self._args.zone_id, self._own, record=True, others=[f"*.{self._domain}"]
        )

    def _make_origins(self) -> list[pulumi.Resource]:
        """Each region's load balancer under one name, with a certificate for it."""
        host, made = f"{_ORIGIN}.{self._domain}", []
        for index, origin in enumerate(self._args.origins):
            # ACM asks for the same record in every Region of an account: the first one's writes it for all.
            certificate = _validated(
                f"origin-{origin.region}", host, origin.region, self._args.zone_id, self._own, record=index == 0
            )
            made += [
                aws.lb.ListenerCertificate(
                    f"origin-{origin.region}",
                    listener_arn=origin.listener_arn,
                    certificate_arn=certificate,
                    region=origin.region,
                    opts=self._own,
                ),
                aws.route53.Record(
                    f"origin-{origin.region}",
                    zone_id=self._args.zone_id,
                    name=host,
                    type="A",
                    set_identifier=origin.region,
                    latency_routing_policies=[aws.route53.RecordLatencyRoutingPolicyArgs(region=origin.region)],
                    aliases=[
                        aws.route53.RecordAliasArgs(
                            name=origin.dns_name, zone_id=origin.zone_id, evaluate_target_health=True
                        )
                    ],
                    opts=self._own,
                ),
            ]
        return made

    def _make_distribution(
        self, firewall: aws.wafv2.WebAcl, certificate: pulumi.Output[str], origins: list[pulumi.Resource]
    ) -> aws.cloudfront.Distribution:
        origin = aws.cloudfront.DistributionOriginArgs(
            origin_id=_ORIGIN,
            domain_name=f"{_ORIGIN}.{self._domain}",
            connection_attempts=3,
            connection_timeout=10,
            custom_origin_config=aws.cloudfront.DistributionOriginCustomOriginConfigArgs(
                http_port=80,
                https_port=443,
                origin_protocol_policy="https-only",
                origin_ssl_protocols=["TLSv1.2"],
                origin_read_timeout=_READ_S,
                origin_keepalive_timeout=_KEEP_ALIVE_S,
            ),
        )
        return aws.cloudfront.Distribution(
            "front",
            enabled=True,
            comment=self._scope.name("front"),
            aliases=[self._domain, *self._args.front.names_of(self._args.cloud)],
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_All",
            web_acl_id=firewall.arn,
            origins=[origin],
            default_cache_behavior=aws.cloudfront.DistributionDefaultCacheBehaviorArgs(
                target_origin_id=_ORIGIN,
                viewer_protocol_policy="https-only",  # a key sent in the clear is lost already: don't redirect it
                allowed_methods=_METHODS,
                cached_methods=["GET", "HEAD"],
                compress=False,
                cache_policy_id=_CACHING_DISABLED,
                origin_request_policy_id=_ALL_VIEWER_EXCEPT_HOST,
                response_headers_policy_id=_SECURITY_HEADERS,
            ),
            restrictions=aws.cloudfront.DistributionRestrictionsArgs(
                geo_restriction=aws.cloudfront.DistributionRestrictionsGeoRestrictionArgs(restriction_type="none")
            ),
            viewer_certificate=aws.cloudfront.DistributionViewerCertificateArgs(
                acm_certificate_arn=certificate, minimum_protocol_version=_TLS, ssl_support_method="sni-only"
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=origins),
        )


def provided(name: str, scope: Scope) -> pulumi.ResourceOptions:
    """Options of a component whose children live in the scope's account."""
    provider = aws.Provider(f"aws-{name}", region=scope.region, allowed_account_ids=[scope.account])
    return pulumi.ResourceOptions(provider=provider, transformations=[scope.tagging])


def _validated(
    name: str,
    host: str,
    region: str,
    zone_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    *,
    record: bool,
    others: Sequence[str] = (),
) -> pulumi.Output[str]:
    """ARN of a public certificate, once its Region has seen that the zone is ours."""
    certificate = aws.acm.Certificate(
        name,
        domain_name=host,
        subject_alternative_names=list(others) or None,  # of a wildcard, the record is the same as of the name itself
        validation_method="DNS",
        region=region,
        opts=opts,
    )
    if record:
        wanted = certificate.domain_validation_options.apply(lambda options: options[0])
        aws.route53.Record(
            f"{name}-validation",
            zone_id=zone_id,
            name=wanted.apply(lambda option: option.resource_record_name or ""),
            type=wanted.apply(lambda option: option.resource_record_type or "CNAME"),
            records=[wanted.apply(lambda option: option.resource_record_value or "")],
            ttl=300,
            opts=opts,
        )
    return aws.acm.CertificateValidation(
        name, certificate_arn=certificate.arn, region=region, opts=opts
    ).certificate_arn
