"""How a region's address range is cut into subnets."""

import ipaddress
from dataclasses import dataclass

MAX_ZONES = 3
"""Availability zones of an Azure region (learn.microsoft.com/azure/reliability/availability-zones-overview)."""

MAX_PREFIX = 18
"""The smallest range that can be cut: Bastion's subnet is a /26 at least, 1/256 of the range."""


@dataclass(frozen=True)
class SubnetRanges:
    """The ranges of a region's subnets.

    Attributes:
        nodes: Nodes, zone by zone: an eighth of the range each. Pods have addresses of their own (overlay).
        endpoints: Private endpoints that pods reach: an eighth, since every tenant has one.
        platform_endpoints: Those that nodes and Azure itself reach: vault, registry, logs.
        api_server: The API server's addresses in the network.
        ingress: The load balancer's front.
        private_link: What the front's private link speaks from.
        bastion: The tunnel's host.
    """

    nodes: tuple[str, ...]
    endpoints: str
    platform_endpoints: str
    api_server: str
    ingress: str
    private_link: str
    bastion: str


def cut(cidr: str, zones: int) -> SubnetRanges:
    """Cut a region's range; a further zone doesn't move the others.

    Raises:
        ValueError: the range is smaller than /18, or there are more than three zones.
    """
    network = ipaddress.IPv4Network(cidr)
    if network.prefixlen > MAX_PREFIX:
        msg = f"{cidr} is too small for an Azure region: Bastion alone takes a /26; use a /{MAX_PREFIX} or larger"
        raise ValueError(msg)
    if zones > MAX_ZONES:
        msg = f"{zones} zones: an Azure region has {MAX_ZONES} at most"
        raise ValueError(msg)
    eighths = list(network.subnets(prefixlen_diff=3))
    small = [str(subnet) for subnet in eighths[-1].subnets(prefixlen_diff=5)]
    return SubnetRanges(
        nodes=tuple(str(subnet) for subnet in eighths[:zones]),
        endpoints=str(eighths[MAX_ZONES]),
        api_server=small[0],
        ingress=small[1],
        private_link=small[2],
        bastion=small[3],
        platform_endpoints=small[4],
    )
