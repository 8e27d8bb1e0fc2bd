"""Who pods are: an IAM role per service account, by EKS Pod Identity.

An association ties a role to a service account of one cluster and needs neither annotations nor an OIDC provider
(docs.aws.amazon.com/eks/latest/userguide/pod-identities.html). The session carries the namespace and the service
account as tags, and the trust policy lets only this account's clusters hand the role out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.policy_document import Statement, document, trust
from infra.clouds.aws.scope import Scope
from infra.clouds.egress import Destination
from infra.clouds.names import GATEWAY_ACCOUNT, NAMESPACE, SERVER_ACCOUNT

_AGENT = "169.254.170.23/32"
_AGENT_PORT = 80
"""Where the node's Pod Identity agent hands out credentials
(docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html)."""


def identity_endpoint() -> Destination:
    """Where pods get their role's credentials: the agent on their own node, which asks AWS for them."""
    return Destination.at(_AGENT, ports=[_AGENT_PORT])


@dataclass(frozen=True)
class PodRoleArgs:
    """What a pod's role is made from.

    Attributes:
        scope: The stack's place.
        cluster: Name of the cluster.
        namespace: Of the service account.
        service_account: Its name.
        statements: What its pods may do.
        managed_policies: Names of AWS's own policies, where those are what a controller asks for.
        associated: Whether to make the association here; managed add-ons make theirs.
        deleted_with: The cluster, whose end is the association's.
    """

    scope: Scope
    cluster: pulumi.Input[str]
    namespace: str
    service_account: str
    statements: Sequence[Statement] = ()
    managed_policies: Sequence[str] = ()
    associated: bool = True
    deleted_with: pulumi.Resource | None = None


@dataclass(frozen=True)
class PodRole:
    """A pod's role.

    Attributes:
        arn: Of the role.
        ready: What has to be there before a pod can use it.
    """

    arn: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]


def make_pod_role(name: str, args: PodRoleArgs, parent: pulumi.Resource) -> PodRole:
    """A role, its permissions and its association; a plain function, so that a hundred tenants stay cheap."""
    scope, own = args.scope, pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(
        name,
        name=scope.name(name)[:64],  # IAM's limit
        assume_role_policy=_pod_trust(scope),
        permissions_boundary=scope.boundary_arn(),
        opts=own,
    )
    ready: list[pulumi.Resource] = []
    if args.statements:
        ready.append(aws.iam.RolePolicy(name, role=role.name, policy=document(*args.statements), opts=own))
    ready += [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rsplit('/', 1)[-1]}", role=role.name, policy_arn=scope.managed_policy(policy), opts=own
        )
        for policy in args.managed_policies
    ]
    if args.associated:
        association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=parent, deleted_with=args.deleted_with),
        )
        ready.append(association)
    return PodRole(role.arn, tuple(ready))


def _pod_trust(scope: Scope) -> pulumi.Output[str]:
    return trust(
        Statement(
            "PodIdentity",
            ["sts:AssumeRole", "sts:TagSession"],
            principals={"Service": "pods.eks.amazonaws.com"},
            conditions={
                "StringEquals": {"aws:SourceAccount": scope.account},
                "ArnEquals": {"aws:SourceArn": scope.arn("eks", f"cluster/{scope.name()}")},
            },
        )
    )


@dataclass(frozen=True)
class IdentityArgs:
    """What the identities of our workloads are made from.

    Attributes:
        scope: The stack's place.
        cluster: Name of the cluster.
        lifetime: The cluster.
        server: What model servers may do.
        gateway: What the gateway may do.
    """

    scope: Scope
    cluster: pulumi.Input[str]
    lifetime: pulumi.Resource
    server: Sequence[Statement]
    gateway: Sequence[Statement]


class Identity(pulumi.ComponentResource):
    """Roles of model servers and gateway.

    Attributes:
        server: Role of the model servers.
        gateway: Role of the gateway.
    """

    server: PodRole
    gateway: PodRole

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Identity", name, None, opts)

        def role(name: str, account: str, statements: Sequence[Statement]) -> PodRole:
            return make_pod_role(
                name,
                PodRoleArgs(args.scope, args.cluster, NAMESPACE, account, statements, deleted_with=args.lifetime),
                self,
            )

        self.server = role("server", SERVER_ACCOUNT, args.server)
        self.gateway = role("gateway", GATEWAY_ACCOUNT, args.gateway)
        self.register_outputs({"server": self.server.arn, "gateway": self.gateway.arn})
