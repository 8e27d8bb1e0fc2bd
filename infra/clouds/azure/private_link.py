"""Private endpoints: data services answer at addresses inside the network, under the names that they always have."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import pulumi
from pulumi_azure_native import network, privatedns


class PrivateService(Enum):
    """A kind of service that is reached by private link: its sub-resource, and the zone of its private names.

    Values: https://learn.microsoft.com/azure/private-link/private-endpoint-dns
    """

    BLOB = ("blob", "privatelink.blob.core.windows.net")
    DFS = ("dfs", "privatelink.dfs.core.windows.net")
    VAULT = ("vault", "privatelink.vaultcore.azure.net")
    REGISTRY = ("registry", "privatelink.azurecr.io")
    POSTGRESQL = ("postgresqlServer", "privatelink.postgres.database.azure.com")
    REDIS = ("redisEnterprise", "privatelink.redis.azure.net")

    @property
    def group_id(self) -> str:
        """The sub-resource that an endpoint connects to."""
        return self.value[0]

    @property
    def zone(self) -> str:
        """The private DNS zone of its names."""
        return self.value[1]


@dataclass(frozen=True)
class PrivateDnsArgs:
    """What private DNS zones are made from.

    Attributes:
        resource_group: Name of the resource group.
        network_id: The network that resolves them.
        link_name: Name of the links between the two.
    """

    resource_group: pulumi.Input[str]
    network_id: pulumi.Input[str]
    link_name: str


class PrivateDns(pulumi.ComponentResource):
    """A private zone per service, which the region's network resolves.

    Attributes:
        zones: Ids of the zones.
    """

    zones: Mapping[PrivateService, pulumi.Output[str]]

    def __init__(self, name: str, args: PrivateDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:PrivateDns", name, None, opts)
        self.zones = {service: self._zone(service, args) for service in PrivateService}
        self.register_outputs({"zones": {service.zone: zone for service, zone in self.zones.items()}})

    def _zone(self, service: PrivateService, args: PrivateDnsArgs) -> pulumi.Output[str]:
        zone = privatedns.PrivateZone(
            f"{service.group_id}-zone",
            resource_group_name=args.resource_group,
            private_zone_name=service.zone,
            location="global",
            opts=pulumi.ResourceOptions(parent=self),
        )
        privatedns.VirtualNetworkLink(
            f"{service.group_id}-zone-link",
            resource_group_name=args.resource_group,
            private_zone_name=zone.name,
            virtual_network_link_name=args.link_name,
            location="global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=args.network_id),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return zone.id


@dataclass(frozen=True)
class PrivateEndpointArgs:
    """What a private endpoint is made from.

    Attributes:
        resource_group: Name of the resource group.
        endpoint_name: Its name in Azure; 64 characters at most.
        service: What it connects to.
        target_id: Id of the resource behind it.
        subnet_id: Subnet that its address is taken from.
        dns: The private zones.
    """

    resource_group: pulumi.Input[str]
    endpoint_name: str
    service: PrivateService
    target_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    dns: PrivateDns


class PrivateEndpoint(pulumi.ComponentResource):
    """An address in the network for one service, and the private name that resolves to it.

    Attributes:
        identifier: Id of the endpoint.
    """

    identifier: pulumi.Output[str]

    def __init__(self, name: str, args: PrivateEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:PrivateEndpoint", name, None, opts)
        endpoint = network.PrivateEndpoint(
            name,
            resource_group_name=args.resource_group,
            private_endpoint_name=args.endpoint_name,
            custom_network_interface_name=f"{args.endpoint_name}-nic",
            subnet=network.SubnetArgs(id=args.subnet_id),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=args.endpoint_name,
                    private_link_service_id=args.target_id,
                    group_ids=[args.service.group_id],
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        names = network.PrivateDnsZoneGroup(
            f"{name}-names",
            resource_group_name=args.resource_group,
            private_endpoint_name=endpoint.name,
            private_dns_zone_group_name="default",
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(
                    name=args.service.group_id, private_dns_zone_id=args.dns.zones[args.service]
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Who waits for the endpoint waits for its name.
        self.identifier = pulumi.Output.all(endpoint.id, names.id).apply(lambda made: made[0])
        self.register_outputs({"identifier": self.identifier})
