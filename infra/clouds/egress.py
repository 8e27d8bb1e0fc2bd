"""What pods reach outside of their cluster: the region says where that is, `infra/cluster` who may go there.

A network policy of Kubernetes knows addresses and ports, never names; names need an extension, another one on each
cloud. So each cloud gives addresses: of its private endpoints where there are some, else the published ranges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Destination:
    """Where connections may go.

    Attributes:
        ranges: IPv4 ranges in CIDR notation, one at least: to a network policy, none would mean all.
        ports: TCP ports.
    """

    ranges: pulumi.Output[Sequence[str]]
    ports: tuple[int, ...]

    @classmethod
    def at(cls, *ranges: pulumi.Input[str], ports: Sequence[int]) -> "Destination":
        """The destination of some ranges, known now or later."""
        return cls(pulumi.Output.all(*ranges), tuple(ports))


@dataclass(frozen=True)
class Egress:
    """What a region's pods may need outside of their cluster; images are pulled by nodes, which no policy holds.

    Attributes:
        object_store: Weights and tenants' files; None where pods find them on their node.
        database: PostgreSQL; None where there is none.
        cache: Valkey or Redis; None where there is none.
        identity: What hands pods the credentials of their cloud identity; None where they need none.
    """

    object_store: Destination | None = None
    database: Destination | None = None
    cache: Destination | None = None
    identity: Destination | None = None
