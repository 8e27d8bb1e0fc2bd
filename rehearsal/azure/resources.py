"""Azure's resource types: their ids in Azure Resource Manager, what is computed, what can't change in place.

The path of an id is the resource type's own in the ARM reference (https://learn.microsoft.com/azure/templates/); the
names in it are what the REST API has in its URL, all of which need a new resource when they change. A host name ends
with `simulated.invalid`, a domain that never exists (RFC 6761), so that nothing can call it.
"""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.table import Row
from rehearsal.template import From, Keyed, Within, places

COMMON_OUTPUTS: Final[Mapping[str, Any]] = {
    "name": "{last:id}",
    "type": "{arm:id}",
    "location": "{location}",
    "identity": Within(
        {
            "principalId": "{uuid:identity}",
            "tenantId": "{uuid:tenant}",
            "userAssignedIdentities": Keyed(
                "identity.userAssignedIdentities", {"principalId": "{uuid:principal}", "clientId": "{uuid:client}"}
            ),
        }
    ),
    "provisioningState": "Succeeded",
    "azureApiVersion": "simulated",
    "etag": 'W/"{uuid:etag}"',
}


def _arm(path: str, *, group: str = "/subscriptions/{account}/resourceGroups/{resourceGroupName}", **row: Any) -> Row:
    """Make the row of a type below a resource group: the last name in its path is its own, all names are fixed."""
    names = [place for place in places(path) if ":" not in place]
    return Row(
        id=f"{group}/providers/{path}",
        name=row.pop("name", names[-1] if names else ""),
        replaces=(*names, *row.pop("replaces", ())),
        **row,
    )


def _scoped(path: str, name: str, **row: Any) -> Row:
    """Make the row of a type that is attached to another resource, by its id."""
    return Row(
        id=f"{{scope}}/providers/{path}/{{{name}}}", name=name, replaces=("scope", *row.pop("replaces", ())), **row
    )


def _principal(label: str) -> dict[str, Any]:
    return {"principalId": f"{{uuid:{label}}}", "tenantId": "{uuid:tenant}", "clientId": f"{{uuid:{label}-client}}"}


_NETWORK: Final = "Microsoft.Network"

ROWS: Final[Mapping[str, Row]] = {
    "azure-native:resources:ResourceGroup": Row(
        id="/subscriptions/{account}/resourceGroups/{resourceGroupName}", name="resourceGroupName"
    ),
    # Network
    "azure-native:network:VirtualNetwork": _arm(f"{_NETWORK}/virtualNetworks/{{virtualNetworkName}}"),
    "azure-native:network:Subnet": _arm(f"{_NETWORK}/virtualNetworks/{{virtualNetworkName}}/subnets/{{subnetName}}"),
    "azure-native:network:NetworkSecurityGroup": _arm(f"{_NETWORK}/networkSecurityGroups/{{networkSecurityGroupName}}"),
    "azure-native:network:SecurityRule": _arm(
        f"{_NETWORK}/networkSecurityGroups/{{networkSecurityGroupName}}/securityRules/{{securityRuleName}}"
    ),
    "azure-native:network:RouteTable": _arm(f"{_NETWORK}/routeTables/{{routeTableName}}"),
    "azure-native:network:PublicIPAddress": _arm(
        f"{_NETWORK}/publicIPAddresses/{{publicIpAddressName}}",
        outputs={"ipAddress": "{address:203.0}"},
        replaces=("sku", "zones"),
    ),
    "azure-native:network:PublicIPPrefix": _arm(
        f"{_NETWORK}/publicIPPrefixes/{{publicIpPrefixName}}", outputs={"ipPrefix": "{address:203.0}/30"}
    ),
    "azure-native:network:NatGateway": _arm(f"{_NETWORK}/natGateways/{{natGatewayName}}", replaces=("zones",)),
    "azure-native:network:PrivateEndpoint": _arm(
        f"{_NETWORK}/privateEndpoints/{{privateEndpointName}}",
        outputs={
            "networkInterfaces": [{"id": "{id}-nic"}],
            "customDnsConfigs": [{"fqdn": "{last:id}.simulated.invalid", "ipAddresses": ["{address:10.0}"]}],
        },
        replaces=("subnet",),
    ),
    "azure-native:network:PrivateDnsZoneGroup": _arm(
        f"{_NETWORK}/privateEndpoints/{{privateEndpointName}}/privateDnsZoneGroups/{{privateDnsZoneGroupName}}"
    ),
    "azure-native:network:NetworkSecurityPerimeter": _arm(
        f"{_NETWORK}/networkSecurityPerimeters/{{networkSecurityPerimeterName}}"
    ),
    **{
        f"azure-native:network:NetworkSecurityPerimeter{kind}": _arm(
            f"{_NETWORK}/networkSecurityPerimeters/{{networkSecurityPerimeterName}}/{path}"
        )
        for kind, path in {
            "Profile": "profiles/{profileName}",
            "AccessRule": "profiles/{profileName}/accessRules/{accessRuleName}",
            "Association": "resourceAssociations/{associationName}",
        }.items()
    },
    "azure-native:network:PrivateLinkService": _arm(
        f"{_NETWORK}/privateLinkServices/{{serviceName}}",
        outputs={"alias": "{serviceName}.{uuid:alias}.{?location}.azure.privatelinkservice"},
    ),
    "azure-native:network:LoadBalancer": _arm(f"{_NETWORK}/loadBalancers/{{loadBalancerName}}", replaces=("sku",)),
    "azure-native:network:FlowLog": _arm(
        f"{_NETWORK}/networkWatchers/{{networkWatcherName}}/flowLogs/{{flowLogName}}", replaces=("targetResourceId",)
    ),
    "azure-native:network:NetworkWatcher": _arm(f"{_NETWORK}/networkWatchers/{{networkWatcherName}}"),
    "azure-native:network:BastionHost": _arm(f"{_NETWORK}/bastionHosts/{{bastionHostName}}"),
    "azure-native:privatedns:PrivateZone": _arm(f"{_NETWORK}/privateDnsZones/{{privateZoneName}}"),
    "azure-native:privatedns:VirtualNetworkLink": _arm(
        f"{_NETWORK}/privateDnsZones/{{privateZoneName}}/virtualNetworkLinks/{{virtualNetworkLinkName}}",
        replaces=("virtualNetwork",),
    ),
    "azure-native:dns:Zone": _arm(
        f"{_NETWORK}/dnsZones/{{zoneName}}",
        outputs={"nameServers": [f"ns{number}.simulated.invalid." for number in range(1, 5)]},
    ),
    "azure-native:dns:RecordSet": _arm(
        f"{_NETWORK}/dnsZones/{{zoneName}}/{{recordType}}/{{relativeRecordSetName}}",
        outputs={"fqdn": "{relativeRecordSetName}.{zoneName}."},
    ),
    # Keys
    "azure-native:keyvault:Vault": _arm(
        "Microsoft.KeyVault/vaults/{vaultName}",
        outputs={
            "properties": {
                "vaultUri": "https://{vaultName}.vault.simulated.invalid/",
                "provisioningState": "Succeeded",
                "hsmPoolResourceId": "",
            },
        },
        replaces=("properties.tenantId",),
        recovers_by={"properties.createMode": "recover"},
    ),
    "azure-native:keyvault:Key": _arm(
        "Microsoft.KeyVault/vaults/{vaultName}/keys/{keyName}",
        outputs={
            "keyUri": "https://{vaultName}.vault.simulated.invalid/keys/{keyName}",
            "keyUriWithVersion": "https://{vaultName}.vault.simulated.invalid/keys/{keyName}/{hex:32}",
            "keyVersion": "{hex:32}",
        },
        replaces=("properties.kty", "properties.keySize", "properties.curveName"),
    ),
    "azure-native:keyvault:Secret": _arm(
        "Microsoft.KeyVault/vaults/{vaultName}/secrets/{secretName}", secrets=("properties",)
    ),
    "azure-native:keyvault:ManagedHsm": _arm("Microsoft.KeyVault/managedHSMs/{name}"),
    "azure-native:compute:DiskEncryptionSet": _arm(
        "Microsoft.Compute/diskEncryptionSets/{diskEncryptionSetName}",
    ),
    # Storage
    "azure-native:storage:StorageAccount": _arm(
        "Microsoft.Storage/storageAccounts/{accountName}",
        outputs={
            "primaryEndpoints": {
                service: f"https://{{accountName}}.{service}.simulated.invalid/"
                for service in ("blob", "dfs", "file", "queue", "table", "web")
            },
            "primaryLocation": From("location"),
        },
        replaces=("isHnsEnabled",),
    ),
    "azure-native:storage:BlobServiceProperties": _arm(
        "Microsoft.Storage/storageAccounts/{accountName}/blobServices/{blobServicesName}"
    ),
    "azure-native:storage:BlobContainer": _arm(
        "Microsoft.Storage/storageAccounts/{accountName}/blobServices/default/containers/{containerName}"
    ),
    "azure-native:storage:ManagementPolicy": _arm(
        "Microsoft.Storage/storageAccounts/{accountName}/managementPolicies/{managementPolicyName}"
    ),
    "azure-native:storage:EncryptionScope": _arm(
        "Microsoft.Storage/storageAccounts/{accountName}/encryptionScopes/{encryptionScopeName}"
    ),
    # Registry
    "azure-native:containerregistry:Registry": _arm(
        "Microsoft.ContainerRegistry/registries/{registryName}",
        outputs={"loginServer": "{registryName}.acr.simulated.invalid"},
    ),
    "azure-native:containerregistry:Replication": _arm(
        "Microsoft.ContainerRegistry/registries/{registryName}/replications/{replicationName}"
    ),
    # Cluster
    "azure-native:containerservice:ManagedCluster": _arm(
        "Microsoft.ContainerService/managedClusters/{resourceName}",
        outputs={
            "fqdn": "{resourceName}.azmk8s.simulated.invalid",
            "privateFQDN": "{resourceName}.privatelink.azmk8s.simulated.invalid",
            "azurePortalFQDN": "{resourceName}.portal.azmk8s.simulated.invalid",
            "currentKubernetesVersion": From("kubernetesVersion", "1.34.0"),
            "nodeResourceGroup": From("nodeResourceGroup", "MC_simulated"),
            "powerState": {"code": "Running"},
            "oidcIssuerProfile": {
                "enabled": True,
                "issuerURL": "https://{?location}.oic.simulated.invalid/{uuid:issuer}/",
            },
            "identityProfile": {
                "kubeletidentity": {
                    "clientId": "{uuid:kubelet-client}",
                    "objectId": "{uuid:kubelet}",
                    "resourceId": "{id}-agentpool",
                }
            },
        },
        replaces=(
            "dnsPrefix",
            "diskEncryptionSetID",
            "networkProfile.networkPlugin",
            "networkProfile.podCidr",
            "networkProfile.serviceCidr",
            "apiServerAccessProfile.enablePrivateCluster",
        ),
        cluster="{id}",
    ),
    "azure-native:containerservice:AgentPool": _arm(
        "Microsoft.ContainerService/managedClusters/{resourceName}/agentPools/{agentPoolName}",
        outputs={"currentOrchestratorVersion": "1.34.0", "nodeImageVersion": "AKSUbuntu-simulated"},
        replaces=(
            "vmSize",
            "osDiskSizeGB",
            "osDiskType",
            "vnetSubnetID",
            "availabilityZones",
            "scaleSetPriority",
            "capacityReservationGroupID",
            "proximityPlacementGroupID",
            "gpuInstanceProfile",
            "enableFIPS",
            "osType",
        ),
    ),
    "azure-native:containerservice:MaintenanceConfiguration": _arm(
        "Microsoft.ContainerService/managedClusters/{resourceName}/maintenanceConfigurations/{configName}"
    ),
    "azure-native:kubernetesconfiguration:Extension": _arm(
        "{clusterRp}/{clusterResourceName}/{clusterName}/providers/Microsoft.KubernetesConfiguration"
        "/extensions/{extensionName}"
    ),
    "azure-native:compute:ProximityPlacementGroup": _arm(
        "Microsoft.Compute/proximityPlacementGroups/{proximityPlacementGroupName}"
    ),
    "azure-native:compute:CapacityReservationGroup": _arm(
        "Microsoft.Compute/capacityReservationGroups/{capacityReservationGroupName}", replaces=("zones",)
    ),
    "azure-native:compute:CapacityReservation": _arm(
        "Microsoft.Compute/capacityReservationGroups/{capacityReservationGroupName}"
        "/capacityReservations/{capacityReservationName}",
        replaces=("zones", "sku.name"),
    ),
    # Identity
    "azure-native:managedidentity:UserAssignedIdentity": _arm(
        "Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}", outputs=_principal("identity")
    ),
    "azure-native:managedidentity:FederatedIdentityCredential": _arm(
        "Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}"
        "/federatedIdentityCredentials/{federatedIdentityCredentialResourceName}"
    ),
    "azure-native:authorization:RoleAssignment": _scoped(
        "Microsoft.Authorization/roleAssignments",
        "roleAssignmentName",
        unique="{scope}/{principalId}/{roleDefinitionId}",
        replaces=("principalId", "roleDefinitionId", "principalType"),
    ),
    "azure-native:authorization:RoleDefinition": _scoped("Microsoft.Authorization/roleDefinitions", "roleDefinitionId"),
    "azure-native:authorization:PolicyAssignment": _scoped(
        "Microsoft.Authorization/policyAssignments", "policyAssignmentName"
    ),
    "azure-native:authorization:ManagementLockByScope": _scoped("Microsoft.Authorization/locks", "lockName"),
    "azure-native:authorization:ManagementLockAtResourceGroupLevel": _arm("Microsoft.Authorization/locks/{lockName}"),
    # Data services
    "azure-native:dbforpostgresql:Server": _arm(
        "Microsoft.DBforPostgreSQL/flexibleServers/{serverName}",
        outputs={
            "fullyQualifiedDomainName": "{serverName}.postgres.simulated.invalid",
            "state": "Ready",
            "minorVersion": "1",
        },
        replaces=("administratorLogin", "dataEncryption.type", "network", "availabilityZone"),
    ),
    "azure-native:dbforpostgresql:Database": _arm(
        "Microsoft.DBforPostgreSQL/flexibleServers/{serverName}/databases/{databaseName}"
    ),
    "azure-native:dbforpostgresql:Configuration": _arm(
        "Microsoft.DBforPostgreSQL/flexibleServers/{serverName}/configurations/{configurationName}"
    ),
    "azure-native:dbforpostgresql:Administrator": _arm(
        "Microsoft.DBforPostgreSQL/flexibleServers/{serverName}/administrators/{objectId}", replaces=("principalName",)
    ),
    "azure-native:dbforpostgresql:AdministratorsMicrosoftEntra": _arm(
        "Microsoft.DBforPostgreSQL/flexibleServers/{serverName}/administrators/{objectId}", replaces=("principalName",)
    ),
    "azure-native:redisenterprise:RedisEnterprise": _arm(
        "Microsoft.Cache/redisEnterprise/{clusterName}",
        outputs={
            "hostName": "{clusterName}.{?location}.redis.simulated.invalid",
            "redisVersion": "7.4",
            "resourceState": "Running",
        },
    ),
    "azure-native:redisenterprise:Database": _arm(
        "Microsoft.Cache/redisEnterprise/{clusterName}/databases/{databaseName}",
        outputs={"resourceState": "Running"},
        replaces=("clusteringPolicy", "evictionPolicy", "modules"),
    ),
    "azure-native:redisenterprise:AccessPolicyAssignment": _arm(
        "Microsoft.Cache/redisEnterprise/{clusterName}/databases/{databaseName}"
        "/accessPolicyAssignments/{accessPolicyAssignmentName}"
    ),
    # Logs, alarms, guard rails
    "azure-native:security:SecurityContact": _arm(
        "Microsoft.Security/securityContacts/{securityContactName}", group="/subscriptions/{account}"
    ),
    "azure-native:features:SubscriptionFeatureRegistration": _arm(
        "Microsoft.Features/featureProviders/{providerNamespace}/subscriptionFeatureRegistrations/{featureName}",
        group="/subscriptions/{account}",
    ),
    "azure-native:operationalinsights:Workspace": _arm(
        "Microsoft.OperationalInsights/workspaces/{workspaceName}",
        outputs={"customerId": "{uuid:workspace}"},
        undeletes=True,
    ),
    "azure-native:operationalinsights:Cluster": _arm(
        "Microsoft.OperationalInsights/clusters/{clusterName}", outputs={"clusterId": "{uuid:cluster}"}
    ),
    "azure-native:operationalinsights:LinkedService": _arm(
        "Microsoft.OperationalInsights/workspaces/{workspaceName}/linkedServices/{linkedServiceName}"
    ),
    "azure-native:monitor:DiagnosticSetting": Row(
        id="{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
        name="name",
        replaces=("resourceUri",),
    ),
    "azure-native:monitor:ActionGroup": _arm("Microsoft.Insights/actionGroups/{actionGroupName}"),
    "azure-native:consumption:Budget": _scoped("Microsoft.Consumption/budgets", "budgetName"),
    "azure-native:costmanagement:Budget": _scoped("Microsoft.CostManagement/budgets", "budgetName"),
    "azure-native:security:Pricing": Row(
        id="/{scopeId}/providers/Microsoft.Security/pricings/{pricingName}",
        name="pricingName",
        replaces=("scopeId",),
        shared=True,
    ),
    "azure-native:network:WebApplicationFirewallPolicy": _arm(
        f"{_NETWORK}/ApplicationGatewayWebApplicationFirewallPolicies/{{policyName}}"
    ),
    # Front
    "azure-native:cdn:Profile": _arm(
        "Microsoft.Cdn/profiles/{profileName}",
        outputs={"frontDoorId": "{uuid:front}", "kind": "frontdoor"},
        replaces=("sku",),
    ),
    "azure-native:cdn:AFDEndpoint": _arm(
        "Microsoft.Cdn/profiles/{profileName}/afdEndpoints/{endpointName}",
        outputs={"hostName": "{endpointName}-{hex:16}.z01.front.simulated.invalid"},
    ),
    "azure-native:cdn:AFDOriginGroup": _arm("Microsoft.Cdn/profiles/{profileName}/originGroups/{originGroupName}"),
    "azure-native:cdn:AFDOrigin": _arm(
        "Microsoft.Cdn/profiles/{profileName}/originGroups/{originGroupName}/origins/{originName}"
    ),
    "azure-native:cdn:Route": _arm(
        "Microsoft.Cdn/profiles/{profileName}/afdEndpoints/{endpointName}/routes/{routeName}"
    ),
    "azure-native:cdn:RuleSet": _arm("Microsoft.Cdn/profiles/{profileName}/ruleSets/{ruleSetName}"),
    "azure-native:cdn:Rule": _arm("Microsoft.Cdn/profiles/{profileName}/ruleSets/{ruleSetName}/rules/{ruleName}"),
    "azure-native:cdn:AFDCustomDomain": _arm(
        "Microsoft.Cdn/profiles/{profileName}/customDomains/{customDomainName}",
        outputs={
            "validationProperties": {"validationToken": "{hex:32}", "expirationDate": "2026-01-08T00:00:00Z"},
            "domainValidationState": "Pending",
        },
        replaces=("hostName",),
    ),
    "azure-native:cdn:SecurityPolicy": _arm(
        "Microsoft.Cdn/profiles/{profileName}/securityPolicies/{securityPolicyName}"
    ),
    "azure-native:frontdoor:Policy": _arm(
        f"{_NETWORK}/FrontDoorWebApplicationFirewallPolicies/{{policyName}}", replaces=("sku",)
    ),
}
