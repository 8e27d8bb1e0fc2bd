"""How long Azure takes for what isn't done at once.

Azure publishes no such times. The medians are of the order that people report, each below the time after which
azure-native gives up waiting (two hours by default).
"""

from collections.abc import Mapping
from typing import Final

from rehearsal.clock import Takes

_AKS: Final = "https://learn.microsoft.com/azure/aks/learn/quick-kubernetes-deploy-cli: after a few minutes"
_POSTGRES: Final = (
    "https://learn.microsoft.com/azure/postgresql/flexible-server/quickstart-create-server: several minutes; a standby "
    "in another zone is made after it"
)
_PRIVATE_LINK: Final = "https://learn.microsoft.com/azure/private-link/create-private-endpoint-cli: after a few minutes"
_FRONT: Final = "https://learn.microsoft.com/azure/frontdoor/front-door-faq: up to 20 minutes to deploy everywhere"
_LOGS: Final = (
    "https://learn.microsoft.com/azure/azure-monitor/logs/logs-dedicated-clusters: provisioning takes a while"
)
_RESOURCE_MANAGER: Final = "https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations"

TIMES: Final[Mapping[str, Takes]] = {
    "azure-native:containerservice:ManagedCluster": Takes(create=360, update=180, delete=300, source=_AKS),
    "azure-native:containerservice:AgentPool": Takes(create=180, update=120, delete=180, spread=1.4, source=_AKS),
    "azure-native:dbforpostgresql:Server": Takes(create=600, update=300, delete=120, spread=1.3, source=_POSTGRES),
    "azure-native:redisenterprise:RedisEnterprise": Takes(create=600, update=300, delete=420, source=_RESOURCE_MANAGER),
    "azure-native:redisenterprise:Database": Takes(create=90, update=90, delete=60, source=_RESOURCE_MANAGER),
    "azure-native:containerregistry:Registry": Takes(create=30, update=15, delete=30, source=_RESOURCE_MANAGER),
    "azure-native:containerregistry:Replication": Takes(create=120, delete=120, source=_RESOURCE_MANAGER),
    "azure-native:keyvault:Vault": Takes(create=30, update=15, delete=15, source=_RESOURCE_MANAGER),
    "azure-native:storage:StorageAccount": Takes(create=25, update=10, delete=10, source=_RESOURCE_MANAGER),
    "azure-native:network:PrivateEndpoint": Takes(create=60, delete=45, spread=1.5, source=_PRIVATE_LINK),
    "azure-native:network:NatGateway": Takes(create=15, delete=15, source=_RESOURCE_MANAGER),
    "azure-native:network:LoadBalancer": Takes(create=15, delete=15, source=_RESOURCE_MANAGER),
    "azure-native:network:BastionHost": Takes(create=360, delete=300, source=_RESOURCE_MANAGER),
    "azure-native:privatedns:VirtualNetworkLink": Takes(create=40, delete=40, source=_RESOURCE_MANAGER),
    "azure-native:privatedns:PrivateZone": Takes(create=35, delete=35, source=_RESOURCE_MANAGER),
    "azure-native:operationalinsights:Workspace": Takes(create=30, delete=15, source=_RESOURCE_MANAGER),
    "azure-native:operationalinsights:Cluster": Takes(create=3600, delete=900, spread=1.4, source=_LOGS),
    "azure-native:authorization:RoleAssignment": Takes(create=25, delete=5, source=_RESOURCE_MANAGER),
    "azure-native:resources:ResourceGroup": Takes(create=10, delete=15, source=_RESOURCE_MANAGER),
    "azure-native:kubernetesconfiguration:Extension": Takes(create=240, update=120, delete=60, source=_AKS),
    "azure-native:cdn:Profile": Takes(create=60, update=60, delete=60, source=_FRONT),
    "azure-native:cdn:Route": Takes(create=120, update=120, delete=60, source=_FRONT),
    "azure-native:cdn:AFDCustomDomain": Takes(create=60, update=60, delete=60, source=_FRONT),
}
"""By type token. A type that isn't here answers at once."""
