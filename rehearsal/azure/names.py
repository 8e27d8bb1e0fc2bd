"""Azure's naming rules: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules."""

from collections.abc import Mapping
from typing import Final

from rehearsal.rules import Rule

_PAGE: Final = "learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"


def _named(pattern: str, shortest: int, longest: int, *, source: str = _PAGE) -> Rule:
    return Rule(source=source, pattern=pattern, min_length=shortest, max_length=longest)


_NETWORK: Final = _named(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", 1, 80)
_POOL: Final = _named(r"[a-z][a-z0-9]*", 1, 12, source="learn.microsoft.com/azure/aks/create-node-pools")

NAMES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "azure-native:resources:ResourceGroup": {"resourceGroupName": _named(r"[\w().-]*[\w()-]", 1, 90)},
    "azure-native:storage:StorageAccount": {"accountName": _named(r"[a-z0-9]+", 3, 24)},
    "azure-native:storage:BlobContainer": {
        "containerName": _named(r"(\$root|\$web|[a-z0-9](?!.*--)[a-z0-9-]*[a-z0-9])", 3, 63)
    },
    "azure-native:keyvault:Vault": {"vaultName": _named(r"[A-Za-z](?!.*--)[A-Za-z0-9-]*[A-Za-z0-9]", 3, 24)},
    "azure-native:keyvault:Key": {"keyName": _named(r"[A-Za-z0-9-]+", 1, 127)},
    "azure-native:keyvault:Secret": {"secretName": _named(r"[A-Za-z0-9-]+", 1, 127)},
    "azure-native:containerregistry:Registry": {"registryName": _named(r"[A-Za-z0-9]+", 5, 50)},
    "azure-native:containerregistry:Replication": {"replicationName": _named(r"[A-Za-z0-9]+", 5, 50)},
    "azure-native:containerservice:ManagedCluster": {
        "resourceName": _named(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?", 1, 63),
        "dnsPrefix": _named(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 1, 54),
        "nodeResourceGroup": _named(r"[\w().-]*[\w()-]", 1, 80),
        "agentPoolProfiles.name": _POOL,
    },
    "azure-native:containerservice:AgentPool": {"agentPoolName": _POOL},
    "azure-native:compute:DiskEncryptionSet": {"diskEncryptionSetName": _named(r"[A-Za-z0-9_.-]+", 1, 80)},
    "azure-native:compute:ProximityPlacementGroup": {
        "proximityPlacementGroupName": _named(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", 1, 80)
    },
    "azure-native:dbforpostgresql:Server": {"serverName": _named(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", 3, 63)},
    "azure-native:redisenterprise:RedisEnterprise": {
        "clusterName": _named(r"[A-Za-z0-9](?!.*--)[A-Za-z0-9-]*[A-Za-z0-9]", 1, 60)
    },
    "azure-native:redisenterprise:Database": {
        "databaseName": Rule(
            source="learn.microsoft.com/azure/templates/microsoft.cache/redisenterprise/databases", values=("default",)
        )
    },
    "azure-native:operationalinsights:Workspace": {
        "workspaceName": _named(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 4, 63),
        "retentionInDays": Rule(
            source="learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure", minimum=30, maximum=730
        ),
    },
    "azure-native:managedidentity:UserAssignedIdentity": {"resourceName": _named(r"[A-Za-z0-9][A-Za-z0-9_-]*", 3, 128)},
    "azure-native:managedidentity:FederatedIdentityCredential": {
        "federatedIdentityCredentialResourceName": _named(r"[A-Za-z0-9][A-Za-z0-9_-]*", 3, 120)
    },
    "azure-native:cdn:Profile": {"profileName": _named(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 1, 260)},
    "azure-native:cdn:AFDEndpoint": {"endpointName": _named(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 1, 46)},
    "azure-native:cdn:AFDOrigin": {"originName": _named(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 1, 90)},
    "azure-native:cdn:AFDOriginGroup": {"originGroupName": _named(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 1, 90)},
    "azure-native:frontdoor:Policy": {"policyName": _named(r"[A-Za-z][A-Za-z0-9]*", 1, 128)},
    "azure-native:network:VirtualNetwork": {
        "virtualNetworkName": _named(r"[A-Za-z0-9][A-Za-z0-9_.-]*[A-Za-z0-9_]", 2, 64)
    },
    "azure-native:network:Subnet": {"subnetName": _NETWORK},
    "azure-native:network:NetworkSecurityGroup": {
        "networkSecurityGroupName": _NETWORK,
        "securityRules.name": _NETWORK,
        "securityRules.priority": Rule(
            source="learn.microsoft.com/azure/virtual-network/network-security-groups-overview",
            minimum=100,
            maximum=4096,
        ),
    },
    "azure-native:network:NatGateway": {
        "natGatewayName": _NETWORK,
        "idleTimeoutInMinutes": Rule(
            source="learn.microsoft.com/azure/nat-gateway/nat-gateway-resource", minimum=4, maximum=120
        ),
    },
    "azure-native:network:PublicIPAddress": {"publicIpAddressName": _NETWORK},
    "azure-native:network:PublicIPPrefix": {"publicIpPrefixName": _NETWORK},
    "azure-native:network:PrivateEndpoint": {
        "privateEndpointName": _named(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", 2, 64)
    },
    "azure-native:network:LoadBalancer": {"loadBalancerName": _NETWORK},
    "azure-native:network:BastionHost": {"bastionHostName": _NETWORK},
    "azure-native:privatedns:PrivateZone": {"privateZoneName": _named(r"([a-z0-9_-]{1,63}\.)+[a-z0-9-]{1,63}", 1, 253)},
    "azure-native:privatedns:VirtualNetworkLink": {"virtualNetworkLinkName": _NETWORK},
    "azure-native:authorization:ManagementLockByScope": {"lockName": _named(r"[\w().-]*[\w()-]", 1, 90)},
    "azure-native:authorization:PolicyAssignment": {
        "policyAssignmentName": _named(r"[^#<>%&:\\?/]*[^#<>%&:\\?/. ]", 1, 64)
    },
    "azure-native:authorization:RoleDefinition": {
        "roleDefinitionId": _named(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", 36, 36),
        "roleName": _named(r".+", 1, 512, source="learn.microsoft.com/azure/role-based-access-control/custom-roles"),
    },
    "azure-native:consumption:Budget": {"budgetName": _named(r"[A-Za-z0-9][A-Za-z0-9_-]*", 1, 63)},
    "azure-native:monitor:DiagnosticSetting": {"name": _named(r"[^*<>%&:\\?+/]+", 1, 260)},
    "azure-native:authorization:RoleAssignment": {
        "roleAssignmentName": _named(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", 36, 36)
    },
}
