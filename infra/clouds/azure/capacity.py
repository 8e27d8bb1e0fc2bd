"""The least capacity of each GPU pool, asked for the way everything asks for capacity: by pods.

A placeholder asks for no GPU and for a node of the pool that has no other placeholder: `min` of them are `min`
machines, on whichever rung of the ladder has some. The autoscaler keeps a machine whose placeholder fits nowhere else,
`up` waits until they run, and when they don't, the pods' events name what each rung was refused for.
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.azure.cluster import POOL_LABEL
from infra.clouds.azure.gpu_daemons import SYSTEM_NAMESPACE, TOLERATED
from infra.clouds.azure.gpu_ladder import AgentPoolPlan
from infra.clouds.azure.gpu_pools import GENERATION_LABEL
from infra.clouds.azure.images import PAUSE
from infra.cluster.hardening import container_security, labels, pod_security
from infra.config import GpuPoolSettings, Replacement

WAIT_S = 3600
"""`up` waits this long: every rung's 15 minutes of trying, and the machines' own start."""


@dataclass(frozen=True)
class CapacityArgs:
    """What the placeholders are made from.

    Attributes:
        inside: Options of objects in the cluster.
        plans: The agent pools.
    """

    inside: pulumi.ResourceOptions
    plans: tuple[AgentPoolPlan, ...]


class Capacity(pulumi.ComponentResource):
    """Placeholders of every pool whose minimum isn't zero."""

    def __init__(self, name: str, args: CapacityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Capacity", name, None, opts)
        inside = pulumi.ResourceOptions.merge(args.inside, pulumi.ResourceOptions(parent=self))
        for pool in {planned.pool.name: planned.pool for planned in args.plans}.values():
            if pool.min:
                _hold(pool, inside)
        self.register_outputs({})


def _hold(pool: GpuPoolSettings, opts: pulumi.ResourceOptions) -> None:
    # With `surge`, another generation is another Deployment: its machines are there before the old ones go. With
    # `rolling`, pods move from one generation to the next as its slices come.
    surge = pool.replacement is Replacement.SURGE
    name = f"capacity-{pool.name}-{pool.generation}" if surge else f"capacity-{pool.name}"
    nodes: dict[str, str] = {POOL_LABEL: pool.name}
    if surge:
        nodes[GENERATION_LABEL] = pool.generation
    own = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "modelfleet"}
    pods = k8s.meta.v1.LabelSelectorArgs(match_labels=own)
    apart = k8s.core.v1.PodAffinityTermArgs(topology_key="kubernetes.io/hostname", label_selector=pods)
    k8s.apps.v1.Deployment(
        f"capacity-{pool.name}",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=SYSTEM_NAMESPACE,
            labels=dict(labels(name)),
            annotations={"pulumi.com/timeoutSeconds": str(WAIT_S)},
        ),
        spec=k8s.apps.v1.DeploymentSpecArgs(
            replicas=pool.min,
            progress_deadline_seconds=WAIT_S,
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
                    node_selector=nodes,
                    affinity=k8s.core.v1.AffinityArgs(
                        pod_anti_affinity=k8s.core.v1.PodAntiAffinityArgs(
                            required_during_scheduling_ignored_during_execution=[apart]
                        )
                    ),
                    tolerations=[
                        k8s.core.v1.TolerationArgs(key=key, operator="Exists", effect="NoSchedule") for key in TOLERATED
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
