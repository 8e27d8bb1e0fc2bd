"""How a region's address ranges are cut into subnets, zone by zone."""

import ipaddress
from dataclasses import dataclass

MAX_ZONES = 4
"""Zones that a range is cut for, however many are used, so that a further one doesn't move the others."""


@dataclass(frozen=True)
class ZoneSubnets:
    """The ranges of one zone.

    Attributes:
        nodes: Nodes and load balancers' inner side.
        pods: Pods, from the secondary range.
        public: NAT gateway and load balancer.
        data: Databases and caches.
        control: Network interfaces of the API server and of VPC endpoints.
    """

    nodes: str
    pods: str
    public: str
    data: str
    control: str


def cut(cidr: str, pod_cidr: str, zones: int) -> tuple[ZoneSubnets, ...]:
    """Cut a region's ranges: half of it for nodes, 1/256 each for what needs few addresses, pods in equal parts.

    A VPC's subnets have 16 to 65536 addresses (docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).

    Raises:
        ValueError: the range is too small, or there are too many zones.
    """
    network, pods = ipaddress.ip_network(cidr), ipaddress.ip_network(pod_cidr)
    if network.prefixlen > 20:
        msg = f"network.cidr: {cidr} is too small for {MAX_ZONES} zones: use a /20 or larger"
        raise ValueError(msg)
    if not 0 < zones <= MAX_ZONES:
        msg = f"network.zones: {zones} can't be cut from one range: use 1 to {MAX_ZONES}"
        raise ValueError(msg)
    eighths = list(network.subnets(prefixlen_diff=3))
    small = [subnet for eighth in eighths[4:] for subnet in eighth.subnets(prefixlen_diff=5)]
    quarters = list(pods.subnets(prefixlen_diff=2))
    return tuple(
        ZoneSubnets(
            nodes=str(eighths[zone]),
            pods=str(quarters[zone]),
            public=str(small[zone]),
            data=str(small[MAX_ZONES + zone]),
            control=str(small[2 * MAX_ZONES + zone]),
        )
        for zone in range(zones)
    )
