"""What a deployment role may do: make and change what a region is made of, in its Regions and its environment.

No statement allows a service as a whole, and none reads what is stored, objects, secrets, rows and logs, but the states
of stacks. Those it reads and writes; the bucket that holds them, and its keys, it can't change (docs/clouds/aws.md).
Roles that this stack makes can't be changed by those who deploy, and what they make is made under a boundary
(`aws_boundary.py`), so that nobody gives himself more.
"""

from collections.abc import Mapping, Sequence

from infra.account.aws_boundary import in_regions, other_environments
from infra.account.aws_state_place import StatePlace
from infra.clouds.aws.policy_document import Statement, actions
from infra.clouds.aws.scope import Scope, deployer_role_name

_CHANGE = ("Create*", "Delete*", "Modify*", "Update*", "Put*", "Tag*", "Untag*")
_LOOK = ("Describe*", "Get*", "List*")
_BY_TAG = ("GetResources",)
"""Finds what a killed update had made and what a sweep deletes."""
_MACHINES = (
    *_CHANGE,
    *_LOOK,
    "Allocate*",
    "Assign*",
    "Associate*",
    "Attach*",
    "Authorize*",
    "Detach*",
    "Disassociate*",
    "Release*",
    "Replace*",
    "Revoke*",
    "RunInstances",
    "TerminateInstances",
)
_REGIONAL: Mapping[str, Sequence[str]] = {
    "acm": ("AddTagsToCertificate", "DeleteCertificate", "DescribeCertificate", "ImportCertificate", "List*"),
    "autoscaling": (*_CHANGE, *_LOOK, "SetDesiredCapacity"),
    "ec2": _MACHINES,
    "ecr": ("CreateRepository", "DeleteRepository", "Describe*", "ListTagsForResource", "Put*", "GetLifecyclePolicy"),
    "eks": (*_CHANGE, *_LOOK, "AssociateAccessPolicy", "DisassociateAccessPolicy"),
    "elasticache": (*_CHANGE, *_LOOK, "AddTagsToResource", "RemoveTagsFromResource"),
    "elasticloadbalancing": (*_CHANGE, *_LOOK, "AddTags", "RemoveTags", "AddListenerCertificates", "Set*"),
    "fsx": (*_CHANGE, "Describe*", "ListTagsForResource"),
    "kms": (
        "CreateKey",
        "CreateAlias",
        "DeleteAlias",
        "DescribeKey",
        "EnableKeyRotation",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "List*",
        "PutKeyPolicy",
        "ReplicateKey",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    ),
    "logs": ("CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups", "ListTags*", "PutRetentionPolicy", "TagResource"),
    "rds": (*_CHANGE, "Describe*", "ListTagsForResource", "AddTagsToResource", "RemoveTagsFromResource"),
    "secretsmanager": ("CreateSecret", "DescribeSecret", "RotateSecret", "TagResource"),
    "ssm": ("DescribeInstanceInformation", "StartSession", "TerminateSession"),
    "tag": _BY_TAG,
}
_KEY_USE = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
"""What a service does with a key in the name of whoever makes a cluster, a database or its secret there."""
_THROUGH = ("ec2", "eks", "elasticache", "fsx", "rds", "secretsmanager")
_FRONT: Mapping[str, Sequence[str]] = {
    "cloudfront": (*_CHANGE, *_LOOK),
    "route53": ("ChangeResourceRecordSets", "ChangeTagsForResource", *_CHANGE, *_LOOK),
    "tag": _BY_TAG,
    "wafv2": (*_CHANGE, *_LOOK, "AssociateWebACL", "DisassociateWebACL"),
}
_FRONT_REGION = "us-east-1"
"""Where CloudFront, its certificates and its firewall are, wherever the regions are."""
_BUCKETS = ("CreateBucket", "DeleteBucket", "GetBucket*", "PutBucket*", "ListBucket*", "GetEncryptionConfiguration")
_BUCKET_SETTINGS = (
    "DeleteBucketPolicy",
    "GetLifecycleConfiguration",
    "GetReplicationConfiguration",
    "GetAccelerateConfiguration",
    "PutEncryptionConfiguration",
    "PutLifecycleConfiguration",
    "PutReplicationConfiguration",
)
_ROLES = (
    "DeleteRole",
    "GetRole*",
    "ListAttachedRolePolicies",
    "ListInstanceProfilesForRole",
    "ListRole*",
    "TagRole",
    "UntagRole",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "AddRoleToInstanceProfile",
    "CreateInstanceProfile",
    "DeleteInstanceProfile",
    "GetInstanceProfile",
    "RemoveRoleFromInstanceProfile",
    "TagInstanceProfile",
)
_ROLES_WITHIN = (
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
)
"""What says what a role may do: only of roles under the boundary. IAM knows the condition for these actions
(docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html)."""
_PASSED_TO = (
    "ec2.amazonaws.com",
    "eks.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "pods.eks.amazonaws.com",
    "s3.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)


def deployer_statements(
    scope: Scope, environment: str, regions: Sequence[str], state_stack: str
) -> Mapping[str, Sequence[Statement]]:
    """The role's policies by name: ten at most, each within IAM's 6,144 characters.

    Those are the quotas of docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.

    Args:
        scope: The account stack's place.
        environment: Whose role it is.
        regions: Where it may make anything.
        state_stack: The stack of kind `state`, in this account.
    """
    arn = f"arn:{scope.partition}"
    state = StatePlace(scope, state_stack)
    return {
        "regions": [in_regions(_REGIONAL, regions)],
        "front": [in_regions(_FRONT, [_FRONT_REGION])],
        "names": [
            Statement(
                "KeysThroughServices",
                actions("kms", _KEY_USE),
                conditions={
                    "StringEquals": {
                        "kms:ViaService": [
                            f"{service}.{region}.amazonaws.com" for region in regions for service in _THROUGH
                        ]
                    }
                },
            ),
            Statement("Itself", ["sts:AssumeRole"], [scope.iam_arn(f"role/{deployer_role_name(environment)}")]),
            Statement("Buckets", actions("s3", (*_BUCKETS, *_BUCKET_SETTINGS)), [f"{arn}:s3:::modelfleet-*"]),
            Statement(
                "Roles",
                actions("iam", _ROLES),
                [scope.iam_arn("role/modelfleet-*"), scope.iam_arn("instance-profile/modelfleet-*")],
            ),
            Statement(
                "RolesWithin",
                actions("iam", _ROLES_WITHIN),
                [scope.iam_arn("role/modelfleet-*")],
                conditions={"StringEquals": {"iam:PermissionsBoundary": scope.boundary_arn(environment)}},
            ),
            Statement(
                "PassRoles",
                ["iam:PassRole"],
                [scope.iam_arn("role/modelfleet-*")],
                conditions={"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}},
            ),
        ],
        "state": state.use(),
        "limits": [
            *state.limits(),
            Statement(
                "NotWhoDeploys",
                actions("iam", [verb for verb in (*_ROLES, *_ROLES_WITHIN) if not verb.startswith(("Get", "List"))]),
                [scope.iam_arn("role/modelfleet-deploy-*"), scope.iam_arn(f"role/{scope.name()}-*")],
                effect="Deny",
            ),
            other_environments(environment, state_stack),
        ],
    }
