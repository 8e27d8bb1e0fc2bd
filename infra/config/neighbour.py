"""What a stack file may know of another one."""

from dataclasses import dataclass

from infra.config.network import IngressSettings, NetworkSettings
from infra.config.placement import Cloud, StackKind


@dataclass(frozen=True)
class Neighbour:
    """Another stack, as far as rules between stacks ask; its own rules are its own file's."""

    cloud: Cloud
    kind: StackKind
    network: NetworkSettings
    ingress: IngressSettings
