"""The public entries: a WAF before each, and values that fit long streams of source code."""

from collections.abc import Iterator, Mapping
from typing import Final

from infra.policy.inputs import Inputs
from infra.policy.requirement import absent, at_least, given, none_of, one_of, table
from infra.policy.rule import Member, Rule, Severity, Stack, Subject
from infra.policy.rules.public_access import opens_to_everybody

# A WAF on every public entry.


def _load_balancer(subject: Subject) -> Iterator[str]:
    balancer = subject.inputs
    if balancer.value("internal") is True or balancer.text("loadBalancerType") in {"", "application"}:
        return  # an application load balancer is judged with its WAF, below
    if not balancer.given("securityGroups"):
        yield "it faces the internet, takes no WAF and has no security group that admits the front only"


def _application_load_balancer(balancer: Member, stack: Stack) -> Iterator[str]:
    public = balancer.outputs.value("internal") is not True
    application = balancer.outputs.text("loadBalancerType") in {"", "application"}
    associated = any(
        association.refers_to(balancer.urn) for association in stack.of("aws:wafv2/webAclAssociation:WebAclAssociation")
    )
    if public and application and not associated:
        yield "it faces the internet and no WebAclAssociation names it"


def _front_door(endpoint: Member, stack: Stack) -> Iterator[str]:
    if not any(policy.refers_to(endpoint.urn) for policy in stack.of("azure-native:cdn:SecurityPolicy")):
        yield "no SecurityPolicy with a WAF names it"


def _backend(subject: Subject) -> Iterator[str]:
    backend = subject.inputs
    if not backend.text("loadBalancingScheme").startswith("INTERNAL") and not backend.given("securityPolicy"):
        yield "it is reached from the internet and securityPolicy is not set"


_INTERNAL_ANNOTATIONS: Final[Mapping[str, str]] = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "networking.gke.io/load-balancer-type": "internal",
}
_ADMITS_FRONT: Final = (
    "service.beta.kubernetes.io/aws-load-balancer-security-groups",
    "service.beta.kubernetes.io/aws-load-balancer-security-group-prefix-lists",
)


def _service(subject: Subject) -> Iterator[str]:
    service = subject.inputs
    if subject.setting.cloud in {"", "local"} or service.text("spec.type") != "LoadBalancer":
        return
    annotations = next(service.blocks("metadata.annotations"), Inputs({}))
    internal = any(
        str(value).lower() == wanted
        for key, wanted in _INTERNAL_ANNOTATIONS.items()
        for value in annotations.property(key)
    )
    admits_front = any(True for key in _ADMITS_FRONT for _ in annotations.property(key))
    ranges = list(service.known("spec.loadBalancerSourceRanges[]"))
    if not (internal or admits_front or (ranges and not opens_to_everybody(ranges))):
        yield "its load balancer faces the internet: make it internal, or let it admit the front only"


WAF = Rule(
    id="waf-on-public-entry",
    severity=Severity.CRITICAL,
    demand="Whatever the internet reaches has a web application firewall that blocks; origins admit the front only.",
    why="An entry without a WAF is a way around all its rules.",
    remedy="Associate the WAF, or make the load balancer internal.",
    checks={
        **table(
            {
                "aws:cloudfront/distribution:Distribution": (given("webAclId", "a web ACL"),),
                "azure-native:network:ApplicationGateway": (given("firewallPolicy.id", "a WAF policy"),),
                "azure-native:frontdoor:Policy": (
                    one_of("policySettings.enabledState", "Enabled"),
                    one_of("policySettings.mode", "Prevention"),
                ),
                "gcp:compute/backendBucket:BackendBucket": (given("edgeSecurityPolicy", "a security policy"),),
            }
        ),
        "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
        "gcp:compute/backendService:BackendService": _backend,
        "kubernetes:core/v1:Service": _service,
    },
    member_checks={
        "aws:lb/loadBalancer:LoadBalancer": _application_load_balancer,
        "azure-native:cdn:AFDEndpoint": _front_door,
        "azure-native:cdn:AFDCustomDomain": _front_door,
    },
    sources=(
        "https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html",
        "https://learn.microsoft.com/azure/web-application-firewall/afds/afds-overview",
        "https://cloud.google.com/armor/docs/cloud-armor-overview",
    ),
)


# Streams.

_STREAM_S: Final = 3600
"""Seconds that an answer may stream."""
_CACHING_DISABLED: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""AWS's managed cache policy of that name
(docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html)."""
_CLOUDFRONT_MOST_S: Final = 120
"""Most that CloudFront waits between two pieces of an answer; the gateway's comment every 10 s keeps it content
(docs.aws.amazon.com/cloudfront/latest/APIReference/API_VpcOriginConfig.html)."""
_FRONT_DOOR_MOST_S: Final = 240
"""learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits."""
_API_PATHS: Final = ("/v1/*", "/v1*", "v1/*", "/v1/**")


def _distribution(subject: Subject) -> Iterator[str]:
    distribution = subject.inputs
    ordered = [
        behavior
        for behavior in distribution.blocks("orderedCacheBehaviors[]")
        if behavior.text("pathPattern") in _API_PATHS
    ]
    for behavior in ordered or distribution.blocks("defaultCacheBehavior"):
        yield from _cache_behavior(behavior)
    for origin in distribution.blocks("origins[]"):
        for config in (*origin.blocks("customOriginConfig"), *origin.blocks("vpcOriginConfig")):
            for path in ("originReadTimeout", "originKeepaliveTimeout"):
                yield from at_least(path, _CLOUDFRONT_MOST_S).problems(config)
        completion = origin.value("responseCompletionTimeout")
        if completion is not None and 0 < float(completion) < _STREAM_S:
            yield f"{origin.path}.responseCompletionTimeout is {completion:g}; it must be at least {_STREAM_S}"


def _cache_behavior(behavior: Inputs) -> Iterator[str]:
    if behavior.value("compress") is True:
        yield f"{behavior.path}.compress holds streamed pieces back"
    policy = behavior.text("cachePolicyId")
    legacy_ttl = behavior.given("forwardedValues") and not behavior.value("maxTtl")
    if policy != _CACHING_DISABLED and not (legacy_ttl and not policy):
        yield f"{behavior.path}.cachePolicyId must be CachingDisabled ({_CACHING_DISABLED})"
    if "POST" not in map(str, behavior.known("allowedMethods")):
        yield f"{behavior.path}.allowedMethods lacks POST"


def _streaming_backend(subject: Subject) -> Iterator[str]:
    backend = subject.inputs
    if backend.text("loadBalancingScheme").startswith("INTERNAL"):
        return
    yield from at_least("timeoutSec", _STREAM_S).problems(backend)
    yield from none_of("compressionMode", "AUTOMATIC").problems(backend)
    cache_mode = backend.text("cdnPolicy.cacheMode")
    if backend.value("enableCdn") is True and cache_mode != "USE_ORIGIN_HEADERS":
        yield "cdnPolicy.cacheMode must be USE_ORIGIN_HEADERS: the gateway says what may be cached, and /v1 may not"


def _listener(subject: Subject) -> Iterator[str]:
    if subject.inputs.text("protocol").upper() == "TCP":
        yield from at_least("tcpIdleTimeoutSeconds", _STREAM_S).problems(subject.inputs)


def _idle_timeout(subject: Subject) -> Iterator[str]:
    if subject.inputs.text("loadBalancerType") in {"", "application"}:
        yield from at_least("idleTimeout", _STREAM_S).problems(subject.inputs)


FRONT_STREAMS = Rule(
    id="front-fits-streams",
    severity=Severity.HIGH,
    demand=(
        "Answers under /v1 are neither cached nor compressed on the way, and no timeout ends a stream before "
        f"{_STREAM_S} s or, where a cloud allows less between two pieces, before its maximum."
    ),
    why="An answer of a large model streams for minutes; a cache shows it to somebody else, a short timeout cuts it.",
    remedy="Use the values that `infra/front` sets.",
    checks={
        **table(
            {
                "azure-native:cdn:Profile": (at_least("originResponseTimeoutSeconds", _FRONT_DOOR_MOST_S),),
                "azure-native:cdn:Route": (absent("cacheConfiguration", "it caches and compresses answers"),),
            }
        ),
        "aws:cloudfront/distribution:Distribution": _distribution,
        "aws:lb/listener:Listener": _listener,
        "aws:lb/loadBalancer:LoadBalancer": _idle_timeout,
        "gcp:compute/backendService:BackendService": _streaming_backend,
    },
    sources=(
        "https://cloud.google.com/load-balancing/docs/https/setting-up-https-timeouts",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html",
        "https://learn.microsoft.com/azure/frontdoor/front-door-caching",
    ),
)

RULES = (WAF, FRONT_STREAMS)
