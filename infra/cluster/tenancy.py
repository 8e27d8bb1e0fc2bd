"""What each tenant has inside the cluster: a namespace of its own, with ways out to the gateway and to its files only.

Every object is a resource of its own, so that adding a tenant shows that tenant's resources and nothing else.
"""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.clouds.egress import Egress
from infra.clouds.names import TENANT_ACCOUNT, tenant_namespace
from infra.clouds.region import TenantPlace
from infra.cluster import traffic
from infra.cluster.hardening import POD_SECURITY_LABELS, default_limits
from infra.cluster.isolation import GATEWAY_PORT, Isolation
from infra.cluster.tenant_roles import administrator_rules
from tenants import Tenant, TenantState


class Tenancy(pulumi.ComponentResource):
    """One tenant's namespace, quota, limits, network policies, service account, roles and priority class."""

    namespace: pulumi.Output[str]

    def __init__(
        self,
        tenant: Tenant,
        *,
        region: Region,
        isolation: Isolation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("modelfleet:cluster:Tenancy", tenant.name, None, opts)
        self._tenant, self._fleet = tenant, isolation.namespace
        self._outside = pulumi.ResourceOptions(
            parent=self, provider=region.cluster.provider, deleted_with=region.cluster.lifetime
        )
        namespace = k8s.core.v1.Namespace(
            f"{tenant.name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=tenant_namespace(tenant.name),
                labels={
                    "app.kubernetes.io/part-of": "modelfleet",
                    "modelfleet.dev/tenant": tenant.name,
                    **POD_SECURITY_LABELS,
                },
            ),
            opts=self._outside,
        )
        self.namespace = namespace.metadata.name
        self._inside = pulumi.ResourceOptions.merge(self._outside, pulumi.ResourceOptions(depends_on=[namespace]))
        self._priority()
        self._quota()
        place = region.tenants.get(tenant.name)
        self._network_policies(region.egress if place else Egress())
        self._service_account(place)
        self._roles()
        self.register_outputs({"namespace": self.namespace})

    def _metadata(self, name: str) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=name, namespace=self.namespace, labels={"modelfleet.dev/tenant": self._tenant.name}
        )

    def _priority(self) -> None:
        k8s.scheduling.v1.PriorityClass(
            f"{self._tenant.name}-priority",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=tenant_namespace(self._tenant.name), labels={"modelfleet.dev/tenant": self._tenant.name}
            ),
            value=self._tenant.priority,
            description=f"Pods of tenant {self._tenant.name}",
            opts=self._outside,
        )

    def _quota(self) -> None:
        quotas = self._tenant.quotas
        active = self._tenant.state is TenantState.ACTIVE
        k8s.core.v1.ResourceQuota(
            f"{self._tenant.name}-quota",
            metadata=self._metadata("tenant"),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(
                hard={
                    "requests.cpu": quotas.cpu,
                    "requests.memory": quotas.memory,
                    "requests.nvidia.com/gpu": str(quotas.gpus),
                    "requests.storage": quotas.storage,
                    # A suspended tenant keeps its data and starts nothing.
                    "pods": str(quotas.pods if active else 0),
                    # The gateway is the only door, and each of these is another one.
                    "services.nodeports": "0",
                    "services.loadbalancers": "0",
                }
            ),
            opts=self._inside,
        )
        k8s.core.v1.LimitRange(
            f"{self._tenant.name}-limits",
            metadata=self._metadata("tenant"),
            spec=default_limits(),
            opts=self._inside,
        )

    def _network_policies(self, outside: Egress) -> None:
        net = k8s.networking.v1
        own_pods = [net.NetworkPolicyPeerArgs(pod_selector=traffic.all_pods())]
        gateway = net.NetworkPolicyPeerArgs(
            namespace_selector=traffic.namespace(self._fleet), pod_selector=traffic.pods("gateway")
        )
        net.NetworkPolicy(
            f"{self._tenant.name}-deny", metadata=self._metadata("deny"), spec=traffic.nothing(), opts=self._inside
        )
        net.NetworkPolicy(
            f"{self._tenant.name}-own",
            metadata=self._metadata("own"),
            spec=net.NetworkPolicySpecArgs(
                pod_selector=traffic.all_pods(),
                policy_types=["Ingress", "Egress"],
                ingress=[net.NetworkPolicyIngressRuleArgs(from_=own_pods)],
                egress=[
                    net.NetworkPolicyEgressRuleArgs(to=own_pods),
                    net.NetworkPolicyEgressRuleArgs(to=[gateway], ports=[traffic.port(GATEWAY_PORT)]),
                    # To its own files; whose they are is the object store's to check.
                    *traffic.to(outside.object_store, outside.identity),
                    traffic.to_name_service(),
                ],
            ),
            opts=self._inside,
        )

    def _service_account(self, place: TenantPlace | None) -> None:
        annotations = dict(place.service_account_annotations) if place else {}
        metadata = self._metadata(TENANT_ACCOUNT)
        metadata.annotations = annotations or None
        k8s.core.v1.ServiceAccount(
            f"{self._tenant.name}-account",
            metadata=metadata,
            automount_service_account_token=False,
            opts=self._inside,
        )

    def _roles(self) -> None:
        """Bind its OIDC groups to a role of our own for administrators and to Kubernetes' `view`, in its namespace."""
        if self._tenant.admins:
            role = k8s.rbac.v1.Role(
                f"{self._tenant.name}-administrator",
                metadata=self._metadata("administrator"),
                rules=administrator_rules(),
                opts=self._inside,
            )
            self._bind("admin", "Role", role.metadata.name, self._tenant.admins)
        if self._tenant.viewers:
            self._bind("view", "ClusterRole", "view", self._tenant.viewers)

    def _bind(self, name: str, kind: str, role: pulumi.Input[str], groups: Sequence[str]) -> None:
        k8s.rbac.v1.RoleBinding(
            f"{self._tenant.name}-{name}",
            metadata=self._metadata(name),
            role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=role),
            subjects=[
                k8s.rbac.v1.SubjectArgs(kind="Group", name=group, api_group="rbac.authorization.k8s.io")
                for group in groups
            ],
            opts=self._inside,
        )
