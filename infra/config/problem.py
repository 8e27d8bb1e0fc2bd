"""A rule's finding before it has a file and a line."""

from dataclasses import dataclass

from documents import Path


@dataclass(frozen=True)
class Problem:
    """What is wrong at a key of the stack file, and what would be right.

    Attributes:
        path: The key's path, as the file writes it: ("gpuPools", 0, "sku").
        text: The finding's words.
    """

    path: Path
    text: str
