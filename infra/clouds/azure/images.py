"""Images of what isn't part of AKS, each by the digest of its published release.

They come from their makers' registries through the NAT gateways; a digest is the same in every mirror of one.
"""

NVIDIA_DEVICE_PLUGIN = (
    "nvcr.io/nvidia/k8s-device-plugin@sha256:a61ba9fd8efb82f3a79f877f7580e02c1e8e7593f62473644bc9c79e315c3312"
)
"""v0.20.0"""

DCGM_EXPORTER = (
    "nvcr.io/nvidia/k8s/dcgm-exporter@sha256:b4df763de9558e5b3f1f1d79bc65b772fcf65b8a9c3664ea7173e47153112b4a"
)
"""4.6.0-4.8.3"""

RDMA_DEVICE_PLUGIN = (
    "ghcr.io/mellanox/k8s-rdma-shared-dev-plugin"
    "@sha256:97e10cbcdba89f295152b4d55cb266078764aacb7180938c7f840fb3d712f875"
)
"""v1.5.4"""

PAUSE = "registry.k8s.io/pause@sha256:ee6521f290b2168b6e0935a181d4cff9be1ac3f505666ef0e3c98fae8199917a"
"""3.10: sleeps"""
