"""Networks of their own for GPUs that talk to GPUs of other machines: GPUDirect-TCPX and TCPXO.

An A3 High machine has four network cards beside the one that it is a node by, an A3 Mega eight; each has to be in a
VPC of its own (cloud.google.com/kubernetes-engine/docs/how-to/gpu-bandwidth-gpudirect-tcpx). One set per region serves
all of its pools. Machines with RDMA need none of it: GKE makes and manages their networks (`gpu_pools.py`).
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.machines import Fabric
from infra.clouds.gcp.scope import Scope

_MTU = 8244
"""What GPUDirect-TCPX sends in one packet: 8 KiB and headers (same page)."""
CARDS = {Fabric.TCPX: 4, Fabric.TCPXO: 8}


@dataclass(frozen=True)
class GpuNetwork:
    """One card's network.

    Attributes:
        name: Its name inside the cluster.
        network: Name of the VPC.
        subnet: Name of its subnet.
    """

    name: str
    network: pulumi.Output[str]
    subnet: pulumi.Output[str]


@dataclass(frozen=True)
class GpuNetworksArgs:
    """What the networks are made of.

    Attributes:
        fabrics: Fabrics of the stack's pools.
        ranges: A range for each card.
    """

    fabrics: frozenset[Fabric]
    ranges: tuple[str, ...]


class GpuNetworks(pulumi.ComponentResource):
    """A VPC, a subnet and a rule per network card."""

    networks: tuple[GpuNetwork, ...]

    def __init__(
        self, name: str, scope: Scope, args: GpuNetworksArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:GpuNetworks", name, None, opts)
        cards = max((CARDS.get(fabric, 0) for fabric in args.fabrics), default=0)
        self._scope = scope
        self.networks = tuple(self._network(card, args.ranges[card - 1]) for card in range(1, cards + 1))
        self.register_outputs({"networks": [network.network for network in self.networks]})

    def of(self, fabric: Fabric) -> tuple[GpuNetwork, ...]:
        """The networks that a machine with `fabric` is in."""
        return self.networks[: CARDS.get(fabric, 0)]

    def _network(self, card: int, cidr: str) -> GpuNetwork:
        scope, label = self._scope, f"gpu-{card}"
        inside = pulumi.ResourceOptions(parent=self)
        network = gcp.compute.Network(
            label,
            name=scope.name(label),
            description=f"GPU network card {card}",
            auto_create_subnetworks=False,
            mtu=_MTU,
            routing_mode="REGIONAL",
            # Cards talk to cards: there is no way out.
            delete_default_routes_on_create=True,
            opts=inside,
        )
        subnet = gcp.compute.Subnetwork(
            label,
            name=scope.name(label),
            network=network.id,
            region=scope.region,
            ip_cidr_range=cidr,
            private_ip_google_access=False,
            stack_type="IPV4_ONLY",
            # One packet in a hundred, every quarter of an hour: who talked, without a line for every training step.
            log_config=gcp.compute.SubnetworkLogConfigArgs(
                aggregation_interval="INTERVAL_15_MIN", flow_sampling=0.01, metadata="EXCLUDE_ALL_METADATA"
            ),
            opts=inside,
        )
        gcp.compute.Firewall(
            label,
            name=scope.name(label),
            description="GPUs among themselves",
            network=network.id,
            direction="INGRESS",
            source_ranges=[cidr],
            allows=[
                gcp.compute.FirewallAllowArgs(protocol="tcp", ports=["0-65535"]),
                gcp.compute.FirewallAllowArgs(protocol="udp", ports=["0-65535"]),
                gcp.compute.FirewallAllowArgs(protocol="icmp"),
            ],
            opts=inside,
        )
        return GpuNetwork(label, network.name, subnet.name)
