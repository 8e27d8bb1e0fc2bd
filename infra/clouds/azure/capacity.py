"""The least capacity of each GPU pool, asked for the way everything asks for capacity: by pods.

A placeholder asks for no GPU and for a node of the pool that has no other placeholder: `min` of them are `min`
machines, on whichever rung of the ladder has some. The autoscaler keeps a machine whose placeholder fits nowhere else,
`up` waits until they run, and when they don't, the pods' events name what each rung was refused for.
"""

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.cluster import POOL_LABEL
from infra.clouds.azure.gpu_daemons import TOLERATED
from infra.clouds.azure.gpu_ladder import AgentPoolPlan
from infra.clouds.azure.gpu_pools import GENERATION_LABEL
from infra.clouds.azure.images import PAUSE
from infra.clouds.placeholders import Placeholders, hold
from infra.config import GpuPoolSettings, Replacement


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
    held = Placeholders(name=name, machines=pool.min, image=PAUSE, nodes=nodes, tolerated=TOLERATED)
    hold(f"capacity-{pool.name}", held, opts)
