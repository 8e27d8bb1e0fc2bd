"""The region's customer-managed keys: one per purpose, so that each can be rotated, audited and revoked alone.

Key policies name what may be done through which service; administration and use are separate statements, and none
uses a wildcard action. Access of a workload still needs its own IAM policy, as the account is the principal here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.policy_document import Statement, document
from infra.clouds.aws.scope import Scope
from infra.clouds.region import KeyPurpose
from infra.marks import marks

_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")
"""What using a key means."""
_USE_BY_SERVICES = (*USE, "kms:GenerateDataKeyWithoutPlaintext")

_SERVICES: Mapping[KeyPurpose, Sequence[str]] = {
    KeyPurpose.CLUSTER: ("eks", "ecr", "secretsmanager"),
    KeyPurpose.DISKS: ("ec2",),
    KeyPurpose.STORAGE: ("s3", "fsx"),
    KeyPurpose.DATABASE: ("rds", "elasticache", "secretsmanager"),
    KeyPurpose.LOGS: (),
}
"""Services through which (kms:ViaService) this account may use a key
(docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html)."""

_DESCRIPTIONS: Mapping[KeyPurpose, str] = {
    KeyPurpose.CLUSTER: "Kubernetes secrets and images",
    KeyPurpose.DISKS: "EBS volumes",
    KeyPurpose.STORAGE: "buckets",
    KeyPurpose.DATABASE: "databases, caches and their secrets",
    KeyPurpose.LOGS: "logs",
}


@dataclass(frozen=True)
class KeyArgs:
    """What one key is made from.

    Attributes:
        scope: The stack's place.
        alias: Its name after `alias/`.
        description: What it encrypts.
        services: Services through which the account may use it.
        rotation_days: Days between new versions (90 to 2560).
        deletion_window_days: Days in which a deletion can be cancelled.
        multi_region: Whether it can be replicated.
        statements: Further statements of its policy.
        region: Where it is, if not where the stack is.
        guarded: Whether it is to be kept.
        tenant: Whose it is alone; None where all share it.
    """

    scope: Scope
    alias: str
    description: str
    services: Sequence[str]
    rotation_days: int
    deletion_window_days: int
    multi_region: bool = False
    statements: Sequence[Statement] = ()
    region: str | None = None
    guarded: bool = True
    tenant: str | None = None


def make_key(name: str, args: KeyArgs, parent: pulumi.Resource) -> aws.kms.Key:
    """A rotated, protected key and its alias; a plain function, so that many keys cost no component each."""
    key = aws.kms.Key(
        name,
        description=f"{args.scope.name()}: {args.description}",
        enable_key_rotation=True,
        rotation_period_in_days=args.rotation_days,
        deletion_window_in_days=args.deletion_window_days,
        multi_region=args.multi_region,
        policy=key_policy(args.scope, args.services, args.statements, region=args.region),
        region=args.region,
        tags=marks(guarded=args.guarded, tenant=args.tenant),
        opts=args.scope.data(parent, guarded=args.guarded),
    )
    aws.kms.Alias(
        name,
        name=f"alias/{args.alias}",
        target_key_id=key.key_id,
        region=args.region,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return key


def key_policy(
    scope: Scope, services: Sequence[str], further: Sequence[Statement] = (), *, region: str | None = None
) -> pulumi.Output[str]:
    """Who may administer a key, and through which services the account may use it."""
    account = {"AWS": scope.iam_arn("root")}
    statements = [Statement("Administration", _ADMINISTRATION, principals=account)]
    if services:
        via = [f"{service}.{region or scope.region}.amazonaws.com" for service in services]
        through = {"kms:CallerAccount": scope.account, "kms:ViaService": via}
        statements += [
            Statement("UseThroughServices", _USE_BY_SERVICES, principals=account, conditions={"StringEquals": through}),
            Statement(
                "GrantsOfServices",
                ["kms:CreateGrant"],
                principals=account,
                conditions={"StringEquals": through, "Bool": {"kms:GrantIsForAWSResource": "true"}},
            ),
        ]
    return document(*statements, *further)


@dataclass(frozen=True)
class KeysArgs:
    """What the region's keys are made from.

    Attributes:
        scope: The stack's place.
        rotation_days: Days between new versions.
        deletion_window_days: Days in which a deletion can be cancelled.
        multi_region: Whether storage and database keys can be replicated.
        replica_region: Where the storage key is replicated to; None for nowhere.
    """

    scope: Scope
    rotation_days: int
    deletion_window_days: int
    multi_region: bool = False
    replica_region: str | None = None


class Keys(pulumi.ComponentResource):
    """A key per purpose.

    Attributes:
        arns: Of each key.
        replica_arn: The storage key's replica in the replica region, if there is one.
    """

    arns: Mapping[KeyPurpose, pulumi.Output[str]]
    replica_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Keys", name, None, opts)
        scope = args.scope
        keys = {
            purpose: make_key(
                purpose.value,
                KeyArgs(
                    scope=scope,
                    alias=scope.name(purpose.value),
                    description=_DESCRIPTIONS[purpose],
                    services=_SERVICES[purpose],
                    rotation_days=args.rotation_days,
                    deletion_window_days=args.deletion_window_days,
                    multi_region=_replicated(purpose, args),
                    statements=_further(purpose, scope),
                ),
                self,
            )
            for purpose in KeyPurpose
        }
        self.arns = {purpose: key.arn for purpose, key in keys.items()}
        self.replica_arn = None
        if args.replica_region is not None:
            replica = aws.kms.ReplicaKey(
                "storage-replica",
                primary_key_arn=keys[KeyPurpose.STORAGE].arn,
                description=f"{scope.name()}: buckets' copies",
                deletion_window_in_days=args.deletion_window_days,
                policy=key_policy(scope, _SERVICES[KeyPurpose.STORAGE], region=args.replica_region),
                region=args.replica_region,
                opts=scope.data(self),
            )
            self.replica_arn = replica.arn
        self.register_outputs({"arns": {purpose.value: arn for purpose, arn in self.arns.items()}})


def _replicated(purpose: KeyPurpose, args: KeysArgs) -> bool:
    if purpose is KeyPurpose.STORAGE and args.replica_region is not None:
        return True
    return args.multi_region and purpose in {KeyPurpose.STORAGE, KeyPurpose.DATABASE}


def _further(purpose: KeyPurpose, scope: Scope) -> list[Statement]:
    if purpose is KeyPurpose.LOGS:
        return [logs_statement(scope)]
    return autoscaling_statements(scope) if purpose is KeyPurpose.DISKS else []


def autoscaling_statements(scope: Scope) -> list[Statement]:
    """Auto Scaling's use of a key of disks, as its service-linked role, which the account stack makes."""
    # docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    autoscaling = {"AWS": scope.iam_arn("role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")}
    return [
        Statement("AutoScaling", _USE_BY_SERVICES, principals=autoscaling),
        Statement(
            "AutoScalingGrants",
            ["kms:CreateGrant"],
            principals=autoscaling,
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def logs_statement(scope: Scope) -> Statement:
    """CloudWatch Logs' use of a key, for this account's log groups alone."""
    # docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    return Statement(
        "Logs",
        _USE_BY_SERVICES,
        principals={"Service": f"logs.{scope.region}.amazonaws.com"},
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": scope.arn("logs", "log-group:*")}},
    )
