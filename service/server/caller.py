"""Who asks, as the gateway says it. Clients can't reach this server, and the gateway drops these headers of theirs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from service.engine.interface import Priority
from service.server.protocol.generation import PRIORITY_OF_TIER

if TYPE_CHECKING:
    from starlette.requests import Request

    from service.server.protocol.generation import ServiceTier

TENANT_HEADER = "x-modelfleet-tenant"
PRIORITY_HEADER = "x-modelfleet-priority"
"""The best class that the tenant may have, by the name of `Priority`; ``normal`` where it is left out."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has sent a request.

    Attributes:
        tenant: its name; empty without a gateway.
        priority: the class that it asked for if it may have it, else the best that it may have.
    """

    tenant: str
    priority: Priority

    @classmethod
    def of(cls, request: Request, tier: ServiceTier | None) -> Self:
        """Reads the gateway's headers, and notes the tenant for the access log.

        Args:
            request: the HTTP request.
            tier: the class that it asks for.
        """
        tenant = request.headers.get(TENANT_HEADER, "")
        request.state.tenant = tenant or None
        ceiling = Priority.__members__.get(request.headers.get(PRIORITY_HEADER, "").upper(), Priority.NORMAL)
        return cls(tenant, max(PRIORITY_OF_TIER[tier or "default"], ceiling))

    @property
    def tier(self) -> str:
        """Its class in OpenAI's words."""
        return {Priority.INTERACTIVE: "priority", Priority.NORMAL: "default", Priority.BATCH: "flex"}[self.priority]

    def prefix_salt(self, cache_salt: str | None) -> str:
        """With whom it shares cached prefixes."""
        # A tenant's name holds no line break, so no salt of one can be the salt of another.
        return self.tenant if cache_salt is None else f"{self.tenant}\n{cache_salt}"


def deadline(limit_s: float) -> float | None:
    """When a request that came now is given up, in `time.monotonic` seconds; never where the limit is 0."""
    return time.monotonic() + limit_s if limit_s else None
