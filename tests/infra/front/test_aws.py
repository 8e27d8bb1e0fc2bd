"""CloudFront before two regions; recorded without an engine."""

from datetime import date
from typing import Any

import pytest

from tenants import Tenant, TenantState
from tests.infra.clouds.aws.recording import Recorder, record, settings_of

STACK = "global"
TENANTS = (
    Tenant(name="acme", stacks=("aws-us-east-1", "aws-us-west-2"), domain="acme.models.example.com"),
    Tenant(name="elsewhere", stacks=("gcp-europe-west4",), domain="elsewhere.models.example.com"),
    Tenant(
        name="leaving",
        stacks=("aws-us-east-1", "aws-us-west-2"),
        domain="leaving.models.example.com",
        state=TenantState.LEAVING,
        suspended_since=date(2026, 1, 1),
    ),
)


@pytest.fixture(scope="module")
def front() -> Recorder:
    settings = settings_of(STACK)

    def program() -> None:
        from infra.clouds.aws.ingress import Origin  # noqa: PLC0415 - the SDK takes a second to import
        from infra.clouds.aws.scope import Scope  # noqa: PLC0415
        from infra.front.aws import AwsFront, AwsFrontArgs  # noqa: PLC0415
        from infra.front.aws_dns import AwsDns, AwsDnsArgs, FrontTarget  # noqa: PLC0415

        assert settings.front is not None
        front = settings.front.with_names_of(TENANTS)
        scope = Scope.of(STACK, settings.model_copy(update={"region": "us-east-1"}))
        dns = AwsDns("dns", AwsDnsArgs(scope, settings.front.domain, settings.front.ttl_s))
        origins = [
            Origin(region, f"{region}.elb", "Z26R", f"{region}-listener") for region in ("us-east-1", "us-west-2")
        ]
        made = AwsFront("front", settings, AwsFrontArgs(front, front.fronts[0], dns.zone_id, origins))
        targets = [
            FrontTarget("aws", made.host, "us-east-1", 100),
            FrontTarget("azure", "m.azurefd.net", "eu-west-1", 50),
        ]
        dns.direct(front.clients, targets, front.routing)
        for tenant, name in front.served_by(front.fronts[0]):
            dns.direct(name, targets[:1], front.routing, tenant=tenant.name)

    return record(STACK, program)


def test_streams_are_neither_cached_nor_compressed_nor_cut(front: Recorder) -> None:
    (distribution,) = front.of("aws:cloudfront/distribution:Distribution").values()
    behavior = distribution["defaultCacheBehavior"]
    assert behavior["compress"] is False
    assert behavior["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert "POST" in behavior["allowedMethods"]
    (origin,) = distribution["origins"]
    config = origin["customOriginConfig"]
    assert (config["originReadTimeout"], config["originKeepaliveTimeout"]) == (120, 120)
    assert config["originProtocolPolicy"] == "https-only"
    assert distribution["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.2_2021"


def test_the_firewall_counts_bodies_and_blocks_the_rest(front: Recorder) -> None:
    (acl,) = front.of("aws:wafv2/webAcl:WebAcl").values()
    assert (acl["scope"], acl["region"]) == ("CLOUDFRONT", "us-east-1")
    rules: dict[str, dict[str, Any]] = {rule["name"]: rule for rule in acl["rules"]}
    assert [rule["priority"] for rule in acl["rules"]] == list(range(len(rules)))
    assert "block" in rules["rate"]["action"]
    for name, rule in rules.items():
        group = rule["statement"].get("managedRuleGroupStatement")
        if group is None:
            continue
        assert "none" in rule["overrideAction"], name
        counted = {override["name"] for override in group.get("ruleActionOverrides", [])}
        assert all("BODY" in each for each in counted), "headers and URIs block"
    sql = rules["AWSManagedRulesSQLiRuleSet"]["statement"]["managedRuleGroupStatement"]
    assert {each["name"] for each in sql["ruleActionOverrides"]} == {"SQLi_BODY", "SQLiExtendedPatterns_BODY"}


def test_a_lost_region_leaves_by_itself(front: Recorder) -> None:
    records = front.of("aws:route53/record:Record")
    for region in ("us-east-1", "us-west-2"):
        record_of = records[f"origin-{region}"]
        assert record_of["latencyRoutingPolicies"] == [{"region": region}]
        assert record_of["aliases"][0]["evaluateTargetHealth"] is True
    listeners = front.of("aws:lb/listenerCertificate:ListenerCertificate")
    assert {made["region"] for made in listeners.values()} == {"us-east-1", "us-west-2"}
    validations = [name for name in records if name.endswith("-validation")]
    assert sorted(validations) == ["front-validation", "origin-us-east-1-validation"], "one account, one record"


def test_a_tenant_s_own_name_leads_to_the_fronts_that_host_it(front: Recorder) -> None:
    (distribution,) = front.of("aws:cloudfront/distribution:Distribution").values()
    assert distribution["aliases"] == ["models.example.com", "api.models.example.com", "acme.models.example.com"]
    certificate = front.of("aws:acm/certificate:Certificate")["front"]
    assert certificate["subjectAlternativeNames"] == ["*.models.example.com"], "every name right below the domain"
    records = front.of("aws:route53/record:Record")
    theirs = {name: record for name, record in records.items() if name.startswith("tenant-")}
    assert set(theirs) == {"tenant-acme-aws"}
    assert theirs["tenant-acme-aws"]["name"] == "acme.models.example.com"
    assert theirs["tenant-acme-aws"]["healthCheckId"] == records["aws"]["healthCheckId"], "one check for all names"


def test_a_lost_cloud_leaves_by_itself(front: Recorder) -> None:
    records = front.of("aws:route53/record:Record")
    assert records["azure"]["records"] == ["m.azurefd.net"]
    assert records["aws"]["records"] == ["d1.cloudfront.net"]
    assert all(records[name]["healthCheckId"] for name in ("aws", "azure"))
    for check in front.of("aws:route53/healthCheck:HealthCheck").values():
        assert (check["type"], check["resourcePath"]) == ("HTTPS", "/healthz"), "a front without a region is no front"
    assert records["aws"]["name"] == "api.models.example.com"
