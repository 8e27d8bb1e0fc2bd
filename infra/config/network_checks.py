"""Rules of ranges of addresses: which may not overlap, which may not be everybody's."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from itertools import combinations

from infra.config.neighbour import Neighbour
from infra.config.network import ApiAccess, NetworkSettings
from infra.config.placement import Cloud, StackKind
from infra.config.problem import Problem
from infra.config.settings import StackSettings

_PREFIXES = {
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
    (Cloud.AWS, "cidr"): (16, 28),
    (Cloud.AWS, "podCidr"): (16, 28),
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html
    (Cloud.AWS, "serviceCidr"): (12, 24),
    # https://learn.microsoft.com/en-us/azure/aks/concepts-network-ip-address-planning
    (Cloud.AZURE, "serviceCidr"): (12, 28),
    # https://docs.cloud.google.com/kubernetes-engine/docs/concepts/alias-ips
    (Cloud.GCP, "podCidr"): (9, 21),
    (Cloud.GCP, "serviceCidr"): (16, 27),
}
"""The largest and the smallest range, as prefix lengths, that a cloud takes; any other: /8 to /28."""


def check_network(settings: StackSettings, neighbours: Mapping[str, Neighbour | None]) -> Iterator[Problem]:
    """Find ranges that overlap, within this stack and with its peers (None: a peer that has no readable file)."""
    if settings.cloud is Cloud.LOCAL or settings.kind is not StackKind.REGION:
        return
    ranges = _ranges(settings.network)
    for (first, one), (second, other) in combinations(ranges.items(), 2):
        if one.overlaps(other):
            yield Problem(
                ("network", second),
                f"{other} overlaps network.{first} ({one}): nodes, pods and Services need ranges of their own",
            )
    for index, peer in enumerate(settings.network.peers):
        neighbour = neighbours[peer]
        if neighbour is None:
            yield Problem(
                ("network", "peers", index),
                f"{peer!r} is no stack: name one whose Pulumi.{peer}.yaml is right",
            )
            continue
        for (key, mine), (their_key, theirs) in _routed(settings.network, neighbour.network):
            if mine.overlaps(theirs):
                yield Problem(
                    ("network", key),
                    f"{mine} overlaps {peer}'s network.{their_key} ({theirs}): joined networks need their own",
                )
    yield from _check_sizes(settings)
    yield from _check_api(settings)


def _check_sizes(settings: StackSettings) -> Iterator[Problem]:
    """Find ranges that the cloud takes no network or cluster of."""
    for key, network in _ranges(settings.network).items():
        largest, smallest = _PREFIXES.get((settings.cloud, key), (8, 28))
        if not largest <= network.prefixlen <= smallest:
            yield Problem(
                ("network", key), f"{network}: {settings.cloud} takes a prefix from /{largest} to /{smallest} here"
            )


def _check_api(settings: StackSettings) -> Iterator[Problem]:
    api = settings.api
    if api.access is ApiAccess.PRIVATE and api.authorized_ranges:
        yield Problem(
            ("api", "authorizedRanges"), "goes with `access: restricted`: a private endpoint has none; remove it"
        )
    if api.access is ApiAccess.RESTRICTED and not api.authorized_ranges:
        yield Problem(
            ("api", "authorizedRanges"), "is missing: `access: restricted` needs the ranges that may reach the API"
        )
    for index, allowed in enumerate(api.authorized_ranges):
        if IPv4Network(allowed).prefixlen == 0:
            yield Problem(
                ("api", "authorizedRanges", index), f"{allowed} is everybody: name your own networks' public ranges"
            )


def _ranges(network: NetworkSettings) -> dict[str, IPv4Network]:
    return {
        "cidr": IPv4Network(network.cidr),
        "podCidr": IPv4Network(network.pod_cidr),
        "serviceCidr": IPv4Network(network.service_cidr),
    }


def _routed(
    mine: NetworkSettings, theirs: NetworkSettings
) -> list[tuple[tuple[str, IPv4Network], tuple[str, IPv4Network]]]:
    # Services never leave a cluster, and pods' addresses are translated on the way out: only nodes' ranges are routed,
    # but a peer's nodes must not look like one of our pods.
    return [
        (("cidr", IPv4Network(mine.cidr)), ("cidr", IPv4Network(theirs.cidr))),
        (("podCidr", IPv4Network(mine.pod_cidr)), ("cidr", IPv4Network(theirs.cidr))),
    ]
