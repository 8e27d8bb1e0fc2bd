"""The region's network: subnets without a way in, NAT gateways as the only way out, private names for data services.

Nodes have a subnet in each zone, so that each can leave by its own zone's NAT gateway: a NAT gateway of the Standard
SKU lives in one zone and a subnet has one of them (learn.microsoft.com/azure/nat-gateway/nat-availability-zones). A
pool over several zones is in the subnet of its first one. Pods have addresses of their own (Azure CNI overlay).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from infra.clouds.azure.firewall_rules import INTERNET, LOAD_BALANCER, VIRTUAL_NETWORK, Allow, security_rules
from infra.clouds.azure.private_link import PrivateDns, PrivateDnsArgs
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.subnets import SubnetRanges, cut
from infra.config import NatMode

NAT_IDLE_TIMEOUT_MIN = 10
"""Minutes until a silent connection is forgotten: over the default of 4, so that long downloads outlive a pause."""

INGRESS_SUBNET = "ingress"
PRIVATE_LINK_SUBNET = "private-link"
BASTION_SUBNET = "AzureBastionSubnet"
"""Azure asks for this very name (learn.microsoft.com/azure/bastion/configuration-settings#subnet)."""

_HTTPS = ("443",)
_DATA_PORTS = ("443", "5432", "10000")
"""HTTPS, PostgreSQL, Azure Managed Redis."""


@dataclass(frozen=True)
class NetworkArgs:
    """What a network is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        cidr: Its range; /18 or larger.
        zones: How many availability zones to use.
        nat: A NAT gateway per zone, or one for all.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    cidr: str
    zones: int
    nat: NatMode


class Network(pulumi.ComponentResource):
    """Virtual network, subnets with security groups, NAT gateways and private DNS zones.

    Attributes:
        identifier: Id of the virtual network.
        zones: Names of its zones.
        ranges: Ranges of its subnets.
        node_subnets: Ids of the nodes' subnets by zone.
        dns: Private DNS zones of the data services.
    """

    identifier: pulumi.Output[str]
    zones: tuple[str, ...]
    ranges: SubnetRanges
    node_subnets: Mapping[str, pulumi.Output[str]]
    dns: PrivateDns

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Network", name, None, opts)
        self._args, self._scope = args, args.scope
        self.ranges = cut(args.cidr, args.zones)
        self.zones = tuple(str(zone) for zone in range(1, args.zones + 1))
        nat_gateways = self._nat_gateways()
        self._network = network.VirtualNetwork(
            "network",
            resource_group_name=args.resource_group,
            virtual_network_name=self._scope.name(),
            address_space=network.AddressSpaceArgs(address_prefixes=[args.cidr]),
            # In one request with the network: subnets made one by one get into each other's way, and a network that
            # is updated while one is made loses it.
            subnets=[*self._node_subnets(nat_gateways), *self._service_subnets()],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.identifier = self._network.id
        self.node_subnets = {zone: self.subnet_id(f"nodes-{zone}") for zone in self.zones}
        self.dns = PrivateDns(
            "private-dns",
            PrivateDnsArgs(
                resource_group=args.resource_group, network_id=self.identifier, link_name=self._scope.name()
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"identifier": self.identifier})

    def subnet_id(self, name: str) -> pulumi.Output[str]:
        """The id of a subnet."""
        return pulumi.Output.concat(self.identifier, "/subnets/", name)

    @property
    def endpoints_subnet(self) -> pulumi.Output[str]:
        """Id of the subnet of private endpoints that pods reach."""
        return self.subnet_id("endpoints")

    @property
    def platform_endpoints_subnet(self) -> pulumi.Output[str]:
        """Id of the subnet of private endpoints that no pod of a workload needs."""
        return self.subnet_id("platform-endpoints")

    @property
    def api_server_subnet(self) -> pulumi.Output[str]:
        """Id of the subnet that AKS puts the API server's addresses into."""
        return self.subnet_id("api-server")

    @property
    def bastion_subnet(self) -> pulumi.Output[str]:
        """Id of Bastion's subnet."""
        return self.subnet_id(BASTION_SUBNET)

    def _nat_gateways(self) -> Mapping[str, network.NatGateway]:
        if self._args.nat is NatMode.SHARED:
            shared = self._nat_gateway("nat", [])
            return dict.fromkeys(self.zones, shared)
        return {zone: self._nat_gateway(f"nat-{zone}", [zone]) for zone in self.zones}

    def _nat_gateway(self, name: str, zones: Sequence[str]) -> network.NatGateway:
        prefix = network.PublicIPPrefix(
            f"{name}-addresses",
            resource_group_name=self._args.resource_group,
            public_ip_prefix_name=self._scope.name(f"{name}-addresses"),
            prefix_length=30,  # four addresses: 258,048 connections to one destination at once
            sku=network.PublicIPPrefixSkuArgs(name=network.PublicIPPrefixSkuName.STANDARD),
            zones=list(zones) or list(self.zones),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return network.NatGateway(
            name,
            resource_group_name=self._args.resource_group,
            nat_gateway_name=self._scope.name(name),
            sku=network.NatGatewaySkuArgs(name=network.NatGatewaySkuName.STANDARD),
            idle_timeout_in_minutes=NAT_IDLE_TIMEOUT_MIN,
            public_ip_prefixes=[network.SubResourceArgs(id=prefix.id)],
            zones=list(zones) or None,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _security_group(self, name: str, rules: list[network.SecurityRuleArgs]) -> network.NetworkSecurityGroupArgs:
        group = network.NetworkSecurityGroup(
            f"{name}-rules",
            resource_group_name=self._args.resource_group,
            network_security_group_name=self._scope.name(f"{name}-rules"),
            security_rules=rules,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return network.NetworkSecurityGroupArgs(id=group.id)

    def _node_subnets(self, nat_gateways: Mapping[str, network.NatGateway]) -> list[network.SubnetArgs]:
        # Nodes, the API server and the load balancer's probes; AKS adds what a Service lets in.
        group = self._security_group(
            "nodes",
            security_rules(
                [
                    Allow("inside", VIRTUAL_NETWORK, ["0-65535"], destination=VIRTUAL_NETWORK),
                    Allow("probes", LOAD_BALANCER, ["0-65535"]),
                ]
            ),
        )
        return [
            network.SubnetArgs(
                name=f"nodes-{zone}",
                address_prefix=self.ranges.nodes[index],
                default_outbound_access=False,
                nat_gateway=network.SubResourceArgs(id=nat_gateways[zone].id),
                network_security_group=group,
            )
            for index, zone in enumerate(self.zones)
        ]

    def _service_subnets(self) -> list[network.SubnetArgs]:
        data = self._security_group("endpoints", security_rules([Allow("data", VIRTUAL_NETWORK, _DATA_PORTS)]))
        platform = self._security_group("platform-endpoints", security_rules([Allow("https", VIRTUAL_NETWORK, _HTTPS)]))
        # learn.microsoft.com/azure/aks/api-server-vnet-integration, on network security groups.
        api_server = self._security_group(
            "api-server",
            security_rules(
                [
                    Allow("nodes", VIRTUAL_NETWORK, ["443", "4443"]),
                    Allow("probes", LOAD_BALANCER, ["9988"]),
                ]
            ),
        )
        ingress = self._security_group(
            "ingress",
            security_rules([Allow("https", VIRTUAL_NETWORK, _HTTPS), Allow("probes", LOAD_BALANCER, ["0-65535"])]),
        )
        return [
            _endpoints_subnet("endpoints", self.ranges.endpoints, data),
            _endpoints_subnet("platform-endpoints", self.ranges.platform_endpoints, platform),
            network.SubnetArgs(
                name="api-server",
                address_prefix=self.ranges.api_server,
                default_outbound_access=False,
                delegations=[
                    network.DelegationArgs(name="aks", service_name="Microsoft.ContainerService/managedClusters")
                ],
                network_security_group=api_server,
            ),
            network.SubnetArgs(
                name=INGRESS_SUBNET,
                address_prefix=self.ranges.ingress,
                default_outbound_access=False,
                network_security_group=ingress,
            ),
            network.SubnetArgs(
                name=PRIVATE_LINK_SUBNET,
                address_prefix=self.ranges.private_link,
                default_outbound_access=False,
                # A private link service takes its addresses only where this is off
                # (learn.microsoft.com/azure/private-link/disable-private-link-service-network-policy).
                private_link_service_network_policies=network.VirtualNetworkPrivateLinkServiceNetworkPolicies.DISABLED,
            ),
            network.SubnetArgs(
                name=BASTION_SUBNET,
                address_prefix=self.ranges.bastion,
                network_security_group=self._security_group("bastion", _bastion_rules()),
            ),
        ]


def _endpoints_subnet(name: str, cidr: str, group: network.NetworkSecurityGroupArgs) -> network.SubnetArgs:
    return network.SubnetArgs(
        name=name,
        address_prefix=cidr,
        default_outbound_access=False,
        network_security_group=group,
        # Without it, security groups don't apply to private endpoints.
        private_endpoint_network_policies=network.VirtualNetworkPrivateEndpointNetworkPolicies.ENABLED,
    )


def _bastion_rules() -> list[network.SecurityRuleArgs]:
    # learn.microsoft.com/azure/bastion/bastion-nsg; of the targets, only the API server's port.
    inside = ("8080", "5701")
    return security_rules(
        [
            Allow("clients", INTERNET, _HTTPS),
            Allow("control", "GatewayManager", _HTTPS),
            Allow("probes", LOAD_BALANCER, _HTTPS),
            Allow("hosts-in", VIRTUAL_NETWORK, inside, destination=VIRTUAL_NETWORK),
            Allow("api-server", "*", _HTTPS, destination=VIRTUAL_NETWORK, outbound=True),
            Allow("diagnostics", "*", _HTTPS, destination="AzureCloud", outbound=True),
            Allow("hosts-out", VIRTUAL_NETWORK, inside, destination=VIRTUAL_NETWORK, outbound=True),
            Allow("revocation-lists", "*", ["80"], destination=INTERNET, outbound=True),
        ],
        deny_rest_outbound=True,
    )
