"""Google Cloud's front: what it lets through, how long it waits, and whom it believes."""

import pytest

from infra.clouds.gcp.ingress import ORIGIN_NAME, Origin
from infra.config import StackSettings
from infra.front.gcp import GcpFront, GcpFrontArgs
from tenants import Tenant
from tests.infra.clouds.gcp.recording import PROJECT, Recorder, record, settings

STACK = StackSettings.model_validate(
    {
        "cloud": "gcp",
        "kind": "global",
        "account": PROJECT,
        "front": {
            "domain": "models.example.com",
            "fronts": [
                {"cloud": "gcp", "account": PROJECT, "region": "europe-west4", "stacks": ["gcp-europe-west4"]},
            ],
        },
    }
)


def front_with(**changes: object) -> Recorder:
    assert STACK.front is not None
    origin = Origin.of("gcp-europe-west4", settings(), "CERTIFICATE")
    args = GcpFrontArgs(STACK.front.model_copy(update=changes), STACK.front.fronts[0], [origin])
    return record(lambda: GcpFront("front-gcp", STACK, args), stack="global")


@pytest.fixture(scope="module")
def front() -> Recorder:
    return front_with()


def test_streams_have_an_hour_and_are_neither_cached_nor_compressed(front: Recorder) -> None:
    api = front.one("BackendService", "api")
    assert api["timeoutSec"] >= 3600
    assert api["compressionMode"] == "DISABLED"
    assert api["enableCdn"] is False
    (rule,) = front.one("URLMap", "routes")["pathMatchers"][0]["routeRules"]
    assert rule["matchRules"] == [{"prefixMatch": "/v1/"}]
    assert rule["service"] == "api-id"
    assert int(rule["routeAction"]["timeout"]["seconds"]) >= 3600
    assert front.one("TargetHttpsProxy", "https")["httpKeepAliveTimeoutSec"] == 1200


def test_failover_covers_posts(front: Recorder) -> None:
    (rule,) = front.one("URLMap", "routes")["pathMatchers"][0]["routeRules"]
    retry = rule["routeAction"]["retryPolicy"]
    assert retry["numRetries"] >= 1
    assert {"connect-failure", "refused-stream"} <= set(retry["retryConditions"])


def test_what_may_be_cached_is_the_gateways_to_say(front: Recorder) -> None:
    site = front.one("BackendService", "site")
    assert site["enableCdn"] is True
    assert site["cdnPolicy"]["cacheMode"] == "USE_ORIGIN_HEADERS"
    assert site["cdnPolicy"]["bypassCacheOnRequestHeaders"] == [{"headerName": "Authorization"}]
    assert front.one("URLMap", "routes")["defaultService"] == "site-id"


def test_origins_are_every_zones_gateways_over_tls_that_is_checked(front: Recorder) -> None:
    for backend in front.of("BackendService").values():
        assert backend["protocol"] == "HTTPS"
        assert len(backend["backends"]) == 3
        assert backend["tlsSettings"]["sni"] == ORIGIN_NAME
        assert backend["securityPolicy"] == "firewall-id"
    (trust,) = front.of("TrustConfig").values()
    assert trust["trustStores"] == [{"trustAnchors": [{"pemCertificate": "CERTIFICATE"}]}]
    (authentication,) = front.of("BackendAuthenticationConfig").values()
    assert authentication["wellKnownRoots"] == "NONE"


def test_bodies_under_v1_are_counted_and_everything_else_is_refused(front: Recorder) -> None:
    rules = front.one("SecurityPolicy", "firewall")["rules"]
    looking = [
        rule for rule in rules if "evaluatePreconfiguredWaf" in rule["match"].get("expr", {}).get("expression", "")
    ]
    assert len(looking) == 10
    for rule in looking:
        outside = rule["match"]["expr"]["expression"].startswith("!request.path.startsWith('/v1/')")
        assert rule["preview"] is not outside
        assert rule["action"] == "deny(403)"


def test_requests_are_limited_after_every_refusal(front: Recorder) -> None:
    rules = sorted(front.one("SecurityPolicy", "firewall")["rules"], key=lambda rule: rule["priority"])
    assert len({rule["priority"] for rule in rules}) == len(rules)
    *refusals, throttle, last = rules
    assert all(rule["action"].startswith("deny") for rule in refusals)
    assert throttle["action"] == "throttle"
    assert throttle["rateLimitOptions"]["rateLimitThreshold"] == {"count": 2000, "intervalSec": 300}
    assert (last["action"], last["priority"]) == ("allow", 2_147_483_647)


def test_blocked_countries_come_first() -> None:
    rules = front_with(blocked_countries=("XX", "YY")).one("SecurityPolicy", "firewall")["rules"]
    first = min(rules, key=lambda rule: rule["priority"])
    assert first["match"]["expr"]["expression"] == "origin.region_code.matches('XX|YY')"


def test_plain_http_only_redirects(front: Recorder) -> None:
    assert front.one("TargetHttpProxy", "http")["urlMap"] == "redirect-id"
    assert front.one("URLMap", "redirect")["defaultUrlRedirect"]["httpsRedirect"] is True
    assert front.one("SSLPolicy", "tls")["minTlsVersion"] == "TLS_1_2"
    ports = {name: rule["portRange"] for name, rule in front.of("GlobalForwardingRule").items()}
    assert ports == {"https-ipv4": "443", "https-ipv6": "443", "http-ipv4": "80", "http-ipv6": "80"}


def test_certificates_are_proved_by_dns_for_the_clients_name_and_the_fronts_own(front: Recorder) -> None:
    names = {each["domain"] for each in front.of("DnsAuthorization").values()}
    assert STACK.front is not None
    assert names == {"api.models.example.com", "gcp.models.example.com"}
    zone = front.one("ManagedZone", "zone")
    assert zone["dnsName"] == "gcp.models.example.com."
    assert zone["dnssecConfig"]["state"] == "on"
    assert {record["type"] for record in front.of("RecordSet").values()} == {"A", "AAAA", "CNAME"}


def test_a_tenant_s_own_name_has_a_certificate() -> None:
    tenant = Tenant(name="globex", stacks=("gcp-europe-west4", "azure-westeurope"), domain="gx.models.example.com")
    made = front_with(tenants=(tenant,))
    certificates = {
        name: one["managed"]["domains"]
        for name, one in made.of("gcp:certificatemanager/certificate:Certificate").items()
    }
    assert certificates == {
        "clients": ["api.models.example.com"],
        "name-gx": ["gx.models.example.com"],
        "host": ["gcp.models.example.com"],
    }
    assert made.one("CertificateMapEntry", "name-gx")["hostname"] == "gx.models.example.com"
