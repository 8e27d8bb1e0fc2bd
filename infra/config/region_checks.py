"""Rules of regions' names: that the cloud has them, and that a copy is elsewhere than what it copies."""

from collections.abc import Iterator
from difflib import get_close_matches

import catalog
from documents import Path
from infra.config.placement import Cloud, StackKind
from infra.config.problem import Problem
from infra.config.settings import StackSettings


def check_regions(settings: StackSettings) -> Iterator[Problem]:
    """Find regions that the stack's cloud doesn't have, and a replica beside its original."""
    if settings.cloud is Cloud.LOCAL:
        return
    for path, cloud, region in _named(settings):
        names = catalog.region_names(cloud)
        if region not in names:
            close = get_close_matches(region, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(names))}"
            yield Problem(
                path, f"{region!r} is no region of {cloud} in the catalogue (catalog/data/regions.yaml); {hint}"
            )
    if settings.storage.replica_region == settings.region:
        yield Problem(("storage", "replicaRegion"), f"is {settings.region} itself: name another region")


def _named(settings: StackSettings) -> Iterator[tuple[Path, Cloud, str]]:
    if settings.kind is not StackKind.GLOBAL and settings.region != "local":
        yield ("region",), settings.cloud, settings.region
    for index, region in enumerate(settings.regions):
        yield ("regions", index), settings.cloud, region
    if settings.storage.replica_region is not None:
        yield ("storage", "replicaRegion"), settings.cloud, settings.storage.replica_region
    if settings.front is not None:
        for index, front in enumerate(settings.front.fronts):
            if front.cloud is not Cloud.LOCAL:
                yield ("front", "fronts", index, "region"), front.cloud, front.region
