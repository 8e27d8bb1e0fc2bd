"""The most that a region's roles may ever do: the permissions boundary under which a deployment makes them.

A deployment writes the policies of the roles that it makes. Without a boundary, whoever takes one over could give such
a role what the deployment itself lacks, and pass it to a machine
(docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html). It grants nothing: a role does what its own
policies and this one both allow.
"""

from collections.abc import Mapping, Sequence

from infra.account.aws_state_place import StatePlace
from infra.clouds.aws.policy_document import Statement, actions
from infra.clouds.aws.scope import Scope

_REGIONAL: Mapping[str, Sequence[str]] = {
    "autoscaling": ("Describe*", "SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup"),
    "ec2": (
        "Describe*",
        "GetInstanceTypesFromInstanceRequirements",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
        "AttachNetworkInterface",
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "DetachNetworkInterface",
        "ModifyNetworkInterfaceAttribute",
        "AttachVolume",
        "CreateVolume",
        "DeleteVolume",
        "DetachVolume",
        "ModifyVolume",
        "CreateSnapshot",
        "DeleteSnapshot",
        "EnableFastSnapshotRestores",
        "CreateTags",
        "DeleteTags",
    ),
    "ec2messages": ("AcknowledgeMessage", "DeleteMessage", "FailMessage", "Get*", "SendReply"),
    "ecr": ("BatchCheckLayerAvailability", "BatchGetImage", "GetAuthorizationToken", "GetDownloadUrlForLayer"),
    "eks": ("Describe*", "List*"),
    "eks-auth": ("AssumeRoleForPodIdentity",),
    "elasticache": ("Connect",),
    "elasticloadbalancing": ("Describe*", "DeregisterTargets", "RegisterTargets"),
    "logs": ("CreateLogGroup", "CreateLogStream", "Describe*", "PutLogEvents", "PutRetentionPolicy"),
    "rds-db": ("connect",),
    "ssm": ("DescribeAssociation", "GetManifest", "List*", "Put*", "Update*Association*", "UpdateInstanceInformation"),
    "ssmmessages": ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"),
}
"""What controllers, nodes and pods do in a Region: the region stacks' own policies, and what AWS's policies for EKS
nodes, the CNI, the EBS driver, Session Manager and RDS's monitoring name
(docs.aws.amazon.com/aws-managed-policy/latest/reference). Less than `AmazonEKSClusterPolicy`: load balancers, their
security groups and routes are the program's here, and no cluster makes its own."""
_OBJECTS = (
    "AbortMultipartUpload",
    "DeleteObject",
    "GetObject",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetReplicationConfiguration",
    "ListBucket",
    "PutObject",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
)
_KEYS = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey*", "ListGrants", "ReEncrypt*")
_GRANTS = ("CreateGrant", "RevokeGrant")


def boundary_statements(
    scope: Scope, environment: str, regions: Sequence[str], state_stack: str
) -> Sequence[Statement]:
    """The boundary of one environment's roles: below IAM's 6,144 characters for a policy.

    Args:
        scope: The account stack's place.
        environment: Whose roles are made under it.
        regions: Where they may do anything.
        state_stack: The stack of kind `state`, in this account.
    """
    keys = [scope.arn("kms", "key/*", region="*")]
    return [
        in_regions(_REGIONAL, regions),
        Statement("DatabaseMetrics", ["logs:GetLogEvents"], [scope.arn("logs", "log-group:RDS*:*", region="*")]),
        Statement("Objects", actions("s3", _OBJECTS), [f"arn:{scope.partition}:s3:::modelfleet-*"]),
        Statement("Keys", actions("kms", _KEYS), keys),
        Statement("Volumes", actions("kms", _GRANTS), keys, conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        *StatePlace(scope, state_stack).keeps_out(),
        other_environments(environment),
    ]


def in_regions(services: Mapping[str, Sequence[str]], regions: Sequence[str]) -> Statement:
    """Allow what services do in some Regions: one statement, as their names in each would take half of a policy.

    Args:
        services: Actions by service.
        regions: The Regions.
    """
    return Statement(
        "InRegions",
        [action for service, verbs in services.items() for action in actions(service, verbs)],
        conditions={"StringEquals": {"aws:RequestedRegion": list(regions)}},
    )


def other_environments(environment: str, *stacks: str) -> Statement:
    """Keep an environment's identities from what carries another environment's tag.

    Args:
        environment: Whose identities they are.
        stacks: Stacks whose resources are for all environments.
    """
    others: dict[str, str | Sequence[str]] = {"aws:ResourceTag/environment": environment}
    if stacks:
        others["aws:ResourceTag/modelfleet-stack"] = stacks[0] if len(stacks) == 1 else stacks
    return Statement(
        "OtherEnvironments",
        ["*"],
        conditions={"StringNotEquals": others, "Null": {"aws:ResourceTag/environment": "false"}},
        effect="Deny",
    )
