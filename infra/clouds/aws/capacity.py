"""The least capacity of each GPU pool, asked for the way everything asks for capacity: by pods.

A placeholder asks for no GPU and for a node of the pool that has no other placeholder: `min` of them are `min`
machines, on whichever rung of the ladder has some. The autoscaler keeps a machine whose placeholder fits nowhere else,
`up` waits until they run, and when they don't, the pods' events name what each rung was refused for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.aws.controllers import SYSTEM_NAMESPACE
from infra.clouds.aws.gpu_pools import GENERATION_LABEL, GPU_TAINT, TENANT_TAINT, NodeGroupPlan
from infra.clouds.aws.images import PAUSE
from infra.clouds.aws.node_pools import POOL_LABEL
from infra.cluster.hardening import container_security, labels, pod_security

_WAIT_S = 3600
"""`up` waits this long: every rung's 15 minutes of trying and backing off, and the machines' own start."""


@dataclass(frozen=True)
class CapacityArgs:
    """What the placeholders are made from.

    Attributes:
        provider: Applies objects to the cluster.
        lifetime: The cluster.
        plans: The GPU node groups.
        ready: Autoscaler and node groups.
    """

    provider: k8s.Provider
    lifetime: pulumi.Resource
    plans: Sequence[NodeGroupPlan]
    ready: Sequence[pulumi.Resource]


class Capacity(pulumi.ComponentResource):
    """Placeholders of every pool whose minimum isn't zero."""

    def __init__(self, name: str, args: CapacityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Capacity", name, None, opts)
        first_rungs = {plan.pool.name: plan for plan in reversed(args.plans)}
        for plan in first_rungs.values():
            if plan.pool.min:
                _make_placeholders(
                    plan,
                    pulumi.ResourceOptions(
                        parent=self,
                        provider=args.provider,
                        deleted_with=args.lifetime,
                        depends_on=list(args.ready),
                    ),
                )
        self.register_outputs({})


def _make_placeholders(plan: NodeGroupPlan, opts: pulumi.ResourceOptions) -> None:
    surge = plan.generation != plan.pool.name
    name = "-".join(filter(None, ("capacity", plan.pool.name, plan.generation if surge else "")))
    own = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "modelfleet"}
    pods = k8s.meta.v1.LabelSelectorArgs(match_labels=own)
    k8s.apps.v1.Deployment(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=SYSTEM_NAMESPACE,
            labels=dict(labels(name)),
            annotations={"pulumi.com/timeoutSeconds": str(_WAIT_S)},
        ),
        spec=k8s.apps.v1.DeploymentSpecArgs(
            replicas=plan.pool.min,
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
                    node_selector={POOL_LABEL: plan.pool.name, GENERATION_LABEL: plan.generation},
                    affinity=k8s.core.v1.AffinityArgs(
                        pod_anti_affinity=k8s.core.v1.PodAntiAffinityArgs(
                            required_during_scheduling_ignored_during_execution=[
                                k8s.core.v1.PodAffinityTermArgs(
                                    topology_key="kubernetes.io/hostname", label_selector=pods
                                )
                            ]
                        )
                    ),
                    tolerations=[
                        k8s.core.v1.TolerationArgs(key=key, operator="Exists", effect="NoSchedule")
                        for key in (GPU_TAINT, TENANT_TAINT)
                    ],
                    containers=[
                        k8s.core.v1.ContainerArgs(
                            name="placeholder",
                            image=PAUSE,
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
