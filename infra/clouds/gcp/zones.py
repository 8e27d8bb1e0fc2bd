"""The zones of a region, without asking for them: a zone that Google adds must not move nodes that are there."""

from infra.clouds.gcp.refusal import refusal

_ZONES = {
    "europe-west1": "bcd",
    "us-central1": "abcf",
    "us-east1": "bcd",
}
"""Zones of regions whose zones aren't a, b and c (cloud.google.com/compute/docs/regions-zones)."""
_USUAL_ZONES = "abc"


def zones_of(region: str, count: int) -> tuple[str, ...]:
    """The first `count` zones of a region.

    Raises:
        SettingsError: the region has fewer.
    """
    letters = _ZONES.get(region, _USUAL_ZONES)
    if count > len(letters):
        raise refusal("network.zones", f"{region} has {len(letters)} zones, not {count}: use {len(letters)} at most")
    return tuple(f"{region}-{letter}" for letter in letters[:count])
