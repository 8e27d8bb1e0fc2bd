"""How a region's address range is cut into subnets."""

import ipaddress
from dataclasses import dataclass

from infra.clouds.gcp.refusal import refusal

_LARGEST_PREFIX = 20
"""With less, the small ranges would have fewer addresses than the four that Google keeps in each
(cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet)."""


@dataclass(frozen=True)
class AddressPlan:
    """The ranges of one region.

    Attributes:
        nodes: Nodes, half of the range.
        endpoints: Load balancers and Private Service Connect endpoints of data services.
        gpu_networks: Eight ranges, one for each of a GPU machine's further networks.
        google_apis: The one address of the endpoint for Google APIs; it may lie in no subnet.
    """

    nodes: str
    endpoints: str
    gpu_networks: tuple[str, ...]
    google_apis: str

    @classmethod
    def of(cls, cidr: str) -> "AddressPlan":
        """Cut `cidr`: half for nodes, a quarter for GPU networks, 1/256 for endpoints.

        Raises:
            SettingsError: the range is too small.
        """
        network = ipaddress.IPv4Network(cidr)
        if network.prefixlen > _LARGEST_PREFIX:
            problem = f"{cidr} is too small for nodes, endpoints and GPU networks: use a /20 or larger"
            raise refusal("network.cidr", problem)
        nodes, _ = network.subnets(prefixlen_diff=1)
        quarters = list(network.subnets(prefixlen_diff=2))
        return cls(
            nodes=str(nodes),
            endpoints=str(next(quarters[3].subnets(prefixlen_diff=6))),
            gpu_networks=tuple(str(part) for part in quarters[2].subnets(prefixlen_diff=3)),
            google_apis=str(network[-2]),
        )
