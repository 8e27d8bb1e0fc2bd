"""The least capacity of each GPU pool, asked for the way everything asks for capacity: by pods.

A placeholder asks for no GPU and for a node of the pool that has no other placeholder: `min` of them are `min`
machines, on whichever rung of the ladder has some. The autoscaler keeps a machine whose placeholder fits nowhere else,
`up` waits until they run, and when they don't, the pods' events name what each rung was refused for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.aws.gpu_pools import GENERATION_LABEL, GPU_TAINT, TENANT_TAINT, NodeGroupPlan
from infra.clouds.aws.images import PAUSE
from infra.clouds.aws.node_pools import POOL_LABEL
from infra.clouds.placeholders import Placeholders, hold


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
    held = Placeholders(
        name=name,
        machines=plan.pool.min,
        image=PAUSE,
        nodes={POOL_LABEL: plan.pool.name, GENERATION_LABEL: plan.generation},
        tolerated=(GPU_TAINT, TENANT_TAINT),
    )
    hold(name, held, opts)
