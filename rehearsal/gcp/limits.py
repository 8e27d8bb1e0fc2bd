"""Values that Google Cloud documents in words, or by clients that no package describes."""

from collections.abc import Mapping
from typing import Final

from rehearsal.rules import Rule

_VALKEY: Final = "cloud.google.com/memorystore/docs/valkey/reference/rest/v1/projects.locations.instances"
_WINDOW: Final = Rule(
    source="cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions",
    pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
)
_SERVICE: Final = Rule(
    source="cloud.google.com/service-usage/docs/list-services", pattern=r"[a-z0-9.-]+\.googleapis\.com"
)
_DELETION: Final = Rule(
    source="www.pulumi.com/registry/packages/gcp/api-docs/sql/user", values=("ABANDON", "DELETE", "PREVENT")
)
_CONTACTS: Final = "cloud.google.com/resource-manager/docs/reference/essentialcontacts/rest/v1/projects.contacts"
_LABEL: Final = r"[a-z]([-a-z0-9]*[a-z0-9])?"


def _values(source: str, *values: str) -> Rule:
    return Rule(source=source, values=values)


LIMITS: Final[Mapping[str, Mapping[str, Rule]]] = {
    "gcp:container/cluster:Cluster": {
        "defaultMaxPodsPerNode": Rule(
            source="cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr", minimum=8, maximum=256
        ),
        "networkingMode": _values(
            "cloud.google.com/kubernetes-engine/docs/concepts/types-of-clusters", "VPC_NATIVE", "ROUTES"
        ),
        "minMasterVersion": Rule(
            source="cloud.google.com/kubernetes-engine/versioning",
            pattern=r"1\.[0-9]+(\.[0-9]+(-gke\.[0-9]+)?)?|latest",
        ),
        "maintenancePolicy.recurringWindow.startTime": _WINDOW,
        "maintenancePolicy.recurringWindow.endTime": _WINDOW,
        "maintenancePolicy.recurringWindow.recurrence": Rule(
            source="RFC 5545", pattern=r"FREQ=(DAILY|WEEKLY)(;[A-Z]+=[A-Z0-9,]+)*"
        ),
    },
    "gcp:memorystore/instance:Instance": {
        "engineVersion": Rule(source=_VALKEY, pattern=r"VALKEY_[0-9]+_[0-9]+"),
        "mode": _values(_VALKEY, "CLUSTER", "CLUSTER_DISABLED"),
        "nodeType": _values(
            _VALKEY, "SHARED_CORE_NANO", "STANDARD_SMALL", "HIGHMEM_MEDIUM", "HIGHMEM_XLARGE", "HIGHCPU_MEDIUM"
        ),
        "replicaCount": Rule(source=_VALKEY, minimum=0, maximum=5),
        "shardCount": Rule(source=_VALKEY, minimum=1, maximum=250),
        "persistenceConfig.mode": _values(_VALKEY, "DISABLED", "RDB", "AOF"),
        "persistenceConfig.rdbConfig.rdbSnapshotPeriod": _values(
            _VALKEY, "ONE_HOUR", "SIX_HOURS", "TWELVE_HOURS", "TWENTY_FOUR_HOURS"
        ),
        "zoneDistributionConfig.mode": _values(_VALKEY, "MULTI_ZONE", "SINGLE_ZONE"),
    },
    "gcp:compute/backendService:BackendService": {
        "connectionDrainingTimeoutSec": Rule(
            source="cloud.google.com/load-balancing/docs/enabling-connection-draining", minimum=0, maximum=3600
        )
    },
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": {
        "bucketId": Rule(
            source="cloud.google.com/logging/docs/reference/v2/rest/v2/projects.locations.buckets/create",
            pattern=r"[A-Za-z0-9_.-]+",
            min_length=1,
            max_length=100,
        )
    },
    "gcp:projects/service:Service": {"service": _SERVICE},
    "gcp:projects/serviceIdentity:ServiceIdentity": {"service": _SERVICE},
    "gcp:projects/iAMAuditConfig:IAMAuditConfig": {
        "service": Rule(
            source="cloud.google.com/iam/docs/reference/rest/v1/Policy#AuditConfig",
            pattern=r"allServices|[a-z0-9.-]+\.googleapis\.com",
        ),
        "auditLogConfigs.logType": _values(
            "cloud.google.com/iam/docs/reference/rest/v1/Policy#LogType", "ADMIN_READ", "DATA_READ", "DATA_WRITE"
        ),
    },
    "gcp:billing/budget:Budget": {
        "billingAccount": Rule(
            source="cloud.google.com/billing/docs/concepts#billing_account",
            pattern=r"[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}",
        )
    },
    "gcp:essentialcontacts/contact:Contact": {
        "email": Rule(source=_CONTACTS, pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+", max_length=320),
        "languageTag": Rule(source="RFC 5646", pattern=r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"),
        "notificationCategorySubscriptions": _values(
            _CONTACTS, "ALL", "SUSPENSION", "SECURITY", "TECHNICAL", "BILLING", "LEGAL", "PRODUCT_UPDATES"
        ),
        "parent": Rule(source=_CONTACTS, pattern=r"(projects|folders|organizations)/.+"),
    },
    "gcp:orgpolicy/policy:Policy": {
        "parent": Rule(
            source="cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies",
            pattern=r"(projects|folders|organizations)/.+",
        )
    },
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
        "workloadIdentityPoolProviderId": Rule(
            source="cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers/create",
            pattern=r"(?!gcp-)[a-z0-9-]+",
            min_length=4,
            max_length=32,
        )
    },
    "gcp:sql/database:Database": {"deletionPolicy": _DELETION},
    "gcp:sql/user:User": {"deletionPolicy": _DELETION},
    "gcp:certificatemanager/certificateMap:CertificateMap": {
        "name": Rule(
            source="cloud.google.com/certificate-manager/docs/reference/certificate-manager/rest",
            pattern=_LABEL,
            min_length=1,
            max_length=63,
        )
    },
    "gcp:certificatemanager/trustConfig:TrustConfig": {
        "name": Rule(
            source="cloud.google.com/certificate-manager/docs/reference/certificate-manager/rest",
            pattern=_LABEL,
            min_length=1,
            max_length=63,
        )
    },
}
