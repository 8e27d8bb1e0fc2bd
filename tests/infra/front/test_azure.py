"""Front Door before two regions; recorded without an engine."""

from typing import Any

import pulumi
import pytest

from infra.clouds.azure.ingress import Origin
from infra.clouds.azure.scope import Scope
from infra.config import Routing
from infra.front.azure import AzureFront, AzureFrontArgs
from infra.front.azure_dns import AzureDns, AzureDnsArgs, AzureFrontTarget
from tests.infra.clouds.azure.recording import Recorder, record, settings_of

STACK = "global"
NAMES = ("api.models.example.com", "globex.models.example.com")


def front_with(**changed: Any) -> Recorder:

    settings = settings_of(STACK)
    assert settings.front is not None
    front = settings.front.model_copy(update=changed)
    (cloud,) = (each for each in front.fronts if each.cloud == "azure")

    def program(options: pulumi.ResourceOptions) -> None:
        origins = {
            stack: Origin(f"/pls/{stack}", location, pulumi.Output.from_input(f"{stack}.origin.internal"))
            for stack, location in (("azure-westeurope", "westeurope"), ("azure-eastus", "eastus"))
        }
        made = AzureFront("front", settings, AzureFrontArgs(front, cloud, NAMES, origins), options)
        placed = settings.model_copy(update={"account": cloud.account, "region": cloud.region})
        scope = Scope.of(STACK, placed)
        dns = AzureDns("dns", AzureDnsArgs(scope, "dns", front.domain, front.ttl_s), options)
        for name, value in made.validations.items():
            dns.text(name, value)
        targets = [
            AzureFrontTarget("azure", made.host, "westeurope", 100),
            AzureFrontTarget("aws", "d1.cloudfront.net", "eastus", 0),
        ]
        dns.direct(NAMES[0], targets, front.routing, *NAMES[1:])

    return record(program, STACK)


@pytest.fixture(scope="module")
def front() -> Recorder:
    return front_with()


def test_streams_are_neither_cached_nor_compressed_nor_cut(front: Recorder) -> None:
    assert front.one("cdn:Profile")["originResponseTimeoutSeconds"] == 240
    route = front.one("cdn:Route")
    assert "cacheConfiguration" not in route
    assert (route["forwardingProtocol"], route["httpsRedirect"]) == ("HttpsOnly", "Enabled")


def test_the_firewall_stands_before_every_name(front: Recorder) -> None:
    policy = front.one("cdn:SecurityPolicy")["parameters"]
    (association,) = policy["associations"]
    assert {domain["id"].rsplit("/", 1)[-1] for domain in association["domains"]} == {
        "front",
        *(f"domain-{name}" for name in NAMES),
    }
    assert association["patternsToMatch"] == ["/*"]


def test_code_in_bodies_passes_and_the_rest_is_blocked(front: Recorder) -> None:
    firewall = front.one("frontdoor:Policy")
    assert firewall["policySettings"]["mode"] == "Prevention"
    default, bots = firewall["managedRules"]["managedRuleSets"]
    assert default["ruleSetAction"] == "Block"
    assert default["exclusions"] == [
        {"matchVariable": "RequestBodyJsonArgNames", "selectorMatchOperator": "EqualsAny", "selector": "*"}
    ]
    assert bots["ruleSetType"] == "Microsoft_BotManagerRuleSet"
    rules = {rule["name"]: rule for rule in firewall["customRules"]["rules"]}
    assert rules["Rate"]["rateLimitThreshold"] == 2000
    assert rules["Rate"]["rateLimitDurationInMinutes"] == 5
    assert "Countries" not in rules
    assert firewall["policyName"].isalnum()


def test_regions_are_joined_by_private_link_under_their_certificates(front: Recorder) -> None:
    for name, origin in front.of("cdn:AFDOrigin").items():
        stack = name.removeprefix("origin-")
        assert origin["sharedPrivateLinkResource"]["privateLink"]["id"] == f"/pls/{stack}"
        assert origin["hostName"] == origin["originHostHeader"] == f"{stack}.origin.internal"
        assert origin["enforceCertificateNameCheck"] is True
        assert origin["priority"] == 1


def test_failover_keeps_the_stack_file_s_order() -> None:
    front = front_with(routing=Routing.FAILOVER, blocked_countries=("KP",))
    priorities = {name: origin["priority"] for name, origin in front.of("cdn:AFDOrigin").items()}
    assert priorities == {"origin-azure-westeurope": 1, "origin-azure-eastus": 2}
    assert front.one("trafficmanager:Profile")["trafficRoutingMethod"] == "Priority"
    (countries,) = (r for r in front.one("frontdoor:Policy")["customRules"]["rules"] if r["name"] == "Countries")
    assert countries["matchConditions"][0]["matchValue"] == ["KP"]


def test_a_lost_front_drains_by_itself(front: Recorder) -> None:
    profile = front.one("trafficmanager:Profile")
    assert profile["trafficRoutingMethod"] == "Performance"
    assert profile["monitorConfig"]["intervalInSeconds"] == 10
    assert (profile["monitorConfig"]["protocol"], profile["monitorConfig"]["path"]) == ("HTTPS", "/healthz")
    assert [endpoint["weight"] for endpoint in profile["endpoints"]] == [100, 1]  # Traffic Manager knows no zero
    for name, label in zip(NAMES, ("api", "globex"), strict=True):
        clients = front.one("RecordSet", f"clients-{name}")
        assert (clients["relativeRecordSetName"], clients["recordType"]) == (label, "CNAME")


def test_names_are_proved_and_certified(front: Recorder) -> None:
    for name, label in zip(NAMES, ("api", "globex"), strict=True):
        domain = front.one("cdn:AFDCustomDomain", f"domain-{name}")
        assert domain["tlsSettings"] == {"certificateType": "ManagedCertificate", "minimumTlsVersion": "TLS12"}
        proof = front.one("RecordSet", f"text-_dnsauth.{name}")
        assert proof["relativeRecordSetName"] == f"_dnsauth.{label}"
        assert proof["txtRecords"] == [{"value": ["token"]}]
