"""What an AWS account has once; recorded without an engine."""

import json
from fnmatch import fnmatchcase
from typing import Any

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
    assert {"NotWhoDeploys", "OtherEnvironments"} <= set(denied)
    other = [made["policy"] for name, made in policies.items() if name != "deploy-production-state"]
    assert "s3:GetObject" not in json.dumps(other)


@pytest.fixture(scope="module")
def state() -> Recorder:
    def program() -> None:
        from infra.state.aws import AwsState  # noqa: PLC0415 - the SDK takes a second to import

        AwsState("state", settings_of("aws-state"))

    return record("aws-state", program)


def _statements(account: Recorder, environment: str) -> list[dict[str, Any]]:
    policies = account.of("aws:iam/rolePolicy:RolePolicy").items()
    return [
        statement
        for name, made in policies
        if name.startswith(f"deploy-{environment}")
        for statement in policy_of(made)
    ]


def _decides(statement: dict[str, Any], action: str, resource: str, context: dict[str, Any]) -> bool:
    """Whether a statement is about a request, by the rules of IAM that these policies use."""
    if not any(fnmatchcase(action, pattern) for pattern in statement["Action"]):
        return False
    if not any(fnmatchcase(resource, pattern) for pattern in statement["Resource"]):
        return False
    for operator, wanted in statement.get("Condition", {}).items():
        for key, value in wanted.items():
            values, held = [value] if isinstance(value, str) else value, context.get(key)
            match operator:
                case "StringEquals":
                    met = held in values
                case "StringNotEquals":
                    met = held not in values
                case "ForAnyValue:StringEquals":
                    met = bool(set(held or ()) & set(values))
                case "Null":
                    met = (held is None) == (value == "true")
                case _:
                    raise AssertionError(operator)
            if not met:
                return False
    return True


def _may(account: Recorder, environment: str, action: str, resource: str, context: dict[str, Any]) -> bool:
    context = {"aws:RequestedRegion": "us-east-1", **context}
    effects = {s["Effect"] for s in _statements(account, environment) if _decides(s, action, resource, context)}
    return effects == {"Allow"}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_deployers_use_the_states_and_change_nothing_of_their_place(
    account: Recorder, state: Recorder, environment: str
) -> None:
    for name, bucket in state.of("aws:s3/bucket:Bucket").items():
        arn = f"arn:aws:s3:::{bucket['bucket']}"
        holds_states = bucket["bucket"].endswith("-state-111122223333")
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
            assert _may(account, environment, action, f"{arn}/.pulumi/stacks/x.json", {}) is holds_states, name
        for action in ("s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutEncryptionConfiguration"):
            assert not _may(account, environment, action, arn, {}), (name, action)
        assert _may(account, environment, "s3:ListBucket", arn, {})
    keys = state.of("aws:kms/key:Key")
    aliases = state.of("aws:kms/alias:Alias")
    assert set(keys) == set(aliases) == {"state", "secrets"}
    for name, key in keys.items():
        context = {f"aws:ResourceTag/{tag}": value for tag, value in key["tags"].items()}
        context["kms:ResourceAliases"] = [aliases[name]["name"]]
        arn = "arn:aws:kms:us-east-1:111122223333:key/1"
        for action in ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"):
            assert _may(account, environment, action, arn, context), (name, action)
        for action in ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:CreateGrant", "kms:UntagResource"):
            assert not _may(account, environment, action, arn, context), (name, action)
        for action in ("kms:UpdateAlias", "kms:DeleteAlias", "kms:CreateAlias"):
            assert not _may(
                account, environment, action, f"arn:aws:kms:us-west-2:111122223333:{aliases[name]['name']}", {}
            )


def test_deployers_still_make_their_regions_buckets_and_keys(account: Recorder) -> None:
    own = {"aws:ResourceTag/environment": "staging", "kms:ResourceAliases": ["alias/modelfleet-one-disks"]}
    kms = "arn:aws:kms:us-east-1:111122223333"
    key = f"{kms}:key/2"
    assert _may(account, "staging", "s3:PutBucketPolicy", "arn:aws:s3:::modelfleet-one-data-111122223333", {})
    assert _may(account, "staging", "kms:ScheduleKeyDeletion", key, own)
    assert _may(account, "staging", "kms:UpdateAlias", f"{kms}:alias/modelfleet-one-disks", {})
    assert not _may(account, "staging", "kms:Decrypt", key, own)
    assert not _may(account, "production", "kms:ScheduleKeyDeletion", key, own), "another environment's"


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
