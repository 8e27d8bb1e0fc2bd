"""What CI's identities may do in a subscription: every action by its resource type, no wildcard.

Action names: learn.microsoft.com/azure/role-based-access-control/resource-provider-operations.
"""

from infra.clouds.azure.own_roles import OwnRole
from infra.clouds.azure.roles import Role
from infra.clouds.azure.scope import Scope

_MANAGED = (
    "Microsoft.Authorization/locks",
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Cache/redisEnterprise",
    "Microsoft.Cache/redisEnterprise/databases",
    "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments",
    "Microsoft.Cdn/profiles",
    "Microsoft.Cdn/profiles/afdendpoints",
    "Microsoft.Cdn/profiles/afdendpoints/routes",
    "Microsoft.Cdn/profiles/customdomains",
    "Microsoft.Cdn/profiles/origingroups",
    "Microsoft.Cdn/profiles/origingroups/origins",
    "Microsoft.Cdn/profiles/securitypolicies",
    "Microsoft.Compute/diskEncryptionSets",
    "Microsoft.Compute/proximityPlacementGroups",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.ContainerRegistry/registries/replications",
    "Microsoft.ContainerService/managedClusters",
    "Microsoft.ContainerService/managedClusters/agentPools",
    "Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.DBforPostgreSQL/flexibleServers/administrators",
    "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
    "Microsoft.DBforPostgreSQL/flexibleServers/databases",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.KeyVault/vaults",
    "Microsoft.KeyVault/vaults/keys",
    "Microsoft.KubernetesConfiguration/extensions",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    "Microsoft.Network/bastionHosts",
    "Microsoft.Network/dnsZones",
    "Microsoft.Network/dnsZones/CNAME",
    "Microsoft.Network/dnsZones/TXT",
    "Microsoft.Network/frontDoorWebApplicationFirewallPolicies",
    "Microsoft.Network/natGateways",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/networkWatchers/flowLogs",
    "Microsoft.Network/privateDnsZones",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Network/privateLinkServices/privateEndpointConnections",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/publicIPPrefixes",
    "Microsoft.Network/trafficManagerProfiles",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/virtualNetworks/subnets",
    "Microsoft.Resources/subscriptions/resourceGroups",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Storage/storageAccounts/managementPolicies",
)
"""Types that regions and fronts consist of."""

_UNDELETABLE = frozenset(
    {
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        "Microsoft.KeyVault/vaults/keys",
        "Microsoft.Storage/storageAccounts/blobServices",
    }
)
"""Types without a delete action: they go with what they belong to."""

_JOINS = (
    "Microsoft.Cache/redisEnterprise/PrivateEndpointConnectionsApproval/action",
    "Microsoft.ContainerRegistry/registries/privateEndpointConnectionsApproval/action",
    "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
    "Microsoft.DBforPostgreSQL/flexibleServers/privateEndpointConnectionsApproval/action",
    "Microsoft.KeyVault/locations/deletedVaults/read",
    "Microsoft.KeyVault/vaults/deploy/action",
    "Microsoft.KeyVault/vaults/privateEndpointConnectionsApproval/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.Network/natGateways/join/action",
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/networkWatchers/configureFlowLog/action",
    "Microsoft.Network/networkWatchers/read",
    "Microsoft.Network/privateDnsZones/join/action",
    "Microsoft.Network/privateLinkServices/read",
    "Microsoft.Network/publicIPAddresses/join/action",
    "Microsoft.Network/publicIPPrefixes/join/action",
    "Microsoft.Network/virtualNetworks/join/action",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    "Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action",
)
"""What one resource's creation does with another."""

DEPLOYER_ACTIONS = (
    *(f"{kind}/read" for kind in _MANAGED),
    *(f"{kind}/write" for kind in _MANAGED),
    *(f"{kind}/delete" for kind in _MANAGED if kind not in _UNDELETABLE),
    *_JOINS,
)
"""What making, changing and deleting regions and fronts takes."""

_ROLES_OF_REGIONS = (
    Role.ACR_PULL,
    Role.AKS_CLUSTER_USER,
    Role.AKS_RBAC_CLUSTER_ADMIN,
    Role.KEY_VAULT_CONTRIBUTOR,
    Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER,
    Role.KEY_VAULT_CRYPTO_USER,
    Role.KEY_VAULT_SECRETS_USER,
    Role.MANAGED_IDENTITY_OPERATOR,
    Role.NETWORK_CONTRIBUTOR,
    Role.READER,
    Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
    Role.STORAGE_BLOB_DATA_READER,
)


def preview_actions() -> tuple[str, ...]:
    """What a preview asks beyond reading: the cluster's address, not what is in it."""
    return ("Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",)


def only_roles_of_regions(scope: Scope) -> str:
    """The condition under which an identity may give and take roles: only those that regions' workloads have.

    learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
    """
    own = [role.guid(scope.subscription) for role in OwnRole]
    roles = ", ".join(sorted((*_ROLES_OF_REGIONS, *own)))
    clauses = [
        f"(!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}}) OR "
        f"@{source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{roles}}})"
        for action, source in (("write", "Request"), ("delete", "Resource"))
    ]
    return " AND ".join(clauses)
