"""The least that a pod of ours needs, and labels that say what it is.

Security contexts follow the "restricted" Pod Security Standard (kubernetes.io/docs/concepts/security/
pod-security-standards), and go beyond it by a read-only root file system.
"""

from collections.abc import Mapping

import pulumi_kubernetes as k8s

USER = 65532
"""The unprivileged user of our images (the number that distroless images use)."""

POD_SECURITY_LABELS: Mapping[str, str] = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}
"""Of every namespace of ours: the API server refuses pods that ask for more."""


def labels(component: str) -> Mapping[str, str]:
    """The recommended labels (kubernetes.io/docs/concepts/overview/working-with-objects/common-labels)."""
    return {**selector(component), "app.kubernetes.io/part-of": "modelfleet", "app.kubernetes.io/managed-by": "pulumi"}


def selector(component: str) -> Mapping[str, str]:
    """The labels that never change: Deployments and Services find their pods by them."""
    return {"app.kubernetes.io/name": component, "app.kubernetes.io/instance": "modelfleet"}


def default_limits() -> k8s.core.v1.LimitRangeSpecArgs:
    """What a container of a namespace of ours gets that asks for nothing."""
    return k8s.core.v1.LimitRangeSpecArgs(
        limits=[
            k8s.core.v1.LimitRangeItemArgs(
                type="Container", default={"memory": "256Mi"}, default_request={"cpu": "50m", "memory": "128Mi"}
            )
        ]
    )


def pod_security() -> k8s.core.v1.PodSecurityContextArgs:
    """Security context of a pod."""
    return k8s.core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> k8s.core.v1.SecurityContextArgs:
    """Security context of a container."""
    return k8s.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
        seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )
