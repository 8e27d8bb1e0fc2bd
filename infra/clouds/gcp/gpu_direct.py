"""GPUDirect inside the cluster: the networks that pods may attach to, and the libraries that nodes need for them.

RDMA machines get both from GKE. TCPX and TCPXO machines need their networks declared, a device injector, and the NCCL
plugin copied onto each node (cloud.google.com/kubernetes-engine/docs/how-to/gpu-bandwidth-gpudirect-tcpx). Google
publishes the plugin's image by tag only: it is mirrored into the region's registry and named by digest in the stack
file (`gpuPools[].networkImage`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.gcp.gpu_networks import CARDS, GpuNetwork
from infra.clouds.gcp.gpu_pools import Ladder
from infra.clouds.gcp.machines import Fabric
from infra.clouds.gcp.refusal import refusal

# Both as the manifests of github.com/GoogleCloudPlatform/container-engine-accelerators pin them.
_PAUSE = "gke.gcr.io/pause:3.8@sha256:880e63f94b145e46f1b1082bb71b85e21f16b99b180b9996407d61240ceb9830"
_INJECTOR = (
    "gcr.io/gke-release/nri-device-injector@sha256:6e79483d52abdc28454bf186320b10a56b0f117a10e8d65d5c74dbb821a76970"
)
_NAMESPACE = "kube-system"
_ACCELERATOR_LABEL = "cloud.google.com/gke-accelerator"
_HOST_LIBRARIES = "/home/kubernetes/bin"
"""Where GKE keeps the driver on Container-Optimized OS; pods with GPUs see it as /usr/local."""

_INSTALL = {
    Fabric.TCPX: """set -eu
/scripts/container_entry.sh install --install-nccl
mkdir -p /usr/local/nvidia/lib64
cp -r /var/lib/tcpx/lib64/. /usr/local/nvidia/lib64
""",
    # FasTrak's devices are found by their PCI id, and bound where pods may open them.
    Fabric.TCPXO: """set -eu
nsenter --all --target 1 -- sh -c '
modprobe import-helper
for device in $(lspci -Dnd 1ae0:0084 | cut -d " " -f 1); do
  target=/dev/aperture_devices/$device
  mkdir -p "$target"
  mountpoint -q "$target" || mount --bind "$(readlink -f "/sys/bus/pci/devices/$device")" "$target"
  chmod a+rw "$target"/resource*
done
'
/scripts/container_entry.sh install --install-nccl
mkdir -p /usr/local/nvidia/lib64
cp -r /var/lib/tcpxo/lib64/. /usr/local/nvidia/lib64
""",
}
"""What the plugin's image is asked to do, by fabric."""


@dataclass(frozen=True)
class GpuDirectArgs:
    """What is declared and installed.

    Attributes:
        ladders: The stack's ladders.
        networks: The GPUs' networks.
        images: Reference of the plugin's image for each ladder that needs one, by its name.
        provider: The cluster's provider.
    """

    ladders: tuple[Ladder, ...]
    networks: tuple[GpuNetwork, ...]
    images: Mapping[str, str]
    provider: pulumi.ProviderResource


class GpuDirect(pulumi.ComponentResource):
    """Networks for pods, device injector, and installers."""

    def __init__(self, name: str, args: GpuDirectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:GpuDirect", name, None, opts)
        # No `deleted_with`: these have finalizers, or nodes that they changed.
        self._inside = pulumi.ResourceOptions(parent=self, provider=args.provider)
        for network in args.networks:
            self._declare(network)
        # One installer a GPU model: it is what nodes are chosen by.
        needed = {
            ladder.machine.accelerator: (ladder.machine.fabric, _image(ladder, args.images))
            for ladder in args.ladders
            if ladder.settings.group_size > 1 and ladder.machine.fabric in CARDS
        }
        for accelerator, (fabric, image) in needed.items():
            self._installer(accelerator, fabric, image)
        if needed:
            self._injector(sorted(needed))
        self.register_outputs({"accelerators": sorted(needed)})

    def _declare(self, network: GpuNetwork) -> None:
        """Name a VPC as a network that pods can have as a device."""
        metadata = k8s.meta.v1.ObjectMetaArgs(name=network.name)
        parameters = k8s.apiextensions.CustomResource(
            f"{network.name}-parameters",
            api_version="networking.gke.io/v1",
            kind="GKENetworkParamSet",
            metadata=metadata,
            spec={"vpc": network.network, "vpcSubnet": network.subnet, "deviceMode": "NetDevice"},
            opts=self._inside,
        )
        k8s.apiextensions.CustomResource(
            network.name,
            api_version="networking.gke.io/v1",
            kind="Network",
            metadata=metadata,
            spec={
                "type": "Device",
                "parametersRef": {
                    "group": "networking.gke.io",
                    "kind": "GKENetworkParamSet",
                    "name": network.name,
                },
            },
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=[parameters])),
        )

    def _installer(self, accelerator: str, fabric: Fabric, image: str) -> None:
        volumes = {"libraries": _HOST_LIBRARIES, "state": "/var/lib"}
        install = k8s.core.v1.ContainerArgs(
            name="install",
            image=image,
            command=["/bin/sh", "-c"],
            args=[_INSTALL[fabric]],
            resources=_little(),
            security_context=k8s.core.v1.SecurityContextArgs(privileged=True),
            volume_mounts=[
                k8s.core.v1.VolumeMountArgs(name="libraries", mount_path="/usr/local"),
                k8s.core.v1.VolumeMountArgs(name="state", mount_path="/var/lib"),
            ],
        )
        hold = k8s.core.v1.ContainerArgs(name="hold", image=_PAUSE, resources=_little())
        self._daemon(f"nccl-{fabric}", [accelerator], volumes, [hold], [install])

    def _injector(self, accelerators: list[str]) -> None:
        """Gives pods without privileges the GPU devices that their annotations name."""
        inject = k8s.core.v1.ContainerArgs(
            name="inject",
            image=_INJECTOR,
            resources=_little(),
            security_context=k8s.core.v1.SecurityContextArgs(privileged=True),
            volume_mounts=[
                k8s.core.v1.VolumeMountArgs(name="devices", mount_path="/dev"),
                k8s.core.v1.VolumeMountArgs(name="nri", mount_path="/var/run/nri"),
            ],
        )
        self._daemon("device-injector", accelerators, {"devices": "/dev", "nri": "/var/run/nri"}, [inject], [])

    def _daemon(
        self,
        name: str,
        accelerators: list[str],
        volumes: Mapping[str, str],
        containers: list[k8s.core.v1.ContainerArgs],
        init_containers: list[k8s.core.v1.ContainerArgs],
    ) -> None:
        core = k8s.core.v1
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "modelfleet"}
        term = core.NodeSelectorTermArgs(
            match_expressions=[
                core.NodeSelectorRequirementArgs(key=_ACCELERATOR_LABEL, operator="In", values=accelerators)
            ]
        )
        k8s.apps.v1.DaemonSet(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=name,
                namespace=_NAMESPACE,
                labels=labels,
                # Its nodes may not be there for hours: the pool starts from nothing.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=k8s.apps.v1.DaemonSetSpecArgs(
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
                template=core.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
                    spec=core.PodSpecArgs(
                        priority_class_name="system-node-critical",
                        host_network=True,
                        host_pid=True,
                        automount_service_account_token=False,
                        tolerations=[core.TolerationArgs(operator="Exists")],
                        affinity=core.AffinityArgs(
                            node_affinity=core.NodeAffinityArgs(
                                required_during_scheduling_ignored_during_execution=core.NodeSelectorArgs(
                                    node_selector_terms=[term]
                                )
                            )
                        ),
                        init_containers=init_containers or None,
                        containers=containers,
                        volumes=[
                            core.VolumeArgs(name=volume, host_path=core.HostPathVolumeSourceArgs(path=path))
                            for volume, path in volumes.items()
                        ],
                    ),
                ),
            ),
            opts=self._inside,
        )


def _image(ladder: Ladder, images: Mapping[str, str]) -> str:
    name = ladder.settings.name
    if name not in images:
        problem = f"{name}: networkImage is missing: GPUDirect needs the NCCL plugin's image, mirrored and by digest"
        raise refusal("gpuPools", problem)
    return images[name]


def _little() -> k8s.core.v1.ResourceRequirementsArgs:
    return k8s.core.v1.ResourceRequirementsArgs(requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "512Mi"})
