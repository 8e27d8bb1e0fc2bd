"""Who administers the cluster: groups that IAM lets to the API server, and RBAC lets work in every namespace.

None of them is cluster-admin: nodes, roles and admission are this program's to change. Who has to, in an emergency, is
given `roles/container.admin` in IAM for as long as it lasts.
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

from infra.clouds.gcp.scope import Scope


@dataclass(frozen=True)
class ClusterAccessArgs:
    """Who may come in.

    Attributes:
        admins: Addresses of groups.
        inside: Options of objects in the cluster.
    """

    admins: tuple[str, ...]
    inside: pulumi.ResourceOptions


class ClusterAccess(pulumi.ComponentResource):
    """An IAM grant and a role binding per group."""

    def __init__(
        self, name: str, scope: Scope, args: ClusterAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:ClusterAccess", name, None, opts)
        for admin in args.admins:
            label = admin.partition("@")[0]
            # Enough to reach the DNS endpoint; what they may do there is RBAC's to say
            # (cloud.google.com/kubernetes-engine/docs/concepts/network-isolation).
            gcp.projects.IAMMember(
                f"connect-{label}",
                project=scope.project,
                role="roles/container.clusterViewer",
                member=f"group:{admin}",
                opts=pulumi.ResourceOptions(parent=self),
            )
            k8s.rbac.v1.ClusterRoleBinding(
                f"admin-{label}",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=f"modelfleet-admin-{label}"),
                role_ref=k8s.rbac.v1.RoleRefArgs(
                    api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="admin"
                ),
                subjects=[k8s.rbac.v1.SubjectArgs(kind="Group", name=admin, api_group="rbac.authorization.k8s.io")],
                opts=pulumi.ResourceOptions.merge(args.inside, pulumi.ResourceOptions(parent=self)),
            )
        self.register_outputs({"admins": list(args.admins)})
