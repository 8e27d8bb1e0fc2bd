"""What an AWS account has once; recorded without an engine."""

import json
from collections import Counter
from fnmatch import fnmatchcase
from typing import Any

import pytest

from rehearsal.aws.limits import LIMITS
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
        workflows, people, *_ = policy_of(roles[f"deploy-{environment}"], "assumeRolePolicy")
        subject = workflows["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        assert subject == f"repo:example/modelfleet:environment:{environment}"
        assert people["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_deployer_takes_its_own_role_for_a_cluster_s_token_and_no_other(account: Recorder, environment: str) -> None:
    roles = account.of("aws:iam/role:Role")
    for other in ("preview", "staging", "production"):
        role = roles[f"deploy-{other}"]
        arn = f"arn:aws:iam::111122223333:role/{role['name']}"
        caller = {"aws:PrincipalArn": f"arn:aws:iam::111122223333:role/modelfleet-deploy-{environment}"}
        trusted = any(
            _decides({**statement, "Resource": ["*"]}, "sts:AssumeRole", arn, caller)
            for statement in policy_of(role, "assumeRolePolicy")
        )
        context = {f"aws:ResourceTag/{tag}": value for tag, value in role["tags"].items()}
        allowed = trusted and _may(account, environment, "sts:AssumeRole", arn, context)
        assert allowed is (other == environment), other


def test_a_session_lasts_as_long_as_the_longest_job(account: Recorder) -> None:
    for environment in ("preview", "staging", "production"):
        assert account.of("aws:iam/role:Role")[f"deploy-{environment}"]["maxSessionDuration"] == 6 * 3600


def test_the_preview_role_only_looks(account: Recorder) -> None:
    attached = account.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {a["policyArn"].rsplit("/", 1)[-1] for name, a in attached.items() if "preview" in name} == {
        "ViewOnlyAccess",
        "SecurityAudit",
    }
    written = {action for statement in _statements(account, "preview") for action in statement["Action"]}
    assert written == {"s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject", "kms:Decrypt", "kms:DescribeKey"}


def test_deployers_keep_to_their_regions(account: Recorder) -> None:
    policies = {
        name: made for name, made in account.of("aws:iam/policy:Policy").items() if name.startswith("deploy-production")
    }
    attached = account.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {name for name, made in attached.items() if made["role"] == "modelfleet-deploy-production"} == set(policies)
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
    return [
        statement
        for kind in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
        for name, made in account.of(kind).items()
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
                case "Bool":
                    met = held == value
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


def test_the_preview_role_reads_states_and_the_secrets_in_them_alone(account: Recorder, state: Recorder) -> None:
    files = f"arn:aws:s3:::{state.of('aws:s3/bucket:Bucket')['state']['bucket']}"
    assert _may(account, "preview", "s3:ListBucket", files, {})
    assert _may(account, "preview", "s3:GetObject", f"{files}/.pulumi/stacks/x.json", {})
    assert not _may(account, "preview", "s3:GetObject", "arn:aws:s3:::modelfleet-one-data-111122223333/models/x", {})
    key = "arn:aws:kms:us-east-1:111122223333:key/1"
    for alias in state.of("aws:kms/alias:Alias").values():
        assert _may(account, "preview", "kms:Decrypt", key, {"kms:ResourceAliases": [alias["name"]]})
    assert not _may(account, "preview", "kms:Decrypt", key, {"kms:ResourceAliases": ["alias/modelfleet-one-disks"]})


_ROLE = "arn:aws:iam::111122223333:role/modelfleet-one-gateway"
_BOUNDARY = "arn:aws:iam::111122223333:policy/modelfleet-boundary-"


@pytest.mark.parametrize(
    "action",
    ["CreateRole", "PutRolePolicy", "AttachRolePolicy", "DeleteRolePolicy", "PutRolePermissionsBoundary"],
)
def test_deployers_say_what_a_role_may_do_under_their_boundary_alone(account: Recorder, action: str) -> None:
    within = {"iam:PermissionsBoundary": f"{_BOUNDARY}staging"}
    assert _may(account, "staging", f"iam:{action}", _ROLE, within)
    assert not _may(account, "staging", f"iam:{action}", _ROLE, {})
    assert not _may(account, "staging", f"iam:{action}", _ROLE, {"iam:PermissionsBoundary": f"{_BOUNDARY}production"})
    assert not _may(account, "staging", "iam:DeleteRolePermissionsBoundary", _ROLE, within)
    for other in ("CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicy"):
        assert not _may(account, "staging", f"iam:{other}", f"{_BOUNDARY}staging", {})


@pytest.mark.parametrize("role", ["deploy-staging", "aws-account-configuration"])
def test_deployers_change_no_role_of_the_account(account: Recorder, role: str) -> None:
    within = {"iam:PermissionsBoundary": f"{_BOUNDARY}staging"}
    for action in ("PutRolePolicy", "UpdateAssumeRolePolicy", "DeleteRole"):
        assert not _may(
            account, "staging", f"iam:{action}", f"arn:aws:iam::111122223333:role/modelfleet-{role}", within
        )


def _within(account: Recorder, environment: str, action: str, resource: str, context: dict[str, Any]) -> bool:
    """Whether an environment's boundary leaves a request to the role's own policies."""
    statements = policy_of(account.of("aws:iam/policy:Policy")[f"boundary-{environment}"])
    context = {"aws:RequestedRegion": "us-east-1", **context}
    return {s["Effect"] for s in statements if _decides(s, action, resource, context)} == {"Allow"}


_DOCUMENTS = (
    ("aws:iam/policy:Policy", "policy"),
    ("aws:iam/role:Role", "assumeRolePolicy"),
    ("aws:iam/rolePolicy:RolePolicy", "policy"),
    ("aws:kms/key:Key", "policy"),
    ("aws:s3/bucketPolicy:BucketPolicy", "policy"),
)
_MANY_REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-central-1", "eu-west-1"),
    *("eu-north-1", "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "ap-south-1"),
)
_ATTACHED_TO_A_ROLE = 10
"""By default (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def test_an_account_of_many_regions_keeps_to_the_limits_of_policies(account: Recorder) -> None:
    def program() -> None:
        from infra.account.aws import AwsAccount  # noqa: PLC0415 - the SDK takes a second to import

        AwsAccount("account", settings_of(STACK, regions=_MANY_REGIONS, guard_rails={"configuration_record": True}))

    wide = record(STACK, program)
    for kind, key in _DOCUMENTS:
        rule = LIMITS[kind][key]
        for name, made in (*account.of(kind).items(), *wide.of(kind).items()):
            assert rule.violation(made[key]) is None, f"{kind} {name}"
    roles = [made["role"] for made in wide.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values()]
    assert max(Counter(roles).values()) <= _ATTACHED_TO_A_ROLE


def test_roles_of_each_environment_have_a_boundary(account: Recorder) -> None:
    made = account.of("aws:iam/policy:Policy")
    assert {name for name in made if name.startswith("boundary")} == {"boundary-staging", "boundary-production"}


def test_a_boundary_leaves_out_identities_other_environments_and_states(account: Recorder, state: Recorder) -> None:
    objects = "arn:aws:s3:::modelfleet-one-data-111122223333/models/x"
    key = "arn:aws:kms:us-east-1:111122223333:key/1"
    own = {"aws:ResourceTag/environment": "staging"}
    assert _within(account, "staging", "s3:GetObject", objects, {})
    assert _within(account, "staging", "kms:Decrypt", key, own)
    assert not _within(account, "staging", "kms:Decrypt", key, {"aws:ResourceTag/environment": "production"})
    assert not _within(account, "staging", "s3:GetObject", "arn:aws:s3:::another/x", {})
    assert not _within(account, "staging", "ec2:DescribeInstances", "*", {"aws:RequestedRegion": "ap-south-1"})
    for action in ("iam:CreateRole", "iam:PassRole", "sts:AssumeRole", "ec2:RunInstances", "kms:PutKeyPolicy"):
        assert not _within(account, "staging", action, "*", {}), action
    for bucket in state.of("aws:s3/bucket:Bucket").values():
        assert not _within(account, "staging", "s3:GetObject", f"arn:aws:s3:::{bucket['bucket']}/x", {})
    for alias in state.of("aws:kms/alias:Alias").values():
        assert not _within(account, "staging", "kms:Decrypt", key, {"kms:ResourceAliases": [alias["name"]]})


def test_every_role_of_a_region_is_under_the_boundary_and_within_it(account: Recorder) -> None:
    def program() -> None:
        from infra.clouds.aws.region import AwsRegion  # noqa: PLC0415 - the SDK takes a second to import

        AwsRegion("region", settings_of("aws-us-east-1"))

    region = record("aws-us-east-1", program)
    for role in region.of("aws:iam/role:Role").values():
        assert role["permissionsBoundary"] == f"{_BOUNDARY}production"
    policies = region.of("aws:iam/rolePolicy:RolePolicy")
    assert policies
    for name, made in policies.items():
        for statement in policy_of(made):
            for action in statement["Action"] if statement["Effect"] == "Allow" else ():
                resource = statement["Resource"][0]
                service = action.split(":")[0]  # the recorder's ARNs of these have another form
                resource = {
                    "s3": "arn:aws:s3:::modelfleet-aws-us-east-1-data-111122223333/x",
                    "kms": "arn:aws:kms:us-east-1:111122223333:key/1",
                }.get(service, statement["Resource"][0])
                granted = {"kms:GrantIsForAWSResource": "true"}
                assert _within(account, "production", action, resource, granted), f"{name}: {action} {resource}"


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
