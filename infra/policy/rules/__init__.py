"""The rules, one file for each thing that they protect."""

from typing import Final

from infra.policy.rule import Rule
from infra.policy.rules import (
    data,
    encryption,
    firewall,
    front,
    gpu_pools,
    identity,
    images,
    logs,
    public_access,
    tags,
    transport,
)

RULES: Final[tuple[Rule, ...]] = (
    *public_access.RULES,
    *encryption.RULES,
    *transport.RULES,
    *front.RULES,
    *firewall.RULES,
    *identity.RULES,
    *data.RULES,
    *gpu_pools.RULES,
    *images.RULES,
    *logs.RULES,
    *tags.RULES,
)
"""Every rule of the pack, in the order of docs/policies.md."""
