"""What must be there before Azure makes a resource, of what takes minutes.

Each row is an id that a template of the type has to name (learn.microsoft.com/azure/templates), or the resource that it
is a part of. Services that encrypt with a key of ours name that key, so that its vault comes first.
"""

from collections.abc import Mapping
from typing import Final

_GROUP: Final = "azure-native:resources:ResourceGroup"
_KEY: Final = "azure-native:keyvault:Key"
_SUBNET: Final = "azure-native:network:Subnet"
_CLUSTER: Final = "azure-native:containerservice:ManagedCluster"
_DATABASE: Final = "azure-native:dbforpostgresql:Server"
_CACHE: Final = "azure-native:redisenterprise:RedisEnterprise"

FORCED: Final[Mapping[str, tuple[str, ...]]] = {
    "azure-native:network:VirtualNetwork": (_GROUP,),
    "azure-native:keyvault:Vault": (_GROUP,),
    _KEY: ("azure-native:keyvault:Vault",),
    _SUBNET: ("azure-native:network:VirtualNetwork",),
    _CLUSTER: (_SUBNET, _KEY),
    "azure-native:containerservice:AgentPool": (_CLUSTER,),
    "azure-native:kubernetesconfiguration:Extension": (_CLUSTER,),
    _DATABASE: (_KEY,),
    _CACHE: (_KEY,),
    "azure-native:redisenterprise:Database": (_CACHE,),
    "azure-native:network:PrivateEndpoint": (_SUBNET, _DATABASE, "azure-native:redisenterprise:Database"),
    "azure-native:network:BastionHost": (_SUBNET,),
}
"""By type token: the types of which it names one. A type that isn't here waits for nothing that takes long."""
