"""The region's GKE cluster: private nodes, an API that asks IAM first, secrets under a key of ours, everything logged.

`pulumi up`, CI and people reach the API server by its DNS endpoint: it has a public name and certificate, and lets
nobody pass whom IAM doesn't know (cloud.google.com/kubernetes-engine/docs/concepts/network-isolation). There is no
tunnel to open and no address list to keep; `api.access: restricted` adds the API server's own address for those ranges
that the stack file names.

Standard mode, not Autopilot: one node pool per rung of a GPU ladder is what the capacity ladder is made of.
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
import yaml

from infra.clouds.gcp.network import PODS_RANGE, SERVICES_RANGE
from infra.clouds.gcp.refusal import refusal
from infra.clouds.gcp.scope import Scope
from infra.config import ApiAccess, ApiSettings, KubernetesSettings

_PODS_PER_NODE = 64
"""Gives each node a /25 of the pods' range: 512 nodes in a /16, where GKE's default of 110 leaves 256
(cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr)."""
_LOGGED = ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "SCHEDULER", "CONTROLLER_MANAGER"]
_MEASURED = [
    "SYSTEM_COMPONENTS",
    "APISERVER",
    "SCHEDULER",
    "CONTROLLER_MANAGER",
    "STORAGE",
    "HPA",
    "POD",
    "DAEMONSET",
    "DEPLOYMENT",
    "STATEFULSET",
    "KUBELET",
    "CADVISOR",
    "DCGM",
]
"""cloud.google.com/kubernetes-engine/docs/how-to/configure-metrics; DCGM is the GPUs' own."""


@dataclass(frozen=True)
class ClusterArgs:
    """What the cluster is made of.

    Attributes:
        kubernetes: The stack file's `kubernetes`.
        api: The stack file's `api`.
        network: Self link of the VPC.
        subnet: Self link of the nodes' subnet.
        zones: Zones that nodes may be in.
        secrets_key: Id of the key that encrypts Secrets in etcd.
        disks_key: Id of the key of boot disks.
        granted: What has to be there before GKE can use both.
        node_account: E-mail of the nodes' service account.
        network_ready: What nodes need in order to come up: NAT, firewall, the endpoint for Google APIs.
    """

    kubernetes: KubernetesSettings
    api: ApiSettings
    network: pulumi.Input[str]
    subnet: pulumi.Input[str]
    zones: tuple[str, ...]
    secrets_key: pulumi.Input[str]
    disks_key: pulumi.Input[str]
    granted: list[pulumi.Resource]
    node_account: pulumi.Input[str]
    network_ready: list[pulumi.Resource]


class Cluster(pulumi.ComponentResource):
    """Regional control plane without nodes of its own; pools come beside it."""

    resource: gcp.container.Cluster
    cluster_id: pulumi.Output[str]
    name: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Cluster", name, None, opts)
        self._scope, self._args = scope, args
        self.resource = self._control_plane(name)
        self.cluster_id, self.name = self.resource.id, self.resource.name
        self.kubeconfig = pulumi.Output.secret(self._kubeconfig())
        self.register_outputs({"clusterId": self.cluster_id, "name": self.name})

    def _control_plane(self, name: str) -> gcp.container.Cluster:
        scope, args, container = self._scope, self._args, gcp.container
        restricted = args.api.access is ApiAccess.RESTRICTED
        return container.Cluster(
            name,
            name=scope.cluster_name,
            location=scope.region,
            node_locations=list(args.zones),
            description=f"Model serving of {scope.stack}",
            network=args.network,
            subnetwork=args.subnet,
            networking_mode="VPC_NATIVE",
            ip_allocation_policy=container.ClusterIpAllocationPolicyArgs(
                cluster_secondary_range_name=PODS_RANGE, services_secondary_range_name=SERVICES_RANGE
            ),
            default_max_pods_per_node=_PODS_PER_NODE,
            # Dataplane V2 (Cilium) enforces network policies; GPU machines' further networks need it too.
            datapath_provider="ADVANCED_DATAPATH",
            enable_multi_networking=True,
            enable_l4_ilb_subsetting=True,
            enable_intranode_visibility=True,
            private_cluster_config=container.ClusterPrivateClusterConfigArgs(
                enable_private_nodes=True, enable_private_endpoint=not restricted
            ),
            control_plane_endpoints_config=container.ClusterControlPlaneEndpointsConfigArgs(
                dns_endpoint_config=container.ClusterControlPlaneEndpointsConfigDnsEndpointConfigArgs(
                    # From anywhere, but only for whom IAM gives container.clusters.connect; tokens and certificates
                    # of the cluster's own don't pass.
                    allow_external_traffic=True,
                    enable_k8s_tokens_via_dns=False,
                    enable_k8s_certs_via_dns=False,
                ),
                ip_endpoints_config=container.ClusterControlPlaneEndpointsConfigIpEndpointsConfigArgs(
                    enabled=restricted
                ),
            ),
            master_authorized_networks_config=_authorized(args.api) if restricted else None,
            database_encryption=container.ClusterDatabaseEncryptionArgs(state="ENCRYPTED", key_name=args.secrets_key),
            workload_identity_config=container.ClusterWorkloadIdentityConfigArgs(
                workload_pool=f"{scope.project}.svc.id.goog"
            ),
            authenticator_groups_config=_groups(args.api),
            master_auth=container.ClusterMasterAuthArgs(
                client_certificate_config=container.ClusterMasterAuthClientCertificateConfigArgs(
                    issue_client_certificate=False
                )
            ),
            anonymous_authentication_config=container.ClusterAnonymousAuthenticationConfigArgs(mode="LIMITED"),
            rbac_binding_config=container.ClusterRbacBindingConfigArgs(
                enable_insecure_binding_system_authenticated=False,
                enable_insecure_binding_system_unauthenticated=False,
            ),
            enable_legacy_abac=False,
            enable_shielded_nodes=True,
            service_external_ips_config=container.ClusterServiceExternalIpsConfigArgs(enabled=False),
            security_posture_config=container.ClusterSecurityPostureConfigArgs(mode="BASIC"),
            binary_authorization=container.ClusterBinaryAuthorizationArgs(
                evaluation_mode="PROJECT_SINGLETON_POLICY_ENFORCE"
            ),
            addons_config=_addons(),
            logging_config=container.ClusterLoggingConfigArgs(enable_components=_LOGGED),
            monitoring_config=container.ClusterMonitoringConfigArgs(
                enable_components=_MEASURED,
                managed_prometheus=container.ClusterMonitoringConfigManagedPrometheusArgs(enabled=True),
            ),
            cost_management_config=container.ClusterCostManagementConfigArgs(enabled=True),
            # Pools are ours and named; the autoscaler fills them in the order that ComputeClasses give. It makes none.
            cluster_autoscaling=container.ClusterClusterAutoscalingArgs(
                enabled=False, autoscaling_profile="BALANCED", default_compute_class_enabled=False
            ),
            vertical_pod_autoscaling=container.ClusterVerticalPodAutoscalingArgs(enabled=False),
            release_channel=container.ClusterReleaseChannelArgs(channel="REGULAR"),
            min_master_version=args.kubernetes.version,
            maintenance_policy=_maintenance(),
            # GKE makes a first pool before it can be taken away; this is what its one node is.
            remove_default_node_pool=True,
            initial_node_count=1,
            node_config=container.ClusterNodeConfigArgs(
                service_account=args.node_account,
                boot_disk_kms_key=args.disks_key,
                shielded_instance_config=container.ClusterNodeConfigShieldedInstanceConfigArgs(
                    enable_secure_boot=True, enable_integrity_monitoring=True
                ),
                workload_metadata_config=container.ClusterNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
            ),
            # A cluster holds no data that a bucket, a database or this program doesn't: `down` may take it.
            deletion_protection=False,
            resource_labels=dict(scope.labels),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.granted, *args.network_ready],
                # The first pool's nodes are gone; what GKE says of them is no drift.
                ignore_changes=["nodeConfig", "initialNodeCount"],
            ),
        )

    def _kubeconfig(self) -> pulumi.Output[str]:
        def render(values: list[str]) -> str:
            name, endpoint = values
            return yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": name,
                    "clusters": [{"name": name, "cluster": {"server": f"https://{endpoint}"}}],
                    "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                    "users": [
                        {
                            "name": name,
                            "user": {
                                # cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl
                                "exec": {
                                    "apiVersion": "client.authentication.k8s.io/v1beta1",
                                    "command": "gke-gcloud-auth-plugin",
                                    "provideClusterInfo": True,
                                    "interactiveMode": "Never",
                                }
                            },
                        }
                    ],
                },
                sort_keys=False,
            )

        # After the id, since a preview knows all of the configuration but the endpoint in it.
        config = self.resource.control_plane_endpoints_config
        endpoint = self.resource.id.apply(lambda _: config.apply(_dns_endpoint))
        return pulumi.Output.all(self.resource.name, endpoint).apply(render)


def _dns_endpoint(config: gcp.container.outputs.ClusterControlPlaneEndpointsConfig) -> str:
    dns = config.dns_endpoint_config
    if dns is None or not dns.endpoint:
        msg = "the cluster has no DNS endpoint: GKE gives one to clusters from 1.29.4-gke.1043000 on"
        raise ValueError(msg)
    return dns.endpoint


def _authorized(api: ApiSettings) -> gcp.container.ClusterMasterAuthorizedNetworksConfigArgs:
    return gcp.container.ClusterMasterAuthorizedNetworksConfigArgs(
        cidr_blocks=[
            gcp.container.ClusterMasterAuthorizedNetworksConfigCidrBlockArgs(cidr_block=allowed)
            for allowed in api.authorized_ranges
        ],
        # Google's own public addresses are other customers' machines.
        gcp_public_cidrs_access_enabled=False,
        private_endpoint_enforcement_enabled=True,
    )


def _groups(api: ApiSettings) -> gcp.container.ClusterAuthenticatorGroupsConfigArgs | None:
    """Let RBAC know groups: those that are members of the one group that GKE looks into.

    Its name is prescribed (cloud.google.com/kubernetes-engine/docs/how-to/google-groups-rbac).
    """
    domains = sorted({admin.rsplit("@", 1)[-1] for admin in api.admins})
    if not domains:
        return None
    if len(domains) > 1:
        problem = f"groups of one domain only, not of {', '.join(domains)}: GKE looks into one group of groups"
        raise refusal("api.admins", problem)
    return gcp.container.ClusterAuthenticatorGroupsConfigArgs(security_group=f"gke-security-groups@{domains[0]}")


def _addons() -> gcp.container.ClusterAddonsConfigArgs:
    container = gcp.container
    return container.ClusterAddonsConfigArgs(
        # Controllers of load balancers and their endpoint groups.
        http_load_balancing=container.ClusterAddonsConfigHttpLoadBalancingArgs(disabled=False),
        horizontal_pod_autoscaling=container.ClusterAddonsConfigHorizontalPodAutoscalingArgs(disabled=False),
        # A cache of names on every node, which policies admit by its own label (`infra/cluster/traffic.py`).
        dns_cache_config=container.ClusterAddonsConfigDnsCacheConfigArgs(enabled=True),
        # Dataplane V2 enforces policies itself; this one would be Calico.
        network_policy_config=container.ClusterAddonsConfigNetworkPolicyConfigArgs(disabled=True),
        gce_persistent_disk_csi_driver_config=container.ClusterAddonsConfigGcePersistentDiskCsiDriverConfigArgs(
            enabled=True
        ),
    )


def _maintenance() -> gcp.container.ClusterMaintenancePolicyArgs:
    # Weekends, eight hours at night: 64 hours in 32 days, of which GKE asks 48
    # (cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions).
    return gcp.container.ClusterMaintenancePolicyArgs(
        recurring_window=gcp.container.ClusterMaintenancePolicyRecurringWindowArgs(
            start_time="2026-01-03T00:00:00Z", end_time="2026-01-03T08:00:00Z", recurrence="FREQ=WEEKLY;BYDAY=SA,SU"
        )
    )
