"""The region's VPC: private subnets with flow logs, a way out through NAT, and a closed firewall.

Nodes have no addresses of their own outside. They reach Google's services through one Private Service Connect
endpoint (`private_access.py`), data services through endpoints of their own, and everything else by Cloud NAT.

Cloud NAT is a service of the region, not a machine in a zone, so there is nothing to make per zone: what
`network.nat` decides is how many addresses it has. `zonal` gives it one per zone, and with each 64,512 more
connections to one destination (cloud.google.com/nat/docs/ports-and-addresses).
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.address_plan import AddressPlan
from infra.clouds.gcp.scope import Scope
from infra.config import NatMode, NetworkSettings

PODS_RANGE, SERVICES_RANGE = "pods", "services"
"""Names that couple the nodes' subnet to the cluster's allocation policy: both must say the same."""

_MTU = 1460
"""What passes NAT, Private Service Connect and hybrid links in one piece (cloud.google.com/vpc/docs/mtu); GPUs talk to
each other over networks of their own, with jumbo frames."""
_FLOW_SAMPLING = 0.5
"""The default share of packets that flow logs look at (cloud.google.com/vpc/docs/flow-logs)."""


@dataclass(frozen=True)
class NetworkArgs:
    """What a network is made of.

    Attributes:
        settings: The stack file's `network`.
        plan: How its range is cut.
        zones: Zones of the region to use.
    """

    settings: NetworkSettings
    plan: AddressPlan
    zones: tuple[str, ...]


class Network(pulumi.ComponentResource):
    """VPC, subnets for nodes and endpoints, router and NAT."""

    network_id: pulumi.Output[str]
    self_link: pulumi.Output[str]
    nodes_subnet: pulumi.Output[str]
    endpoints_subnet: pulumi.Output[str]
    nat: gcp.compute.RouterNat

    def __init__(self, name: str, scope: Scope, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Network", name, None, opts)
        self._scope, self._args = scope, args
        inside = pulumi.ResourceOptions(parent=self)
        network = gcp.compute.Network(
            name,
            name=scope.name(),
            description="Private network of one region's model serving",
            auto_create_subnetworks=False,
            mtu=_MTU,
            routing_mode="REGIONAL",
            opts=inside,
        )
        self._network = network
        self.network_id, self.self_link = network.id, network.self_link
        self.nodes_subnet = self._nodes_subnet().self_link
        self.endpoints_subnet = self._endpoints_subnet().self_link
        self.nat = self._nat()
        self.register_outputs({"networkId": self.network_id, "nodesSubnet": self.nodes_subnet})

    def _nodes_subnet(self) -> gcp.compute.Subnetwork:
        settings, scope = self._args.settings, self._scope
        return gcp.compute.Subnetwork(
            "nodes",
            name=scope.name("nodes"),
            description="Nodes; pods and Services in ranges of their own",
            network=self._network.id,
            region=scope.region,
            ip_cidr_range=self._args.plan.nodes,
            secondary_ip_ranges=[
                gcp.compute.SubnetworkSecondaryIpRangeArgs(range_name=PODS_RANGE, ip_cidr_range=settings.pod_cidr),
                gcp.compute.SubnetworkSecondaryIpRangeArgs(
                    range_name=SERVICES_RANGE, ip_cidr_range=settings.service_cidr
                ),
            ],
            private_ip_google_access=True,
            stack_type="IPV4_ONLY",
            log_config=_flow_logs(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _endpoints_subnet(self) -> gcp.compute.Subnetwork:
        scope = self._scope
        return gcp.compute.Subnetwork(
            "endpoints",
            name=scope.name("endpoints"),
            description="Load balancers and endpoints of data services",
            network=self._network.id,
            region=scope.region,
            ip_cidr_range=self._args.plan.endpoints,
            private_ip_google_access=True,
            stack_type="IPV4_ONLY",
            log_config=_flow_logs(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _nat(self) -> gcp.compute.RouterNat:
        scope = self._scope
        router = gcp.compute.Router(
            "router",
            name=scope.name("router"),
            network=self._network.id,
            region=scope.region,
            opts=pulumi.ResourceOptions(parent=self),
        )
        count = len(self._args.zones) if self._args.settings.nat is NatMode.ZONAL else 1
        # Reserved, so that others can allow them by name.
        addresses = [
            gcp.compute.Address(
                f"nat-{index}",
                name=scope.name(f"nat-{index}"),
                address_type="EXTERNAL",
                network_tier="PREMIUM",
                region=scope.region,
                labels=dict(scope.labels),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for index in range(count)
        ]
        return gcp.compute.RouterNat(
            "nat",
            name=scope.name("nat"),
            router=router.name,
            region=scope.region,
            nat_ip_allocate_option="MANUAL_ONLY",
            nat_ips=[address.self_link for address in addresses],
            source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
            # Ports as nodes need them, instead of a fixed share for each; it excludes endpoint-independent mapping
            # (cloud.google.com/nat/docs/tune-nat-configuration).
            enable_dynamic_port_allocation=True,
            enable_endpoint_independent_mapping=False,
            log_config=gcp.compute.RouterNatLogConfigArgs(enable=True, filter="ERRORS_ONLY"),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _flow_logs() -> gcp.compute.SubnetworkLogConfigArgs:
    # A minute is fine enough to see who talked to whom, at a twelfth of what five seconds cost.
    return gcp.compute.SubnetworkLogConfigArgs(
        aggregation_interval="INTERVAL_1_MIN", flow_sampling=_FLOW_SAMPLING, metadata="INCLUDE_ALL_METADATA"
    )
