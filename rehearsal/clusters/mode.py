"""Whether a rehearsal's clusters are real API servers, or objects that are only remembered."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Final

from rehearsal import guard

_KEY: Final = "clusters"


class ClusterMode(StrEnum):
    """What stands for a managed cluster.

    `REAL` is a Kubernetes API server with simulated nodes: needs root and the built daemons. `REMEMBERED` keeps objects
    by name and runs nothing: seconds faster, and it admits what Kubernetes would refuse.
    """

    REAL = "real"
    REMEMBERED = "remembered"


def usual_mode() -> ClusterMode:
    """Give the mode that this machine can have: real where namespaces may be made and the daemons are built."""
    from toolchain import builder  # noqa: PLC0415 - not needed for --help

    able = os.geteuid() == 0 and all(builder.is_built(name) for name in ("kubernetes", "etcd"))
    return ClusterMode.REAL if able else ClusterMode.REMEMBERED


def mode_of(world: Path) -> ClusterMode:
    """Give the mode in which a rehearsal's folder was begun."""
    told = json.loads((world / guard.MARK).read_text(encoding="utf-8") or "{}")
    return ClusterMode(told.get(_KEY, ClusterMode.REMEMBERED))
