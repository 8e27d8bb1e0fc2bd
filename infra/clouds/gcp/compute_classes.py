"""ComputeClasses: the order in which the autoscaler tries a ladder's node pools."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.gcp.gpu_pools import Ladder, compute_class


@dataclass(frozen=True)
class ComputeClassesArgs:
    """What the classes are made of.

    Attributes:
        ladders: A class for each.
        inside: Options of objects in the cluster.
    """

    ladders: Sequence[Ladder]
    inside: pulumi.ResourceOptions


class ComputeClasses(pulumi.ComponentResource):
    """A ComputeClass per ladder."""

    names: tuple[str, ...]

    def __init__(self, name: str, args: ComputeClassesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:ComputeClasses", name, None, opts)
        for ladder in args.ladders:
            k8s.apiextensions.CustomResource(
                f"class-{ladder.settings.name}",
                api_version="cloud.google.com/v1",
                kind="ComputeClass",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=compute_class(ladder.settings)),
                spec={
                    "priorities": [{"nodepools": [pool]} for pool in ladder.rungs.values()],
                    # Pools are ours; with all of them out, pods wait for the first that gets a machine.
                    "nodePoolAutoCreation": {"enabled": False},
                    "whenUnsatisfiable": "DoNotScaleUp",
                    # Moving up the ladder would end streams that run well: pods climb when they are replaced.
                    "activeMigration": {"optimizeRulePriority": False},
                },
                opts=pulumi.ResourceOptions.merge(args.inside, pulumi.ResourceOptions(parent=self)),
            )
        self.names = tuple(compute_class(ladder.settings) for ladder in args.ladders)
        self.register_outputs({"names": list(self.names)})
