"""What an AWS account has once; recorded without an engine."""

import json

import pytest

from tests.infra.clouds.aws.recording import Recorder, policy_of, record, settings_of

STACK = "aws-account"


@pytest.fixture(scope="module")
def account() -> Recorder:
    def program() -> None:
        from infra.account.aws import AwsAccount  # noqa: PLC0415 - the SDK takes a second to import

        AwsAccount("account", settings_of(STACK, guard_rails={"configuration_record": True}))

    return record(STACK, program)


def test_each_environment_trusts_its_own_workflows_alone(account: Recorder) -> None:
    roles = account.of("aws:iam/role:Role")
    for environment in ("preview", "staging", "production"):
        workflows, people = policy_of(roles[f"deploy-{environment}"], "assumeRolePolicy")
        subject = workflows["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        assert subject == f"repo:example/modelfleet:environment:{environment}"
        assert people["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_the_preview_role_only_looks(account: Recorder) -> None:
    assert not any("preview" in name for name in account.of("aws:iam/rolePolicy:RolePolicy"))
    attached = account.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {a["policyArn"].rsplit("/", 1)[-1] for name, a in attached.items() if "preview" in name} == {
        "ViewOnlyAccess",
        "SecurityAudit",
    }


def test_deployers_keep_to_their_regions_and_within_iams_limits(account: Recorder) -> None:
    policies = {
        name: made
        for name, made in account.of("aws:iam/rolePolicy:RolePolicy").items()
        if name.startswith("deploy-production")
    }
    assert sum(len("".join(made["policy"].split())) for made in policies.values()) <= 10_240
    for statement in policy_of(policies["deploy-production-regions"]):
        assert statement["Condition"]["StringEquals"]["aws:RequestedRegion"] == ["us-east-1", "us-west-2"]
        assert not any(action.endswith(":*") for action in statement["Action"])
    denied = [s["Sid"] for s in policy_of(policies["deploy-production-limits"]) if s["Effect"] == "Deny"]
    assert denied == ["NotWhoDeploys", "OtherEnvironments"]
    assert "s3:GetObject" not in json.dumps([made["policy"] for made in policies.values()])


def test_what_a_region_has_once_is_there_in_each(account: Recorder) -> None:
    for kind in (
        "aws:ebs/encryptionByDefault:EncryptionByDefault",
        "aws:ebs/defaultKmsKey:DefaultKmsKey",
        "aws:guardduty/detector:Detector",
        "aws:ecr/replicationConfiguration:ReplicationConfiguration",
        "aws:cfg/recorder:Recorder",
    ):
        assert {made["region"] for made in account.of(kind).values()} == {"us-east-1", "us-west-2"}


def test_the_budget_tells_before_it_is_spent(account: Recorder) -> None:
    (budget,) = account.of("aws:budgets/budget:Budget").values()
    assert (budget["limitAmount"], budget["limitUnit"]) == ("250000", "USD")
    assert [step["threshold"] for step in budget["notifications"]] == [50, 80, 100, 100]
