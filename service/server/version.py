"""Which version of the server runs."""

from __future__ import annotations

from importlib import metadata

_DISTRIBUTION = "modelfleet"


def running_version(configured: str) -> str:
    """What the image says of itself, else what is installed; ``unknown`` for a bare folder of sources."""
    if configured:
        return configured
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"
