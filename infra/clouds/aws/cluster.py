"""The EKS control plane: private endpoint, encrypted secrets, every log, access by IAM role alone.

Nobody is an administrator for having created the cluster: the deployment role of the stack's environment and the
roles that the stack file names are, by access entries (docs.aws.amazon.com/eks/latest/userguide/access-entries.html).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from infra.clouds.aws.policy_document import Statement, document, service_trust
from infra.clouds.aws.scope import Scope
from infra.config import ApiAccess, ApiSettings

_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True)
class ClusterArgs:
    """What a cluster is made from.

    Attributes:
        scope: The stack's place.
        version: Minor version of Kubernetes.
        subnets: Subnets of the API server's network interfaces.
        service_cidr: Addresses of Services.
        secrets_key: Key of etcd's secrets.
        log_key: Key of the control plane's logs.
        log_retention_days: How long those are kept.
        api: Who reaches the API server, and who administers the cluster.
    """

    scope: Scope
    version: str
    subnets: Sequence[pulumi.Input[str]]
    service_cidr: str
    secrets_key: pulumi.Input[str]
    log_key: pulumi.Input[str]
    log_retention_days: int
    api: ApiSettings


class Cluster(pulumi.ComponentResource):
    """Control plane and who may use it.

    Attributes:
        name: Of the cluster; known once its administrators are.
        resource: The cluster itself, for `deleted_with` and dependencies.
        security_group: Security group that EKS gives to the control plane and to nodes.
        endpoint: https:// address of the API server; a private one unless access is restricted.
        kubeconfig: With which the deployment role administers it. It holds no secret: tokens come from IAM.
        provider: Applies objects to it.
    """

    name: pulumi.Output[str]
    resource: aws.eks.Cluster
    security_group: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    provider: k8s.Provider

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Cluster", name, None, opts)
        scope, own = args.scope, pulumi.ResourceOptions(parent=self)
        # EKS would make the group itself, without key and for ever.
        logs = aws.cloudwatch.LogGroup(
            "cluster",
            name=f"/aws/eks/{scope.name()}/cluster",
            kms_key_id=args.log_key,
            retention_in_days=args.log_retention_days,
            opts=own,
        )
        role, permissions = self._make_role(scope, args.secrets_key)
        restricted = args.api.access is ApiAccess.RESTRICTED
        self.resource = aws.eks.Cluster(
            "cluster",
            name=scope.name(),
            version=args.version,
            role_arn=role.arn,
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnets),
                endpoint_private_access=True,
                endpoint_public_access=restricted,
                public_access_cidrs=list(args.api.authorized_ranges) if restricted else None,
            ),
            kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(
                ip_family="ipv4", service_ipv4_cidr=args.service_cidr
            ),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key), resources=["secrets"]
            ),
            enabled_cluster_log_types=list(_LOG_TYPES),
            bootstrap_self_managed_addons=False,  # they are managed add-ons here (`addons.py`)
            deletion_protection=not scope.delete_data,
            # Standard support ends with an upgrade by AWS, not with a bill of six times the price.
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            zonal_shift_config=aws.eks.ClusterZonalShiftConfigArgs(enabled=True),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs, *permissions]),
        )
        self.security_group = self.resource.vpc_config.cluster_security_group_id
        self.endpoint = self.resource.endpoint
        administrators = self._make_administrators((scope.deployer_role_arn, *args.api.admins))
        self.name = pulumi.Output.all(self.resource.name, *(association.id for association in administrators)).apply(
            lambda known: known[0]
        )
        self.kubeconfig = pulumi.Output.all(
            name=self.name, endpoint=self.endpoint, authority=self.resource.certificate_authority.data
        ).apply(
            lambda cluster: kubeconfig(
                name=cluster["name"],
                endpoint=cluster["endpoint"],
                authority=cluster["authority"] or "",
                region=scope.region,
                role_arn=scope.deployer_role_arn,
            )
        )
        self.provider = k8s.Provider(
            "cluster",
            kubeconfig=self.kubeconfig,
            cluster_identifier=self.resource.arn,
            enable_server_side_apply=True,
            enable_secret_mutable=True,  # in place, as on every cloud: pods read new content while they run
            enable_config_map_mutable=True,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.resource, depends_on=administrators),
        )
        self.register_outputs({"name": self.name, "endpoint": self.endpoint})

    def _make_role(self, scope: Scope, secrets_key: pulumi.Input[str]) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            "cluster",
            name=scope.name("cluster"),
            assume_role_policy=service_trust("eks.amazonaws.com", account=scope.account),
            permissions_boundary=scope.boundary_arn(),
            opts=own,
        )
        managed = aws.iam.RolePolicyAttachment(
            "cluster", role=role.name, policy_arn=scope.managed_policy("AmazonEKSClusterPolicy"), opts=own
        )
        # docs.aws.amazon.com/eks/latest/userguide/enable-kms.html
        secrets = aws.iam.RolePolicy(
            "cluster-secrets",
            role=role.name,
            policy=document(
                Statement("Secrets", ["kms:DescribeKey", "kms:Encrypt", "kms:Decrypt", "kms:ListGrants"], [secrets_key])
            ),
            opts=own,
        )
        return role, [managed, secrets]

    def _make_administrators(self, role_arns: Sequence[str]) -> list[aws.eks.AccessPolicyAssociation]:
        associations = []
        for arn in dict.fromkeys(role_arns):
            short = arn.rsplit("/", 1)[-1]
            entry = aws.eks.AccessEntry(
                short,
                cluster_name=self.resource.name,
                principal_arn=arn,
                type="STANDARD",
                opts=pulumi.ResourceOptions(parent=self, deleted_with=self.resource),
            )
            associations.append(
                aws.eks.AccessPolicyAssociation(
                    short,
                    cluster_name=self.resource.name,
                    principal_arn=entry.principal_arn,
                    policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{_ADMIN_POLICY}",
                    access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                    opts=pulumi.ResourceOptions(parent=self, deleted_with=self.resource),
                )
            )
        return associations


def kubeconfig(*, name: str, endpoint: str, authority: str, region: str, role_arn: str) -> str:
    """A kubeconfig whose tokens come from the caller's own AWS identity, by way of a role.

    `aws eks get-token` signs a request that proves the role and lives 14 minutes
    (docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html).
    """
    get_token = ["--region", region, "eks", "get-token", "--cluster-name", name, "--role-arn", role_arn]
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "aws",
            "args": [*get_token, "--output", "json"],
            "interactiveMode": "Never",
        }
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
