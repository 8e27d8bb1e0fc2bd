"""Values that Azure documents in words: ranges, sizes, forms; the SDK knows numbers and texts."""

from collections.abc import Mapping
from typing import Final

from rehearsal.rules import Rule

_AKS: Final = "learn.microsoft.com/rest/api/aks"
_POOLS: Final = f"{_AKS}/agent-pools/create-or-update"
_CDN: Final = "learn.microsoft.com/rest/api/frontdoor/azurefrontdoorstandardpremium"
_BLOBS: Final = "learn.microsoft.com/rest/api/storagerp/blob-services/set-service-properties"
_BUDGETS: Final = "learn.microsoft.com/rest/api/consumption/budgets/create-or-update"
_TAGS: Final = "learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations"
_MACHINE: Final = Rule(
    source="learn.microsoft.com/azure/virtual-machines/vm-naming-conventions",
    pattern=r"Standard_[A-Z]+[0-9]+(-[0-9]+)?[a-z]*(_[A-Za-z0-9]+)*",
)


def _range(source: str, least: float, most: float) -> Rule:
    return Rule(source=source, minimum=least, maximum=most)


def _pool(prefix: str = "") -> Mapping[str, Rule]:
    """An agent pool's, its own or inside of its cluster."""
    upgrade = f"{prefix}upgradeSettings."
    return {
        f"{prefix}vmSize": _MACHINE,
        f"{prefix}count": _range(_POOLS, 0, 1000),
        f"{prefix}minCount": _range(_POOLS, 0, 1000),
        f"{prefix}maxCount": _range(_POOLS, 0, 1000),
        f"{prefix}maxPods": _range("learn.microsoft.com/azure/aks/quotas-skus-regions", 10, 250),
        f"{prefix}osDiskSizeGB": _range(_POOLS, 0, 2048),
        f"{prefix}spotMaxPrice": Rule(source="learn.microsoft.com/azure/aks/spot-node-pool", minimum=-1),
        f"{prefix}nodeTaints": Rule(
            source="kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration",
            pattern=r"[A-Za-z0-9./_-]+(=[A-Za-z0-9._-]*)?:(NoSchedule|PreferNoSchedule|NoExecute)",
        ),
        f"{prefix}nodeLabels.*": Rule(
            source="kubernetes.io/docs/concepts/overview/working-with-objects/labels",
            pattern=r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?",
            max_length=63,
        ),
        f"{upgrade}maxSurge": Rule(source=_POOLS, pattern=r"[1-9][0-9]*%?|0"),
        f"{upgrade}maxUnavailable": Rule(source=_POOLS, pattern=r"[1-9][0-9]*%?|0"),
        f"{upgrade}drainTimeoutInMinutes": _range(_POOLS, 1, 1440),
        f"{upgrade}nodeSoakDurationInMinutes": _range(_POOLS, 0, 30),
    }


LIMITS: Final[Mapping[str, Mapping[str, Rule]]] = {
    "azure-native:containerservice:AgentPool": _pool(),
    "azure-native:containerservice:ManagedCluster": {
        **_pool("agentPoolProfiles."),
        "kubernetesVersion": Rule(
            source="learn.microsoft.com/azure/aks/supported-kubernetes-versions", pattern=r"1\.[0-9]+(\.[0-9]+)?"
        ),
        "networkProfile.dnsServiceIP": Rule(
            source="learn.microsoft.com/azure/aks/configure-azure-cni", pattern=r"([0-9]{1,3}\.){3}[0-9]{1,3}"
        ),
        "securityProfile.imageCleaner.intervalHours": _range("learn.microsoft.com/azure/aks/image-cleaner", 24, 2160),
    },
    "azure-native:containerservice:MaintenanceConfiguration": {
        "configName": Rule(
            source="learn.microsoft.com/azure/aks/planned-maintenance",
            values=("default", "aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"),
        ),
        "maintenanceWindow.durationHours": _range("learn.microsoft.com/azure/aks/planned-maintenance", 4, 24),
        "maintenanceWindow.schedule.weekly.intervalWeeks": _range(
            "learn.microsoft.com/azure/aks/planned-maintenance", 1, 4
        ),
        "maintenanceWindow.startTime": Rule(
            source="learn.microsoft.com/azure/aks/planned-maintenance", pattern=r"([01][0-9]|2[0-3]):[0-5][0-9]"
        ),
        "maintenanceWindow.utcOffset": Rule(
            source="learn.microsoft.com/azure/aks/planned-maintenance", pattern=r"[+-](0[0-9]|1[0-4]):[0-5][0-9]"
        ),
    },
    "azure-native:cdn:Profile": {"originResponseTimeoutSeconds": _range(f"{_CDN}/profiles/create", 16, 240)},
    "azure-native:cdn:AFDOrigin": {
        "httpPort": _range(f"{_CDN}/afd-origins/create", 1, 65535),
        "httpsPort": _range(f"{_CDN}/afd-origins/create", 1, 65535),
        "priority": _range(f"{_CDN}/afd-origins/create", 1, 5),
        "weight": _range(f"{_CDN}/afd-origins/create", 1, 1000),
    },
    "azure-native:cdn:AFDOriginGroup": {
        "healthProbeSettings.probeIntervalInSeconds": _range(f"{_CDN}/afd-origin-groups/create", 1, 255),
        "healthProbeSettings.probePath": Rule(source=f"{_CDN}/afd-origin-groups/create", pattern=r"/.*"),
        "loadBalancingSettings.additionalLatencyInMilliseconds": _range(
            "learn.microsoft.com/azure/frontdoor/routing-methods", 0, 1000
        ),
    },
    "azure-native:frontdoor:Policy": {
        "policySettings.customBlockResponseStatusCode": Rule(
            source="learn.microsoft.com/azure/web-application-firewall/afds/waf-front-door-configure-custom-response-code",
            minimum=200,
            maximum=429,
        )
    },
    "azure-native:keyvault:Vault": {
        "properties.softDeleteRetentionInDays": _range(
            "learn.microsoft.com/azure/key-vault/general/soft-delete-overview", 7, 90
        ),
        "properties.publicNetworkAccess": Rule(
            source="learn.microsoft.com/rest/api/keyvault/keyvault/vaults/create-or-update",
            pattern=r"(?i:enabled|disabled|securedbyperimeter)",
        ),
    },
    "azure-native:keyvault:Key": {
        "properties.keySize": _range("learn.microsoft.com/azure/key-vault/keys/about-keys-details", 2048, 4096),
        "properties.rotationPolicy.lifetimeActions.trigger.timeAfterCreate": Rule(
            source="learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation", pattern=r"P[0-9]+[DMY]"
        ),
    },
    "azure-native:dbforpostgresql:Server": {
        "sku.name": _MACHINE,
        "backup.backupRetentionDays": _range(
            "learn.microsoft.com/azure/postgresql/flexible-server/concepts-backup-restore", 7, 35
        ),
        "storage.storageSizeGB": _range(
            "learn.microsoft.com/azure/postgresql/flexible-server/concepts-storage", 32, 65536
        ),
    },
    "azure-native:dbforpostgresql:Database": {
        "databaseName": Rule(
            source="www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS",
            min_length=1,
            max_length=63,
        )
    },
    "azure-native:storage:BlobServiceProperties": {
        "blobServicesName": Rule(source=_BLOBS, values=("default",)),
        "changeFeed.retentionInDays": _range(_BLOBS, 1, 146000),
        "containerDeleteRetentionPolicy.days": _range(_BLOBS, 1, 365),
        "deleteRetentionPolicy.days": _range(_BLOBS, 1, 365),
    },
    "azure-native:storage:ManagementPolicy": {
        "managementPolicyName": Rule(
            source="learn.microsoft.com/rest/api/storagerp/management-policies/create-or-update", values=("default",)
        ),
        "policy.rules.definition.filters.blobTypes": Rule(
            source="learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure",
            values=("blockBlob", "appendBlob"),
        ),
    },
    "azure-native:storage:StorageAccount": {
        "sasPolicy.sasExpirationPeriod": Rule(
            source="learn.microsoft.com/azure/storage/common/sas-expiration-policy",
            pattern=r"[0-9]+\.([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
        )
    },
    "azure-native:managedidentity:FederatedIdentityCredential": {
        "issuer": Rule(
            source="learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
            pattern=r"https://.+",
            max_length=600,
        ),
        "subject": Rule(
            source="learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
            min_length=1,
            max_length=600,
        ),
        "audiences": Rule(
            source="learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
            min_length=1,
            max_length=600,
        ),
    },
    "azure-native:network:BastionHost": {
        "scaleUnits": _range("learn.microsoft.com/azure/bastion/configuration-settings#instance", 2, 50)
    },
    "azure-native:network:FlowLog": {
        "format.version": _range("learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview", 1, 2),
        "retentionPolicy.days": _range("learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview", 0, 365),
    },
    "azure-native:network:PublicIPPrefix": {
        "prefixLength": _range(
            "learn.microsoft.com/azure/virtual-network/ip-services/public-ip-address-prefix", 21, 127
        )
    },
    "azure-native:network:NetworkSecurityGroup": {
        f"securityRules.{name}": Rule(
            source="learn.microsoft.com/azure/virtual-network/network-security-groups-overview",
            pattern=r"\*|[0-9]{1,5}(-[0-9]{1,5})?",
        )
        for name in ("destinationPortRange", "destinationPortRanges", "sourcePortRange", "sourcePortRanges")
    },
    "azure-native:authorization:RoleAssignment": {
        "conditionVersion": Rule(
            source="learn.microsoft.com/azure/role-based-access-control/conditions-role-assignments-rest",
            values=("2.0",),
        )
    },
    "azure-native:consumption:Budget": {
        "filter.tags.name": Rule(source=_TAGS, pattern=r"[^<>%&\\?/]+", max_length=512),
        "filter.tags.values": Rule(source=_TAGS, max_length=256),
        "notifications.*.threshold": _range(_BUDGETS, 0, 1000),
        "timePeriod.startDate": Rule(
            source=_BUDGETS,
            pattern=r"[0-9]{4}-[0-9]{2}-01(T00:00:00(\.0+)?Z)?",
        ),
    },
}
