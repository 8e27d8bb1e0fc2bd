"""Rules of Azure that hold for every property of a name."""

import re
from typing import Final

from rehearsal.rules import Habit, Rule

_IDS: Final = Rule(
    source="learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-resource",
    pattern=r"(?i:/(subscriptions/[^/]+(/resourceGroups/[^/]+)?(/providers/.+)?|providers/.+))",
)
_UUID: Final = Rule(
    source="RFC 9562", pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", min_length=36, max_length=36
)

HABITS: Final = (
    Habit(
        re.compile(r"^tags\.\*$"),
        Rule(source="learn.microsoft.com/azure/azure-resource-manager/management/tag-resources", max_length=256),
    ),
    Habit(
        re.compile(r"(^|\.)location$"),
        Rule(source="learn.microsoft.com/azure/reliability/regions-list", pattern=r"[a-z]+[0-9]?|Global"),
    ),
    Habit(
        re.compile(r"^resourceGroupName$"),
        Rule(
            source="learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules",
            pattern=r"[\w().-]*[\w()-]",
            min_length=1,
            max_length=90,
        ),
    ),
    Habit(
        re.compile(r"(^|\.)(zones|availabilityZones?|standbyAvailabilityZone)$"),
        Rule(source="learn.microsoft.com/azure/reliability/availability-zones-overview", values=("1", "2", "3")),
    ),
    Habit(re.compile(r"(^|\.)(tenantId|principalId|objectId|clientId)$"), _UUID),
    Habit(
        re.compile(
            r"((subnet|publicIPAddress|natGateway|networkSecurityGroup|virtualNetwork|sourceVault|publicIpPrefixes)\.id"
            r"|(^|\.)(roleDefinitionId|diskEncryptionSetID|vnetSubnetID|subnetId|privateDnsZoneId|privateLinkServiceId"
            r"|storageAccountId|workspaceId|targetResourceId|scope|resourceUri|keyVaultId"
            r"|proximityPlacementGroupID|capacityReservationGroupID|userAssignedIdentities"
            r"|encryptionUserAssignedIdentity|primaryUserAssignedIdentityId|userAssignedIdentityResourceId))$"
        ),
        _IDS,
        # The scope of an extension of a cluster, and a budget's, are paths of the same kind without the first slash; a
        # role's own id is its name.
        others=frozenset(
            {
                "azure-native:authorization:RoleDefinition",
                "azure-native:kubernetesconfiguration:Extension",
            }
        ),
    ),
    Habit(
        re.compile(r"(^|\.)(keyUrl|keyVaultKeyUri|keyIdentifier|primaryKeyURI|keyEncryptionKeyUrl)$"),
        Rule(
            source="learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates",
            pattern=r"https://[A-Za-z0-9-]+\.[a-z0-9.-]+/keys/[A-Za-z0-9-]+(/[0-9a-f]{32})?",
        ),
    ),
)
