"""Tags by which the program tells others what it means: the policy pack, and whoever looks at a cloud's console."""

from collections.abc import Mapping
from typing import Final

STACK_TAG: Final = "modelfleet-stack"
"""Of everything: the stack that made it."""
NAME_TAG: Final = "modelfleet-name"
"""On AWS, which draws most ids itself: the resource's name in the program. With type and stack it finds a resource
again whose creation was killed before its id was written down."""
LEAVING: Final = "modelfleet-leaving"
"""Of data that an update may delete, since its tenant leaves: it needs no protection any more."""


def marks(*, guarded: bool) -> Mapping[str, str] | None:
    """Tags of what holds data; None where there is nothing to say."""
    return None if guarded else {LEAVING: "true"}
