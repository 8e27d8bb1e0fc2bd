"""What makes GPUs, and the network between them, something that pods can ask for.

The driver is in the node's image (AL2023_x86_64_NVIDIA); the NVIDIA device plugin offers `nvidia.com/gpu`, the EFA
plugin `vpc.amazonaws.com/efa` (docs.aws.amazon.com/eks/latest/userguide/ml-eks-k8s-device-plugin.html, and
node-efa.html). Sick GPUs are found by the node monitoring agent's DCGM (`addons.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.aws.gpu_pools import EFA_LABEL, GPU_TAINT, RUNG_LABEL, TENANT_TAINT
from infra.clouds.aws.images import NVIDIA_DEVICE_PLUGIN, efa_device_plugin
from infra.clouds.aws.scope import Scope
from infra.cluster.hardening import labels, selector

_SOCKETS = "/var/lib/kubelet/device-plugins"
"""Where the kubelet looks for device plugins."""


@dataclass(frozen=True)
class GpuEnablementArgs:
    """What the device plugins are made from.

    Attributes:
        scope: The stack's place.
        provider: Applies objects to the cluster.
        lifetime: The cluster.
        efa: Whether some pool's machines have EFA.
    """

    scope: Scope
    provider: k8s.Provider
    lifetime: pulumi.Resource
    efa: bool


class GpuEnablement(pulumi.ComponentResource):
    """Device plugins, one pod per GPU node each."""

    def __init__(self, name: str, args: GpuEnablementArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:GpuEnablement", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self, provider=args.provider, deleted_with=args.lifetime)
        _make_plugin(
            "nvidia-device-plugin",
            NVIDIA_DEVICE_PLUGIN,
            nodes={},
            environment={
                # A container gets what the plugin hands to it, not what its own environment asks for.
                "DEVICE_LIST_STRATEGY": "envvar",
                "FAIL_ON_INIT_ERROR": "true",  # a GPU node without a working driver shall be seen
                "MIG_STRATEGY": "single",
                "NVIDIA_VISIBLE_DEVICES": "all",
                "NVIDIA_DRIVER_CAPABILITIES": "utility,compute",
            },
            opts=inside,
        )
        if args.efa:
            _make_plugin(
                "efa-device-plugin",
                efa_device_plugin(args.scope),
                nodes={EFA_LABEL: "true"},
                environment={},
                opts=inside,
            )
        self.register_outputs({})


def _make_plugin(
    name: str, image: str, *, nodes: Mapping[str, str], environment: Mapping[str, str], opts: pulumi.ResourceOptions
) -> None:
    on_gpu_nodes = k8s.core.v1.NodeSelectorArgs(
        node_selector_terms=[
            k8s.core.v1.NodeSelectorTermArgs(
                match_expressions=[k8s.core.v1.NodeSelectorRequirementArgs(key=RUNG_LABEL, operator="Exists")]
            )
        ]
    )
    pods = dict(selector(name))
    k8s.apps.v1.DaemonSet(
        name,
        # Waiting for a pod per node would wait for machines, which come when something needs them.
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace="kube-system",
            labels=dict(labels(name)),
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=k8s.apps.v1.DaemonSetSpecArgs(
            selector=k8s.meta.v1.LabelSelectorArgs(match_labels=pods),
            update_strategy=k8s.apps.v1.DaemonSetUpdateStrategyArgs(type="RollingUpdate"),
            template=k8s.core.v1.PodTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(labels(name))),
                spec=k8s.core.v1.PodSpecArgs(
                    priority_class_name="system-node-critical",
                    automount_service_account_token=False,
                    node_selector=dict(nodes) or None,
                    affinity=k8s.core.v1.AffinityArgs(
                        node_affinity=k8s.core.v1.NodeAffinityArgs(
                            required_during_scheduling_ignored_during_execution=on_gpu_nodes
                        )
                    ),
                    tolerations=[
                        k8s.core.v1.TolerationArgs(key=key, operator="Exists", effect="NoSchedule")
                        for key in (GPU_TAINT, TENANT_TAINT)
                    ],
                    containers=[
                        k8s.core.v1.ContainerArgs(
                            name=name,
                            image=image,
                            env=[k8s.core.v1.EnvVarArgs(name=key, value=value) for key, value in environment.items()],
                            resources=k8s.core.v1.ResourceRequirementsArgs(
                                requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "256Mi"}
                            ),
                            # Root, for the kubelet's socket is root's; nothing else of what root may do.
                            security_context=k8s.core.v1.SecurityContextArgs(
                                allow_privilege_escalation=False,
                                read_only_root_filesystem=True,
                                capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
                                seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
                            ),
                            volume_mounts=[k8s.core.v1.VolumeMountArgs(name="sockets", mount_path=_SOCKETS)],
                        )
                    ],
                    volumes=[
                        k8s.core.v1.VolumeArgs(
                            name="sockets", host_path=k8s.core.v1.HostPathVolumeSourceArgs(path=_SOCKETS)
                        )
                    ],
                ),
            ),
        ),
        opts=opts,
    )
