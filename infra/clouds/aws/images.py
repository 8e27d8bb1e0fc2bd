"""Images of controllers that aren't managed add-ons, each by the digest of its published release.

They come from their makers' registries through the NAT gateways; a digest is the same in every mirror of one.
"""

from infra.clouds.aws.scope import Scope

NVIDIA_DEVICE_PLUGIN = (
    "nvcr.io/nvidia/k8s-device-plugin@sha256:a61ba9fd8efb82f3a79f877f7580e02c1e8e7593f62473644bc9c79e315c3312"
)
"""v0.20.0"""

LOAD_BALANCER_CONTROLLER = (
    "public.ecr.aws/eks/aws-load-balancer-controller"
    "@sha256:13abee6e31c2f25ee91f9ae91aabe4f5bcaf6a70eccd372b36835786d2e0813e"
)
"""v2.14.1"""

PAUSE = "registry.k8s.io/pause@sha256:ee6521f290b2168b6e0935a181d4cff9be1ac3f505666ef0e3c98fae8199917a"
"""3.10: sleeps"""

_AUTOSCALERS = {
    "1.34": "aac369dc283927a623deb1af54696efcc722ae79255aa07788422e495bab887d",  # v1.35.2, a minor ahead
    "1.35": "aac369dc283927a623deb1af54696efcc722ae79255aa07788422e495bab887d",  # v1.35.2
    "1.36": "461388d03eb5b55db58941ee7a81d9a619dd15302b01cbab9f5a9946715994b4",  # v1.36.1
}

_EFA_PLUGIN_DIGEST = "364d46e3e482f7cd03c586a69996348aa0ec8e6ff711d73013fbfba1ceb0b20d"
"""v0.3.3"""
_ADDON_ACCOUNT = "602401143452"
"""Of the registries of EKS's own images (docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html)."""


def cluster_autoscaler(kubernetes: str) -> str:
    """The cluster autoscaler for a minor version of Kubernetes.

    Raises:
        ValueError: no image is known for it.
    """
    digest = _AUTOSCALERS.get(kubernetes)
    if digest is None:
        msg = f"kubernetes.version: {kubernetes} has no cluster autoscaler here: use {', '.join(_AUTOSCALERS)}"
        raise ValueError(msg)
    return f"registry.k8s.io/autoscaling/cluster-autoscaler@sha256:{digest}"


def efa_device_plugin(scope: Scope) -> str:
    """The EFA device plugin, which AWS publishes into a registry per Region."""
    host = f"{_ADDON_ACCOUNT}.dkr.ecr.{scope.region}.amazonaws.com"
    return f"{host}/eks/aws-efa-k8s-device-plugin@sha256:{_EFA_PLUGIN_DIGEST}"
