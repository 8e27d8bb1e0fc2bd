"""The region's Kubernetes: a private AKS cluster whose every login is an Entra identity.

- **The API server** has an address in the region's network (API Server VNet Integration). `private` has no other;
  `restricted` adds a public one for the ranges that the stack file names. It is also what a private vault's key for
  etcd needs (learn.microsoft.com/azure/aks/use-kms-etcd-encryption).
- **Logins**: local accounts are off, permissions are Azure's (Azure RBAC for Kubernetes).
- **Networking**: Azure CNI overlay with Cilium, which enforces network policies; outbound by the region's NAT gateways.
- **Nodes' resource group** is locked against changes from outside of AKS.
- **The autoscaler**, not node auto-provisioning: the two exclude each other, and auto-provisioning knows neither
  capacity reservation groups nor proximity placement groups. The ladder's order is its priority expander's.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import yaml
from pulumi_azure_native import authorization, containerservice, managedidentity

from infra.clouds.azure.keys import Keys
from infra.clouds.azure.logs import Logs
from infra.clouds.azure.network import Network
from infra.clouds.azure.own_roles import OwnRole
from infra.clouds.azure.roles import PrincipalType, Role, grant
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.vault_certificate import secrets_provider
from infra.clouds.region import KeyPurpose
from infra.config import ApiAccess, ApiSettings, CpuPoolSettings, KubernetesSettings, NetworkSettings

SYSTEM_SKU = "Standard_D4ds_v5"
CONFIDENTIAL_SKU = "Standard_DC4ads_v5"
"""AMD SEV-SNP: memory is encrypted under keys that the host doesn't have
(learn.microsoft.com/azure/aks/use-cvm)."""

SYSTEM_DISK_GB = 128
MAX_PODS = 110
POOL_LABEL = "modelfleet.io/pool"

_AUDITED = ("kube-audit-admin", "guard", "kube-apiserver", "kube-controller-manager", "cluster-autoscaler")
"""Categories of the control plane's logs; kube-audit-admin is the audit log without reads."""

_PROVISION_TIME = "15m"
"""Until a machine that doesn't come counts as refused and the next rung is tried: AKS's own default, written down
since the ladder depends on it."""


@dataclass(frozen=True)
class ClusterArgs:
    """What the cluster is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        tenant_id: The Entra tenant.
        network: The region's network.
        ranges: Ranges of pods and Services.
        keys: The region's keys.
        logs: Where the control plane's logs are kept.
        registry_id: Registry that nodes pull from.
        settings: Version and kind of machines.
        api: Who reaches the API server, and who administers it.
        system: The pool of the cluster's own pods.
        hands_secrets: Whether pods mount secrets of a Key Vault.
        reservations: Ids of capacity reservation groups that pools are placed into.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    tenant_id: pulumi.Input[str]
    network: Network
    ranges: NetworkSettings
    keys: Keys
    logs: Logs
    registry_id: pulumi.Input[str]
    settings: KubernetesSettings
    api: ApiSettings
    system: CpuPoolSettings
    hands_secrets: bool = False
    reservations: Sequence[str] = ()


class Cluster(pulumi.ComponentResource):
    """Control plane with its identities, permissions, system pool and logs.

    Attributes:
        managed: The AKS cluster itself.
        identity_principal: Object id of the identity that the control plane acts under.
        oidc_issuer: Issuer of service accounts' tokens.
        kubeconfig: For `kubelogin`: names no secret where local accounts are off.
        node_resource_group: Name of the group that nodes and load balancers are in.
    """

    managed: containerservice.ManagedCluster
    identity_principal: pulumi.Output[str]
    oidc_issuer: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    node_resource_group: str

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Cluster", name, None, opts)
        self._args, self._scope = args, args.scope
        self.node_resource_group = self._scope.name("nodes", longest=80)
        control_plane, kubelet = self._identity("control-plane"), self._identity("kubelet")
        self.identity_principal = control_plane.principal_id
        self.managed = self._cluster(control_plane, kubelet, self._permissions(control_plane, kubelet))
        for position, group in enumerate(args.api.admins):
            for part, role in (("login", Role.AKS_CLUSTER_USER), ("admin", Role.AKS_RBAC_CLUSTER_ADMIN)):
                grant(
                    f"cluster-{part}-{position}",
                    scope=self._scope,
                    role=role,
                    principal_id=group,
                    on=self.managed.id,
                    parent=self,
                    principal_type=PrincipalType.GROUP,
                )
        args.logs.record("cluster-logs", of=self.managed.id, categories=_AUDITED, parent=self)
        self._maintenance()
        self.oidc_issuer = self.managed.oidc_issuer_profile.apply(
            lambda profile: "" if profile is None else profile.issuer_url
        )
        credentials = containerservice.list_managed_cluster_user_credentials_output(
            resource_group_name=args.resource_group,
            resource_name=self.managed.name,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        self.kubeconfig = pulumi.Output.secret(
            credentials.kubeconfigs.apply(lambda found: for_automation(base64.b64decode(found[0].value).decode()))
        )
        self.register_outputs({"name": self.managed.name, "oidcIssuer": self.oidc_issuer})

    def _identity(self, name: str) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=self._args.resource_group,
            resource_name_=self._scope.name(name, longest=128),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _permissions(
        self, control_plane: managedidentity.UserAssignedIdentity, kubelet: managedidentity.UserAssignedIdentity
    ) -> list[pulumi.Resource]:
        args, key = self._args, self._args.keys.keys[KeyPurpose.CLUSTER]

        def allow(name: str, role: Role, on: pulumi.Input[str]) -> pulumi.Resource:
            return grant(
                name, scope=self._scope, role=role, principal_id=control_plane.principal_id, on=on, parent=self
            )

        allowed = [
            # Nodes, load balancers and the API server join subnets; the private link service is made in one.
            allow("cluster-network", Role.NETWORK_CONTRIBUTOR, args.network.identifier),
            allow("cluster-kubelet", Role.MANAGED_IDENTITY_OPERATOR, kubelet.id),
            allow("cluster-key", Role.KEY_VAULT_CRYPTO_USER, key.identifier),
            # A private vault is joined to the control plane by a private endpoint, which this role may approve.
            allow("cluster-vault", Role.KEY_VAULT_CONTRIBUTOR, args.keys.vault.identifier),
            allow("cluster-disks", Role.READER, args.keys.disk_encryption_set),
            grant(
                "cluster-pull",
                scope=self._scope,
                role=Role.ACR_PULL,
                principal_id=kubelet.principal_id,
                on=args.registry_id,
                parent=self,
            ),
        ]
        return [*allowed, *self._reservation_permissions(control_plane)]

    def _reservation_permissions(
        self, control_plane: managedidentity.UserAssignedIdentity
    ) -> list[authorization.RoleAssignment]:
        """What launching into a reservation takes, on each group."""
        return [
            grant(
                f"cluster-reservation-{position}",
                scope=self._scope,
                role=OwnRole.LAUNCH_INTO_RESERVATION,
                principal_id=control_plane.principal_id,
                on=group,
                parent=self,
            )
            for position, group in enumerate(self._args.reservations)
        ]

    def _cluster(
        self,
        control_plane: managedidentity.UserAssignedIdentity,
        kubelet: managedidentity.UserAssignedIdentity,
        permissions: Sequence[pulumi.Resource],
    ) -> containerservice.ManagedCluster:
        args, aks = self._args, containerservice
        return aks.ManagedCluster(
            "cluster",
            resource_group_name=args.resource_group,
            resource_name_=self._scope.name(),
            dns_prefix=self._scope.name(longest=54),
            node_resource_group=self.node_resource_group,
            node_resource_group_profile=aks.ManagedClusterNodeResourceGroupProfileArgs(
                restriction_level=aks.RestrictionLevel.READ_ONLY
            ),
            # Standard: an API server with an availability promise, in all zones.
            sku=aks.ManagedClusterSKUArgs(name=aks.ManagedClusterSKUName.BASE, tier=aks.ManagedClusterSKUTier.STANDARD),
            kubernetes_version=args.settings.version,
            auto_upgrade_profile=aks.ManagedClusterAutoUpgradeProfileArgs(
                upgrade_channel=aks.UpgradeChannel.PATCH,
                node_os_upgrade_channel=aks.NodeOSUpgradeChannel.NODE_IMAGE,
            ),
            identity=aks.ManagedClusterIdentityArgs(
                type=aks.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[control_plane.id]
            ),
            identity_profile={
                "kubeletidentity": aks.UserAssignedIdentityArgs(
                    resource_id=kubelet.id, client_id=kubelet.client_id, object_id=kubelet.principal_id
                )
            },
            enable_rbac=True,
            disable_local_accounts=True,
            aad_profile=aks.ManagedClusterAADProfileArgs(
                managed=True,
                enable_azure_rbac=True,
                tenant_id=args.tenant_id,
                admin_group_object_ids=list(args.api.admins),
            ),
            api_server_access_profile=self._api_server(),
            network_profile=self._network_profile(),
            security_profile=self._security_profile(),
            oidc_issuer_profile=aks.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
            disk_encryption_set_id=args.keys.disk_encryption_set,
            storage_profile=aks.ManagedClusterStorageProfileArgs(
                disk_csi_driver=aks.ManagedClusterStorageProfileDiskCSIDriverArgs(enabled=True),
                file_csi_driver=aks.ManagedClusterStorageProfileFileCSIDriverArgs(enabled=False),
                blob_csi_driver=aks.ManagedClusterStorageProfileBlobCSIDriverArgs(enabled=False),
                snapshot_controller=aks.ManagedClusterStorageProfileSnapshotControllerArgs(enabled=True),
            ),
            auto_scaler_profile=aks.ManagedClusterPropertiesAutoScalerProfileArgs(
                expander=aks.Expander.PRIORITY,
                max_node_provision_time=_PROVISION_TIME,
                skip_nodes_with_local_storage="false",  # every model server has scratch space
                balance_similar_node_groups="true",
            ),
            metrics_profile=aks.ManagedClusterMetricsProfileArgs(
                cost_analysis=aks.ManagedClusterCostAnalysisArgs(enabled=True)
            ),
            addon_profiles={
                "azurepolicy": aks.ManagedClusterAddonProfileArgs(enabled=True),
                **(secrets_provider() if args.hands_secrets else {}),
            },
            agent_pool_profiles=[self._system_pool()],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(permissions),
                # Further pools are resources of their own and appear here too; node counts are the autoscaler's.
                ignore_changes=["agentPoolProfiles"],
            ),
        )

    def _api_server(self) -> containerservice.ManagedClusterAPIServerAccessProfileArgs:
        private = self._args.api.access is ApiAccess.PRIVATE
        return containerservice.ManagedClusterAPIServerAccessProfileArgs(
            enable_vnet_integration=True,
            subnet_id=self._args.network.api_server_subnet,
            enable_private_cluster=private,
            enable_private_cluster_public_fqdn=False if private else None,
            private_dns_zone="system" if private else None,
            authorized_ip_ranges=None if private else list(self._args.api.authorized_ranges),
            # It would run commands in the cluster for whoever may call Azure, past the network.
            disable_run_command=True,
        )

    def _network_profile(self) -> containerservice.ContainerServiceNetworkProfileArgs:
        ranges, aks = self._args.ranges, containerservice
        return aks.ContainerServiceNetworkProfileArgs(
            network_plugin=aks.NetworkPlugin.AZURE,
            network_plugin_mode=aks.NetworkPluginMode.OVERLAY,
            network_dataplane=aks.NetworkDataplane.CILIUM,
            network_policy=aks.NetworkPolicy.CILIUM,
            load_balancer_sku=aks.LoadBalancerSku.STANDARD,
            outbound_type=aks.OutboundType.USER_ASSIGNED_NAT_GATEWAY,
            pod_cidr=ranges.pod_cidr,
            service_cidr=ranges.service_cidr,
            dns_service_ip=dns_service_address(ranges.service_cidr),
        )

    def _security_profile(self) -> containerservice.ManagedClusterSecurityProfileArgs:
        key, aks = self._args.keys.keys[KeyPurpose.CLUSTER], containerservice
        return aks.ManagedClusterSecurityProfileArgs(
            workload_identity=aks.ManagedClusterSecurityProfileWorkloadIdentityArgs(enabled=True),
            azure_key_vault_kms=aks.AzureKeyVaultKmsArgs(
                enabled=True,
                # With a version, as AKS asks: an update after a rotation hands the new one over.
                key_id=key.versioned_uri,
                key_vault_network_access=aks.KeyVaultNetworkAccessTypes.PRIVATE,
                key_vault_resource_id=self._args.keys.vault.identifier,
            ),
            image_cleaner=aks.ManagedClusterSecurityProfileImageCleanerArgs(enabled=True, interval_hours=168),
        )

    def _system_pool(self) -> containerservice.ManagedClusterAgentPoolProfileArgs:
        args, aks = self._args, containerservice
        confidential = args.settings.confidential_nodes
        return aks.ManagedClusterAgentPoolProfileArgs(
            name="system",
            mode=aks.AgentPoolMode.SYSTEM,
            type=aks.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
            os_type=aks.OSType.LINUX,
            os_sku=aks.OSSKU.UBUNTU,
            vm_size=args.system.sku or (CONFIDENTIAL_SKU if confidential else SYSTEM_SKU),
            availability_zones=list(args.network.zones),
            vnet_subnet_id=args.network.node_subnets[args.network.zones[0]],
            count=max(args.system.min, 1),
            min_count=max(args.system.min, 1),  # AKS keeps a system node at least
            max_count=args.system.max,
            enable_auto_scaling=True,
            enable_encryption_at_host=True,
            enable_node_public_ip=False,
            max_pods=MAX_PODS,
            os_disk_size_gb=SYSTEM_DISK_GB,
            os_disk_type=aks.OSDiskType.MANAGED,
            node_labels={POOL_LABEL: "system"},
            node_taints=["CriticalAddonsOnly=true:NoSchedule"],
            security_profile=aks.AgentPoolSecurityProfileArgs(
                enable_secure_boot=not confidential,
                enable_vtpm=not confidential,  # a confidential machine has both of its own
                ssh_access=aks.AgentPoolSSHAccess.DISABLED,
            ),
            upgrade_settings=upgrade_settings(),
            tags=dict(self._scope.tags),
        )

    def _maintenance(self) -> None:
        for config in ("aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"):
            containerservice.MaintenanceConfiguration(
                config,
                resource_group_name=self._args.resource_group,
                resource_name_=self.managed.name,
                config_name=config,
                maintenance_window=containerservice.MaintenanceWindowArgs(
                    # The shortest window that AKS takes, on the day after which a week is left to watch.
                    duration_hours=4,
                    start_time="01:00",
                    utc_offset="+00:00",
                    schedule=containerservice.ScheduleArgs(
                        weekly=containerservice.WeeklyScheduleArgs(
                            interval_weeks=1, day_of_week=containerservice.WeekDay.MONDAY
                        )
                    ),
                ),
                opts=pulumi.ResourceOptions(parent=self, deleted_with=self.managed),
            )


def upgrade_settings(
    *, surge: str = "33%", unavailable: str | None = None
) -> containerservice.AgentPoolUpgradeSettingsArgs:
    """How a pool's nodes are upgraded: some at a time, each drained first.

    Args:
        surge: Machines beyond the pool's count, as a number or a share.
        unavailable: Machines that may be missing instead, where there are none beyond.
    """
    return containerservice.AgentPoolUpgradeSettingsArgs(
        max_surge=surge if unavailable is None else "0",
        max_unavailable=unavailable,
        drain_timeout_in_minutes=60,
        node_soak_duration_in_minutes=1,
        undrainable_node_behavior=containerservice.UndrainableNodeBehavior.CORDON,
    )


def dns_service_address(service_cidr: str) -> str:
    """The address of the cluster's DNS: the tenth of the Services' range, as Kubernetes' tools have it."""
    network, _, _ = service_cidr.partition("/")
    first, second, third, _ = network.split(".")
    return f"{first}.{second}.{third}.10"


def for_automation(kubeconfig: str) -> str:
    """A kubeconfig of AKS whose logins need no browser.

    AKS hands out one that asks for a device code. `azurecli` uses whatever `az login` was given: a person, or a
    workflow's federated token. Logins that aren't kubelogin's stay as they are.
    """
    document = yaml.safe_load(kubeconfig)
    for entry in document.get("users") or []:
        login = (entry.get("user") or {}).get("exec")
        if login is not None and login.get("command") == "kubelogin":
            login["args"] = _with_option(list(login.get("args") or []), "--login", "azurecli")
            login["interactiveMode"] = "Never"
    return yaml.safe_dump(document, sort_keys=False)


def _with_option(arguments: list[str], option: str, value: str) -> list[str]:
    if option not in arguments:
        return [*arguments, option, value]
    position = arguments.index(option)
    return [*arguments[: position + 1], value, *arguments[position + 2 :]]
