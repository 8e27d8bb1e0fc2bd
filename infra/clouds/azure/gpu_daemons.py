"""What runs on every GPU node: what offers GPUs and InfiniBand to pods, and what watches the GPUs.

AKS installs the NVIDIA driver with the node image (`gpuProfile.driver`) and leaves the rest to the cluster
(learn.microsoft.com/azure/aks/use-nvidia-gpu). Of NVIDIA's network operator a region needs one part: the node images'
kernel has the InfiniBand driver, and the RDMA device plugin offers it to pods
(azure.github.io/aks-rdma-infiniband describes the whole operator).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.azure.gpu_pools import GPU_TAINT, INFINIBAND_LABEL, RUNG_LABEL, SPOT_TAINT, TENANT_TAINT
from infra.clouds.azure.images import DCGM_EXPORTER, NVIDIA_DEVICE_PLUGIN, RDMA_DEVICE_PLUGIN
from infra.cluster.hardening import labels, selector

SYSTEM_NAMESPACE = "kube-system"
TOLERATED = (GPU_TAINT, TENANT_TAINT, SPOT_TAINT)
RDMA_RESOURCE = "shared_ib"
"""Pods ask for `rdma/shared_ib`."""

_SOCKETS = "/var/lib/kubelet/device-plugins"
"""Where the kubelet looks for device plugins."""
_POD_RESOURCES = "/var/lib/kubelet/pod-resources"
"""Where the kubelet says which pod has which GPU."""
_DCGM_PORT = 9400
_MELLANOX = "15b3"
"""PCI vendor id of NVIDIA's network cards."""
_RDMA_PODS_PER_NODE = 63


@dataclass(frozen=True)
class Daemon:
    """What differs between the daemons.

    Attributes:
        name: Its name.
        image: By digest.
        folders: Paths of the node that it sees, at the same place.
        nodes: Labels of the nodes that it runs on, beside being GPU nodes.
        environment: Environment of its container.
        privileged: Whether it needs the node's devices.
        host_network: Whether it sees the node's network devices.
        port: Port of its metrics.
        config: Name of a ConfigMap, and where it is mounted.
    """

    name: str
    image: str
    folders: Sequence[str]
    nodes: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    privileged: bool = False
    host_network: bool = False
    port: int | None = None
    config: tuple[str, str] | None = None


_DEVICE_PLUGIN = Daemon(
    "nvidia-device-plugin",
    NVIDIA_DEVICE_PLUGIN,
    folders=[_SOCKETS],
    environment={
        "FAIL_ON_INIT_ERROR": "true",  # a GPU node without a working driver shall be seen
        "MIG_STRATEGY": "single",
        "NVIDIA_VISIBLE_DEVICES": "all",
        "NVIDIA_DRIVER_CAPABILITIES": "utility,compute",
    },
)
_METRICS = Daemon(
    "dcgm-exporter",
    DCGM_EXPORTER,
    folders=[_POD_RESOURCES],
    environment={"DCGM_EXPORTER_LISTEN": f":{_DCGM_PORT}", "DCGM_EXPORTER_KUBERNETES": "true"},
    port=_DCGM_PORT,
)
_RDMA = Daemon(
    "rdma-device-plugin",
    RDMA_DEVICE_PLUGIN,
    folders=[_SOCKETS, "/dev"],
    nodes={INFINIBAND_LABEL: "true"},
    privileged=True,
    host_network=True,
    config=("rdma-device-plugin", "/k8s-rdma-shared-dev-plugin"),
)


@dataclass(frozen=True)
class GpuDaemonsArgs:
    """What the daemons are made from.

    Attributes:
        inside: Options of objects in the cluster.
        infiniband: Whether some pool's machines work together over InfiniBand.
    """

    inside: pulumi.ResourceOptions
    infiniband: bool


class GpuDaemons(pulumi.ComponentResource):
    """Device plugins and exporter, one pod per GPU node each."""

    def __init__(self, name: str, args: GpuDaemonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:GpuDaemons", name, None, opts)
        inside = pulumi.ResourceOptions.merge(args.inside, pulumi.ResourceOptions(parent=self))
        for daemon in (_DEVICE_PLUGIN, _METRICS):
            _run(daemon, inside)
        if args.infiniband:
            config = k8s.core.v1.ConfigMap(
                _RDMA.name, metadata=_metadata(_RDMA.name), data={"config.json": _rdma_config()}, opts=inside
            )
            _run(_RDMA, pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[config])))
        self.register_outputs({})


def _rdma_config() -> str:
    # github.com/Mellanox/k8s-rdma-shared-dev-plugin: every InfiniBand card, shared by the pods of its node.
    cards = {"vendors": [_MELLANOX], "linkTypes": ["infiniband"]}
    offer = {"resourceName": RDMA_RESOURCE, "rdmaHcaMax": _RDMA_PODS_PER_NODE, "selectors": cards}
    return json.dumps({"periodicUpdateInterval": 300, "configList": [offer]})


def _metadata(name: str) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=SYSTEM_NAMESPACE, labels=dict(labels(name)))


def _run(daemon: Daemon, opts: pulumi.ResourceOptions) -> None:
    k8s.apps.v1.DaemonSet(
        daemon.name,
        # Waiting for a pod per node would wait for machines, which come when something needs them.
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=daemon.name,
            namespace=SYSTEM_NAMESPACE,
            labels=dict(labels(daemon.name)),
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=k8s.apps.v1.DaemonSetSpecArgs(
            selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector(daemon.name))),
            update_strategy=k8s.apps.v1.DaemonSetUpdateStrategyArgs(type="RollingUpdate"),
            template=k8s.core.v1.PodTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(labels(daemon.name))), spec=_pod(daemon)
            ),
        ),
        opts=opts,
    )


def _pod(daemon: Daemon) -> k8s.core.v1.PodSpecArgs:
    return k8s.core.v1.PodSpecArgs(
        priority_class_name="system-node-critical",
        automount_service_account_token=False,
        enable_service_links=False,
        host_network=daemon.host_network or None,
        node_selector=dict(daemon.nodes) or None,
        affinity=k8s.core.v1.AffinityArgs(
            node_affinity=k8s.core.v1.NodeAffinityArgs(
                required_during_scheduling_ignored_during_execution=k8s.core.v1.NodeSelectorArgs(
                    node_selector_terms=[
                        k8s.core.v1.NodeSelectorTermArgs(
                            match_expressions=[
                                k8s.core.v1.NodeSelectorRequirementArgs(key=RUNG_LABEL, operator="Exists")
                            ]
                        )
                    ]
                )
            )
        ),
        tolerations=[k8s.core.v1.TolerationArgs(key=key, operator="Exists", effect="NoSchedule") for key in TOLERATED],
        containers=[_container(daemon)],
        volumes=[
            *(
                k8s.core.v1.VolumeArgs(name=_volume(path), host_path=k8s.core.v1.HostPathVolumeSourceArgs(path=path))
                for path in daemon.folders
            ),
            *(
                []
                if daemon.config is None
                else [
                    k8s.core.v1.VolumeArgs(
                        name="config", config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=daemon.config[0])
                    )
                ]
            ),
        ],
    )


def _container(daemon: Daemon) -> k8s.core.v1.ContainerArgs:
    # Root, for the kubelet's sockets are root's; nothing else of what root may do, but where devices are needed.
    security = (
        k8s.core.v1.SecurityContextArgs(privileged=True)
        if daemon.privileged
        else k8s.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
            seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        )
    )
    mounts = [k8s.core.v1.VolumeMountArgs(name=_volume(path), mount_path=path) for path in daemon.folders]
    if daemon.config is not None:
        mounts.append(k8s.core.v1.VolumeMountArgs(name="config", mount_path=daemon.config[1], read_only=True))
    return k8s.core.v1.ContainerArgs(
        name=daemon.name,
        image=daemon.image,
        env=[k8s.core.v1.EnvVarArgs(name=key, value=value) for key, value in daemon.environment.items()],
        ports=None
        if daemon.port is None
        else [k8s.core.v1.ContainerPortArgs(name="metrics", container_port=daemon.port)],
        resources=k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "512Mi"}
        ),
        security_context=security,
        volume_mounts=mounts,
    )


def _volume(path: str) -> str:
    return path.strip("/").replace("/", "-")
