"""Which plugin a rehearsal's clusters have: the one for API servers, or the one that remembers."""

import os
from pathlib import Path

from rehearsal import guard
from rehearsal.clusters.mode import ClusterMode, mode_of
from toolchain.provider.interface import ResourceProvider


def simulator() -> ResourceProvider:
    """Give the plugin for the rehearsal that this process works in; outside of one, one that refuses to work."""
    world = os.environ.get(guard.WORLD_VARIABLE)
    # Each imports what the other doesn't need, and every operation of the engine waits for it.
    if world and (Path(world) / guard.MARK).is_file() and mode_of(Path(world)) is ClusterMode.REAL:
        from rehearsal.kubernetes.real import RehearsedKubernetes  # noqa: PLC0415

        return RehearsedKubernetes()
    from rehearsal.kubernetes.provider import SimulatedKubernetes  # noqa: PLC0415

    return SimulatedKubernetes()
