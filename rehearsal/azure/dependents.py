"""What keeps Azure from deleting a resource, by the codes that Resource Manager's services answer.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-in-use-subnet-cannot-be-deleted and the
like. A network goes with its subnets, so that whoever is in one of these holds the network too.
"""

from collections.abc import Mapping
from typing import Final

from rehearsal.table import Holder

_IN_USE: Final = "{class} {id} is in use by {holder} and cannot be deleted (simulated)."
HELD_ERROR: Final = f'Status=409 Code="OperationNotAllowed" Message="{_IN_USE}"'


def _in_use(code: str, *holders: tuple[str, str], names: tuple[str, ...] = ("id",)) -> tuple[Holder, ...]:
    error = f'Status=400 Code="{code}" Message="{_IN_USE}"'
    return tuple(Holder(type=f"azure-native:{kind}", path=path, names=names, error=error) for kind, path in holders)


_IN_SUBNET: Final = _in_use(
    "InUseSubnetCannotBeDeleted",
    ("network:PrivateEndpoint", "subnet.id"),
    ("network:NetworkInterface", "ipConfigurations.subnet.id"),
    ("network:LoadBalancer", "frontendIPConfigurations.subnet.id"),
    ("network:PrivateLinkService", "ipConfigurations.subnet.id"),
    ("network:BastionHost", "ipConfigurations.subnet.id"),
    ("containerservice:ManagedCluster", "agentPoolProfiles.vnetSubnetID"),
    ("containerservice:ManagedCluster", "apiServerAccessProfile.subnetId"),
    ("containerservice:AgentPool", "vnetSubnetID"),
    ("dbforpostgresql:Server", "network.delegatedSubnetResourceId"),
)

HELD_BY: Final[Mapping[str, tuple[Holder, ...]]] = {
    # Network
    "azure-native:network:VirtualNetwork": _IN_SUBNET,
    "azure-native:network:Subnet": _IN_SUBNET,
    "azure-native:network:NetworkSecurityGroup": _in_use(
        "InUseNetworkSecurityGroupCannotBeDeleted", ("network:Subnet", "networkSecurityGroup.id")
    ),
    "azure-native:network:RouteTable": _in_use("InUseRouteTableCannotBeDeleted", ("network:Subnet", "routeTable.id")),
    "azure-native:network:NatGateway": _in_use("InUseNatGatewayCannotBeDeleted", ("network:Subnet", "natGateway.id")),
    "azure-native:network:PublicIPAddress": _in_use(
        "PublicIPAddressCannotBeDeleted",
        ("network:NatGateway", "publicIpAddresses.id"),
        ("network:BastionHost", "ipConfigurations.publicIPAddress.id"),
        ("network:LoadBalancer", "frontendIPConfigurations.publicIPAddress.id"),
    ),
    "azure-native:network:PublicIPPrefix": _in_use(
        "PublicIPPrefixCannotBeDeleted", ("network:NatGateway", "publicIpPrefixes.id")
    ),
    "azure-native:privatedns:PrivateZone": _in_use(
        "CannotDeleteResource", ("privatedns:VirtualNetworkLink", "privateZoneName"), names=("name",)
    ),
    # Machines
    "azure-native:compute:DiskEncryptionSet": _in_use(
        "OperationNotAllowed", ("containerservice:ManagedCluster", "diskEncryptionSetID")
    ),
    "azure-native:compute:CapacityReservationGroup": _in_use(
        "OperationNotAllowed",
        ("compute:CapacityReservation", "capacityReservationGroupName"),
        names=("name",),
    )
    + _in_use("OperationNotAllowed", ("containerservice:AgentPool", "capacityReservationGroupID")),
    "azure-native:compute:ProximityPlacementGroup": _in_use(
        "OperationNotAllowed", ("containerservice:AgentPool", "proximityPlacementGroupID")
    ),
    # Logs
    "azure-native:operationalinsights:Cluster": _in_use(
        "Conflict", ("operationalinsights:LinkedService", "writeAccessResourceId")
    ),
    # Front
    "azure-native:cdn:AFDOriginGroup": _in_use("Conflict", ("cdn:Route", "originGroup.id")),
    "azure-native:cdn:AFDCustomDomain": _in_use(
        "Conflict", ("cdn:Route", "customDomains.id"), ("cdn:SecurityPolicy", "parameters.associations.domains.id")
    ),
    "azure-native:frontdoor:Policy": _in_use("Conflict", ("cdn:SecurityPolicy", "parameters.wafPolicy.id")),
}
