"""Tags by which the program tells others what it means: the policy pack, and whoever looks at a cloud's console."""

from collections.abc import Mapping
from typing import Final

STACK_TAG: Final = "modelfleet-stack"
"""Of everything: the stack that made it."""
NAME_TAG: Final = "modelfleet-name"
"""On AWS, which draws most ids itself: the resource's name in the program. With type and stack it finds a resource
again whose creation was killed before its id was written down."""
TENANT_TAG: Final = "modelfleet-tenant"
"""Of what costs something and is one tenant's alone: clouds sum up costs by it, and a tenant's budget counts those."""
LEAVING: Final = "modelfleet-leaving"
"""Of data that an update may delete, since its tenant leaves: it needs no protection any more."""


def marks(*, guarded: bool, tenant: str | None = None) -> Mapping[str, str] | None:
    """Tags of what holds data, and whose it is; None where there is nothing to say."""
    return {**of_tenant(tenant), **({} if guarded else {LEAVING: "true"})} or None


def of_tenant(tenant: str | None) -> dict[str, str]:
    """Tags of what is one tenant's alone; none of what all share."""
    return {} if tenant is None else {TENANT_TAG: tenant}
