"""Rules of the place of all states: who gets at it."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from infra.config.placement import Cloud, StackKind
from infra.config.problem import Problem
from infra.config.settings import StackSettings


def check_state(settings: StackSettings) -> Iterator[Problem]:
    """Find a place on Azure that nobody could use: its perimeter lets in ranges, its container and key groups only."""
    if settings.kind is not StackKind.STATE or settings.cloud is not Cloud.AZURE:
        return
    api = settings.api
    if not api.authorized_ranges:
        yield Problem(
            ("api", "authorizedRanges"),
            "is missing: name the public ranges from which people use the states; the perimeter keeps out all others",
        )
    for index, allowed in enumerate(api.authorized_ranges):
        if IPv4Network(allowed).prefixlen == 0:
            yield Problem(
                ("api", "authorizedRanges", index), f"{allowed} is everybody: name your own networks' public ranges"
            )
    if not api.admins:
        yield Problem(
            ("api", "admins"),
            "is missing: name the object ids of the Entra groups that read and write states, and the secrets in them; "
            "whoever runs `fleet bootstrap` has to be in one",
        )
