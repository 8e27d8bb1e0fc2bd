"""Pods that hold a GPU pool's least number of machines: one to a machine, asking for next to nothing.

A pool's own minimum can't climb a ladder: where a rung has no machines, the update would fail. Pending pods make the
autoscaler try one rung after the other instead, and what comes up in the end is what an update waits for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.cluster.hardening import container_security, labels, pod_security

_NAMESPACE = "kube-system"
_WAIT_S = 3600
"""`up` waits this long: every rung's 15 minutes of trying and backing off, and the machines' own start."""


@dataclass(frozen=True)
class Placeholders:
    """What one pool's placeholders are made from.

    Attributes:
        name: Of the Deployment; another generation of machines that comes beside the old one has another.
        machines: How many are held.
        image: Of a program that does nothing, by digest.
        nodes: Labels of the machines.
        tolerated: Keys of their taints.
    """

    name: str
    machines: int
    image: str
    nodes: Mapping[str, str]
    tolerated: Sequence[str]


def hold(resource: str, args: Placeholders, opts: pulumi.ResourceOptions) -> None:
    """Make the placeholders, under a resource's name in the stack."""
    name = args.name
    own = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "modelfleet"}
    pods = k8s.meta.v1.LabelSelectorArgs(match_labels=own)
    apart = k8s.core.v1.PodAffinityTermArgs(topology_key="kubernetes.io/hostname", label_selector=pods)
    k8s.apps.v1.Deployment(
        resource,
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=_NAMESPACE,
            labels=dict(labels(name)),
            annotations={"pulumi.com/timeoutSeconds": str(_WAIT_S)},
        ),
        spec=k8s.apps.v1.DeploymentSpecArgs(
            replicas=args.machines,
            progress_deadline_seconds=_WAIT_S,
            selector=pods,
            # A second placeholder would want a machine more.
            strategy=k8s.apps.v1.DeploymentStrategyArgs(
                rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=0, max_unavailable=1)
            ),
            template=k8s.core.v1.PodTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(labels(name))),
                spec=k8s.core.v1.PodSpecArgs(
                    automount_service_account_token=False,
                    enable_service_links=False,
                    termination_grace_period_seconds=0,
                    security_context=pod_security(),
                    node_selector=dict(args.nodes),
                    affinity=k8s.core.v1.AffinityArgs(
                        pod_anti_affinity=k8s.core.v1.PodAntiAffinityArgs(
                            required_during_scheduling_ignored_during_execution=[apart]
                        )
                    ),
                    tolerations=[
                        k8s.core.v1.TolerationArgs(key=key, operator="Exists", effect="NoSchedule")
                        for key in args.tolerated
                    ],
                    containers=[
                        k8s.core.v1.ContainerArgs(
                            name="placeholder",
                            image=args.image,
                            resources=k8s.core.v1.ResourceRequirementsArgs(
                                requests={"cpu": "10m", "memory": "16Mi"}, limits={"memory": "16Mi"}
                            ),
                            security_context=container_security(),
                        )
                    ],
                ),
            ),
        ),
        opts=opts,
    )
