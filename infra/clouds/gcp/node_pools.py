"""Pools without GPUs: one for what the cluster itself needs, one for gateways and everything else."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope
from infra.config import CpuPoolSettings, CpuPoolsSettings

POOL_LABEL = "modelfleet.dev/pool"
SYSTEM_TAINT = "components.gke.io/gke-managed-components"
"""Taint that GKE's own pods tolerate
(cloud.google.com/kubernetes-engine/docs/how-to/isolate-workloads-dedicated-nodes)."""
_DISK_GB = 100
# N2D machines have encrypted memory (AMD SEV) as an option, in every region that has GPUs
# (cloud.google.com/confidential-computing/confidential-vm/docs/supported-configurations).
_USUAL = {"system": "n2d-standard-4", "general": "n2d-standard-8"}


@dataclass(frozen=True)
class NodeTemplate:
    """What all nodes of a region share.

    Attributes:
        account: E-mail of the nodes' service account.
        disks_key: Id of the key of boot disks.
        labels: Cloud labels.
        tag: Network tag.
    """

    account: pulumi.Input[str]
    disks_key: pulumi.Input[str]
    labels: Mapping[str, str]
    tag: str


@dataclass(frozen=True)
class NodePoolsArgs:
    """What the pools are made of.

    Attributes:
        settings: The stack file's `cpuPools`.
        cluster: Id of the cluster.
        zones: Zones of the nodes.
        template: What all nodes share.
        confidential: Whether their memory is encrypted.
    """

    settings: CpuPoolsSettings
    cluster: pulumi.Input[str]
    zones: tuple[str, ...]
    template: NodeTemplate
    confidential: bool


class NodePools(pulumi.ComponentResource):
    """The pools `system` and `general`."""

    resources: tuple[gcp.container.NodePool, ...]

    def __init__(
        self, name: str, scope: Scope, args: NodePoolsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:NodePools", name, None, opts)
        self._scope, self._args = scope, args
        taint = gcp.container.NodePoolNodeConfigTaintArgs(key=SYSTEM_TAINT, value="true", effect="NO_SCHEDULE")
        self.resources = (
            self._pool("system", args.settings.system, [taint]),
            self._pool("general", args.settings.general, []),
        )
        self.register_outputs({"pools": [pool.name for pool in self.resources]})

    def _pool(
        self, name: str, settings: CpuPoolSettings, taints: list[gcp.container.NodePoolNodeConfigTaintArgs]
    ) -> gcp.container.NodePool:
        args, container = self._args, gcp.container
        template = args.template
        return container.NodePool(
            name,
            name=name,
            cluster=args.cluster,
            location=self._scope.region,
            node_locations=list(args.zones),
            initial_node_count=1,
            autoscaling=container.NodePoolAutoscalingArgs(
                total_min_node_count=settings.min, total_max_node_count=settings.max, location_policy="BALANCED"
            ),
            management=container.NodePoolManagementArgs(auto_repair=True, auto_upgrade=True),
            upgrade_settings=container.NodePoolUpgradeSettingsArgs(strategy="SURGE", max_surge=1, max_unavailable=0),
            network_config=container.NodePoolNetworkConfigArgs(enable_private_nodes=True),
            node_config=container.NodePoolNodeConfigArgs(
                machine_type=settings.sku or _USUAL[name],
                image_type="COS_CONTAINERD",
                disk_type="pd-balanced",
                disk_size_gb=_DISK_GB,
                boot_disk_kms_key=template.disks_key,
                service_account=template.account,
                oauth_scopes=[OAUTH_SCOPE],
                labels={POOL_LABEL: name},
                resource_labels=dict(template.labels),
                tags=[template.tag],
                taints=taints,
                metadata=METADATA,
                shielded_instance_config=shielded(),
                workload_metadata_config=gke_metadata(),
                kubelet_config=closed_kubelet(),
                confidential_nodes=container.NodePoolNodeConfigConfidentialNodesArgs(
                    enabled=True, confidential_instance_type="SEV"
                )
                if args.confidential
                else None,
                gvnic=container.NodePoolNodeConfigGvnicArgs(enabled=True),
            ),
            # What the autoscaler made of the first count is no drift.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["initialNodeCount", "nodeCount"]),
        )


OAUTH_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""Scopes decide nothing beside the service account's roles
(cloud.google.com/compute/docs/access/service-accounts#scopes_best_practice)."""

METADATA = {"disable-legacy-endpoints": "true"}
"""The metadata server's old endpoints would answer requests without the header that proves their origin."""


def shielded() -> gcp.container.NodePoolNodeConfigShieldedInstanceConfigArgs:
    """Secure boot, and a record of what was booted."""
    return gcp.container.NodePoolNodeConfigShieldedInstanceConfigArgs(
        enable_secure_boot=True, enable_integrity_monitoring=True
    )


def gke_metadata() -> gcp.container.NodePoolNodeConfigWorkloadMetadataConfigArgs:
    """Pods see their own identity at the metadata address, never the node's."""
    return gcp.container.NodePoolNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA")


def closed_kubelet() -> gcp.container.NodePoolNodeConfigKubeletConfigArgs:
    """The kubelet answers only who is authenticated."""
    return gcp.container.NodePoolNodeConfigKubeletConfigArgs(insecure_kubelet_readonly_port_enabled="FALSE")
