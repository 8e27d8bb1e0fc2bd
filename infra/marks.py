"""Tags by which the program tells others what it means: the policy pack, and whoever looks at a cloud's console."""

from collections.abc import Mapping
from typing import Final

LEAVING: Final = "modelfleet-leaving"
"""Of data that an update may delete, since its tenant leaves: it needs no protection any more."""


def marks(*, guarded: bool) -> Mapping[str, str] | None:
    """Tags of what holds data; None where there is nothing to say."""
    return None if guarded else {LEAVING: "true"}
