"""Exemptions, settings and unknown values: when a rule holds back, and that it says so."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from documents import SettingsError
from infra.marks import LEAVING
from infra.policy.evaluation import Evaluation
from infra.policy.exemptions import FILE, Exemption, read
from infra.policy.inputs import Inputs
from infra.policy.pack import kind_of
from infra.policy.rule import Setting
from infra.policy.rules import RULES
from tests.infra.policy.programs_of import Resource, compliant, stack, subject

TODAY = date(2026, 6, 1)
AWS = Setting(cloud="aws")
IDS = [rule.id for rule in RULES]
QUEUE = Resource("open", "aws:sqs/queue:Queue", {"tags": {"environment": "x", "owner": "x", "modelfleet-stack": "x"}})


def exemption(**changes: Any) -> Exemption:
    row = {
        "rule": "customer-managed-key",
        "resource": "urn:pulumi:*::open",
        "reason": "until the vendor takes a key",
        "expires": date(2026, 6, 1),
    }
    return Exemption.model_validate(row | changes)


def broken(resource: Resource, *exemptions: Exemption, setting: Setting = AWS) -> set[str]:
    judge = Evaluation(RULES, exemptions, TODAY)
    whole = stack({resource.name: resource}, setting)
    verdicts = [judge.judge(subject(resource, setting)), judge.judge_member(whole.members[0], whole)]
    return {found.rule.id for verdict in verdicts for found in verdict.violations}


def test_an_exemption_holds_for_its_rule_and_resource_to_its_last_day() -> None:
    assert broken(QUEUE) == {"customer-managed-key"}
    assert broken(QUEUE, exemption()) == set()
    assert broken(QUEUE, exemption(expires=date(2026, 5, 31))) == {"customer-managed-key"}
    assert broken(QUEUE, exemption(resource="urn:pulumi:*::other")) == {"customer-managed-key"}
    assert broken(QUEUE, exemption(rule="tags-required")) == {"customer-managed-key"}


def test_what_an_exemption_was_used_for_is_known() -> None:
    used = exemption()
    judge = Evaluation(RULES, (used, exemption(rule="tags-required")), TODAY)
    judge.judge(subject(QUEUE, Setting(cloud="aws")))
    assert judge.used == {used: {QUEUE.urn}}
    assert judge.expired == []


def test_the_repository_needs_no_exemption() -> None:
    assert read(FILE, IDS) == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{rule: tls-1.2, resource: 'urn:pulumi:*'}", "exemptions[0].reason: is missing"),
        ("{rule: none, resource: 'urn:pulumi:*', REASON, expires: 2027-01-01}", "e.yaml:2: exemptions[0].rule: there"),
        ("{rule: tls-1.2, resource: everything, REASON, expires: 2027-01-01}", "exemptions[0].resource"),
        ("{rule: tls-1.2, resource: 'urn:pulumi:*', reason: short, expires: 2027-01-01}", "exemptions[0].reason"),
        ("{rule: tls-1.2, resource: 'urn:pulumi:*', REASON, until: 2027-01-01}", "exemptions[0].until: unknown key"),
    ],
)
def test_a_bad_file_is_told_where_it_is_wrong(tmp_path: Path, row: str, said: str) -> None:
    file = tmp_path / "e.yaml"
    file.write_text("exemptions:\n- " + row.replace("REASON", "reason: the vendor takes no key") + "\n")
    with pytest.raises(SettingsError) as error:
        read(file, IDS)
    assert said in str(error.value)


def test_data_that_is_taken_down_needs_no_protection() -> None:
    bucket = Resource("open", "gcp:kms/keyRing:KeyRing", {"location": "europe-west4"})
    assert broken(bucket) == {"data-protected"}
    assert broken(bucket, setting=Setting(cloud="gcp", delete_data=True)) == set()


def test_a_leaving_tenant_s_data_needs_no_protection() -> None:
    ring = {"location": "europe-west4"}
    assert broken(Resource("open", "gcp:kms/keyRing:KeyRing", {**ring, "labels": {LEAVING: "false"}})) == {
        "data-protected"
    }
    assert broken(Resource("open", "gcp:kms/keyRing:KeyRing", {**ring, "labels": {LEAVING: "true"}})) == set()


def test_a_local_stack_s_load_balancer_is_its_own_machine_s() -> None:
    service = Resource("open", "kubernetes:core/v1:Service", {"spec": {"type": "LoadBalancer"}})
    assert broken(service, setting=Setting(cloud="local")) == set()
    assert broken(service, setting=Setting(cloud="azure")) == {"waf-on-public-entry"}


def test_a_rule_that_a_preview_cannot_judge_says_what_it_waits_for() -> None:
    resource = compliant("aws")["role-policy"]
    properties = {**resource.properties, "policy": UNKNOWN_STRING_VALUE}
    verdict = Evaluation(RULES, (), TODAY).judge(
        subject(resource, Setting(cloud="aws"), inputs=Inputs(unknown_checking_proxy(properties)))
    )
    assert verdict.violations == ()
    assert [str(waiting) for waiting in verdict.unjudged] == ["iam-no-wildcard waits for policy of role-policy"]


def test_a_provider_s_default_tags_count() -> None:
    untagged = Resource("open", "aws:sqs/queue:Queue", {"kmsMasterKeyId": "key"})
    assert broken(untagged) == {"tags-required"}
    judge = Evaluation(RULES, (), TODAY)
    # The engine hands over a provider's structured inputs as JSON.
    defaults = '{"tags": {"environment": "x", "Owner": "x", "modelfleet-stack": "x"}}'
    provider = Inputs({"defaultTags": defaults})
    assert judge.judge(subject(untagged, Setting(cloud="aws"), provider=provider)).violations == ()
    labels = Inputs({"defaultLabels": {"environment": "x", "owner": "x", "modelfleet-stack": "x"}})
    topic = Resource("topic", "gcp:pubsub/topic:Topic", {"kmsKeyName": "key"})
    assert judge.judge(subject(topic, Setting(cloud="gcp"), provider=labels)).violations == ()


def test_versions_of_a_type_are_one_type() -> None:
    assert kind_of("azure-native:storage/v20240101:StorageAccount") == "azure-native:storage:StorageAccount"
    assert kind_of("aws:s3/bucketVersioningV2:BucketVersioningV2") == "aws:s3/bucketVersioning:BucketVersioning"
    assert kind_of("aws:alb/loadBalancer:LoadBalancer") == "aws:lb/loadBalancer:LoadBalancer"
    assert kind_of("kubernetes:apps/v1:Deployment") == "kubernetes:apps/v1:Deployment"
