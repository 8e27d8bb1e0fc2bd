"""What travels is encrypted with TLS 1.2 or newer, inside and outside."""

import re
from collections.abc import Iterator

from infra.policy.iam_document import statements
from infra.policy.requirement import given, is_true, none_of, not_false, one_of, table
from infra.policy.rule import Member, Rule, Severity, Stack, Subject

_MODERN_LISTENER = re.compile(r"ELBSecurityPolicy-(TLS13-1-[23]|TLS-1-2|FS-1-2)[-A-Za-z0-9]*")
"""Policies without TLS 1.0 and 1.1
(docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html)."""
_MODERN_VIEWER = re.compile(r"TLSv1\.[23](_\d{4})?")


def _listener(subject: Subject) -> Iterator[str]:
    listener = subject.inputs
    match listener.text("protocol").upper():
        case "HTTPS" | "TLS":
            if not _MODERN_LISTENER.fullmatch(listener.text("sslPolicy")):
                yield f"sslPolicy is {listener.text('sslPolicy')!r}; it must be a policy without TLS 1.0 and 1.1"
        case "HTTP":
            redirects = [str(value) for value in listener.known("defaultActions.redirect.protocol")]
            if redirects != ["HTTPS"]:
                yield "protocol is HTTP and the default action does not redirect to HTTPS"
        case _:
            return  # TCP passes what the gateway encrypted


def _distribution(subject: Subject) -> Iterator[str]:
    distribution = subject.inputs
    for path in ("defaultCacheBehavior", "orderedCacheBehaviors[]"):
        for behavior in distribution.blocks(path):
            if behavior.text("viewerProtocolPolicy") not in {"https-only", "redirect-to-https"}:
                yield f"{behavior.path}.viewerProtocolPolicy must be https-only or redirect-to-https"
    version = distribution.text("viewerCertificate.minimumProtocolVersion")
    if not _MODERN_VIEWER.fullmatch(version):
        yield f"viewerCertificate.minimumProtocolVersion is {version or 'not set'}; it must be TLSv1.2 or newer"
    for origin in distribution.blocks("origins[].customOriginConfig"):
        if origin.text("originProtocolPolicy") != "https-only":
            yield f"{origin.path}.originProtocolPolicy must be https-only"
        if set(map(str, origin.known("originSslProtocols"))) != {"TLSv1.2"}:
            yield f"{origin.path}.originSslProtocols must be TLSv1.2 only"


def _external_backend(subject: Subject) -> Iterator[str]:
    backend = subject.inputs
    if backend.text("loadBalancingScheme").startswith("INTERNAL"):
        return
    if backend.text("protocol") not in {"HTTPS", "HTTP2"}:
        yield f"protocol is {backend.text('protocol') or 'not set'}; it must be HTTPS or HTTP2"


def _database_parameters(subject: Subject) -> Iterator[str]:
    for parameter in subject.inputs.blocks("parameters[]"):
        if parameter.text("name") == "rds.force_ssl" and parameter.text("value") != "1":
            yield f"{parameter.path} turns rds.force_ssl off"


def _database_setting(subject: Subject) -> Iterator[str]:
    setting, value = subject.inputs.text("configurationName"), subject.inputs.text("value")
    if setting == "require_secure_transport" and value.lower() == "off":
        yield "require_secure_transport is off"
    if setting == "ssl_min_protocol_version" and value not in {"TLSv1.2", "TLSv1.3"}:
        yield "ssl_min_protocol_version must be TLSv1.2 or TLSv1.3"


def _redirects_only(proxy: Member, stack: Stack) -> Iterator[str]:
    maps = [member for member in stack.of("gcp:compute/uRLMap:URLMap") if proxy.refers_to(member.urn)]
    if not any(member.outputs.value("defaultUrlRedirect.httpsRedirect") is True for member in maps):
        yield "a proxy for plain HTTP may only redirect: its URL map must set defaultUrlRedirect.httpsRedirect"


def _refuses_plain_http(bucket: Member, stack: Stack) -> Iterator[str]:
    for policy in stack.of("aws:s3/bucketPolicy:BucketPolicy"):
        if not stack.leads(policy, "bucket", bucket.urn):
            continue
        for statement in statements(policy.outputs, "policy"):
            condition = statement.text("Condition.Bool.aws:SecureTransport")
            if statement.text("Effect") == "Deny" and condition.lower() == "false":
                return
    yield "no bucket policy denies requests with aws:SecureTransport false"


TLS = Rule(
    id="tls-1.2",
    severity=Severity.HIGH,
    demand="Every connection uses TLS 1.2 or newer; plain HTTP only redirects.",
    why="Prompts are source code and keys; old TLS and plain HTTP show them to whoever sits between.",
    remedy="Raise the minimum version, use HTTPS towards origins, and require encryption on data services.",
    checks={
        **table(
            {
                "aws:elasticache/replicationGroup:ReplicationGroup": (
                    is_true("transitEncryptionEnabled"),
                    none_of("transitEncryptionMode", "preferred"),
                ),
                "azure-native:storage:StorageAccount": (
                    one_of("minimumTlsVersion", "TLS1_2", "TLS1_3"),
                    not_false("enableHttpsTrafficOnly"),
                ),
                "azure-native:redisenterprise:RedisEnterprise": (one_of("minimumTlsVersion", "1.2"),),
                "azure-native:redisenterprise:Database": (none_of("clientProtocol", "Plaintext"),),
                "azure-native:cdn:AFDCustomDomain": (one_of("tlsSettings.minimumTlsVersion", "TLS12", "TLS13"),),
                "azure-native:cdn:Route": (
                    one_of("forwardingProtocol", "HttpsOnly"),
                    one_of("httpsRedirect", "Enabled"),
                ),
                "azure-native:cdn:AFDOrigin": (not_false("enforceCertificateNameCheck"),),
                "gcp:compute/sSLPolicy:SSLPolicy": (
                    one_of("minTlsVersion", "TLS_1_2", "TLS_1_3"),
                    one_of("profile", "MODERN", "RESTRICTED", "FIPS_202205"),
                ),
                "gcp:compute/targetHttpsProxy:TargetHttpsProxy": (given("sslPolicy", "an SSL policy"),),
                "gcp:compute/regionTargetHttpsProxy:RegionTargetHttpsProxy": (given("sslPolicy", "an SSL policy"),),
                "gcp:sql/databaseInstance:DatabaseInstance": (
                    one_of("settings.ipConfiguration.sslMode", "ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"),
                ),
                "gcp:memorystore/instance:Instance": (one_of("transitEncryptionMode", "SERVER_AUTHENTICATION"),),
                "gcp:redis/instance:Instance": (one_of("transitEncryptionMode", "SERVER_AUTHENTICATION"),),
                "kubernetes:networking.k8s.io/v1:Ingress": (given("spec.tls", "a certificate"),),
            }
        ),
        "aws:lb/listener:Listener": _listener,
        "aws:cloudfront/distribution:Distribution": _distribution,
        "aws:rds/parameterGroup:ParameterGroup": _database_parameters,
        "azure-native:dbforpostgresql:Configuration": _database_setting,
        "gcp:compute/backendService:BackendService": _external_backend,
    },
    member_checks={
        "aws:s3/bucket:Bucket": _refuses_plain_http,
        "gcp:compute/targetHttpProxy:TargetHttpProxy": _redirects_only,
    },
    sources=(
        "https://www.rfc-editor.org/rfc/rfc8996",
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html",
        "https://cloud.google.com/load-balancing/docs/ssl-policies-concepts",
    ),
)

RULES = (TLS,)
