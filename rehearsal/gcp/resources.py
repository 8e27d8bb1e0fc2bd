"""Google Cloud's resource types: their resource names, what is computed, what can't change in place.

Resource names follow each service's REST reference, in the form that the provider keeps as id. A host name ends with
`simulated.invalid`, a domain that never exists (RFC 6761), so that nothing can call it.
"""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.gcp.network_resources import NETWORK_ROWS
from rehearsal.table import Row
from rehearsal.template import From, Merged

COMMON_OUTPUTS: Final[Mapping[str, Any]] = {
    "project": "{account}",
    "region": "{region}",
    "selfLink": "https://www.googleapis.com/compute/v1/{id}",
    "effectiveLabels": Merged(("config.defaultLabels", "labels")),
    "pulumiLabels": Merged(("config.defaultLabels", "labels")),
}
_IN_PROJECT: Final = "projects/{project}"
_IN_LOCATION: Final = "projects/{project}/locations/{location}"


def _binding(parent: str, *names: str) -> Row:
    """Make the row of an IAM binding: it stands for a fact, so that one that is there already is no error."""
    fixed = "/".join(f"{{{name}}}" for name in names)
    return Row(
        id=f"{parent}/{fixed}{{?condition.title}}",
        outputs={"etag": "BwYsimulated="},
        replaces=(*names, "condition", *(("cryptoKeyId", "keyRingId") if "ryptoKey" in parent else ())),
        shared=True,
    )


def _account_email(label: str) -> str:
    return f"{{{label}}}@{{project}}.iam.gserviceaccount.com"


ROWS: Final[Mapping[str, Row]] = {
    **NETWORK_ROWS,
    # Keys
    "gcp:kms/keyRing:KeyRing": Row(id=f"{_IN_LOCATION}/keyRings/{{name}}", name="name"),
    "gcp:kms/cryptoKey:CryptoKey": Row(
        id="{keyRing}/cryptoKeys/{name}",
        name="name",
        outputs={"primaries": [{"name": "{id}/cryptoKeyVersions/1", "state": "ENABLED"}]},
        replaces=("keyRing", "purpose", "destroyScheduledDuration", "importOnly"),
    ),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": _binding("{cryptoKeyId}", "role", "member"),
    "gcp:kms/cryptoKeyIAMBinding:CryptoKeyIAMBinding": _binding("{cryptoKeyId}", "role"),
    "gcp:kms/keyRingIAMMember:KeyRingIAMMember": _binding("{keyRingId}", "role", "member"),
    # Storage
    "gcp:storage/bucket:Bucket": Row(
        id="{name}",
        name="name",
        outputs={
            "url": "gs://{name}",
            "selfLink": "https://www.googleapis.com/storage/v1/b/{name}",
            "projectNumber": 123456789012,
        },
        replaces=("customPlacementConfig", "enableObjectRetention"),
    ),
    "gcp:storage/bucketIAMMember:BucketIAMMember": _binding("b/{bucket}", "role", "member"),
    "gcp:storage/bucketIAMBinding:BucketIAMBinding": _binding("b/{bucket}", "role"),
    "gcp:storage/managedFolder:ManagedFolder": Row(
        id="{bucket}/{name}", outputs={"selfLink": "https://www.googleapis.com/storage/v1/b/{id}"}, replaces=("bucket",)
    ),
    "gcp:storage/managedFolderIamMember:ManagedFolderIamMember": _binding(
        "b/{bucket}/managedFolders/{managedFolder}", "role", "member"
    ),
    "gcp:storage/managedFolderIamBinding:ManagedFolderIamBinding": _binding(
        "b/{bucket}/managedFolders/{managedFolder}", "role"
    ),
    "gcp:parallelstore/instance:Instance": Row(
        id=f"{_IN_LOCATION}/instances/{{instanceId}}",
        name="instanceId",
        outputs={"name": "{id}", "accessPoints": ["{address:10.0}"], "state": "ACTIVE"},
        replaces=("network", "capacityGib", "fileStripeLevel", "directoryStripeLevel"),
    ),
    # Registry
    "gcp:artifactregistry/repository:Repository": Row(
        id=f"{_IN_LOCATION}/repositories/{{repositoryId}}",
        name="repositoryId",
        outputs={
            "name": "{repositoryId}",
            "registryUri": "{location}.docker.simulated.invalid/{project}/{repositoryId}",
        },
        replaces=("format", "kmsKeyName", "mode"),
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": _binding(
        f"{_IN_PROJECT}/locations/{{?location}}/repositories/{{repository}}", "role", "member"
    ),
    # Cluster
    "gcp:container/cluster:Cluster": Row(
        id=f"{_IN_LOCATION}/clusters/{{name}}",
        name="name",
        outputs={
            "endpoint": "{address:10.0}",
            "selfLink": "https://container.googleapis.com/v1/{id}",
            "masterVersion": From("minMasterVersion", "1.34.0-gke.1000000"),
            "masterAuth": {"clusterCaCertificate": "c2ltdWxhdGVk"},
            "controlPlaneEndpointsConfig": {
                "dnsEndpointConfig": {
                    "endpoint": "gke-{hex:12}-{digits:12}.{location}.gke.simulated.invalid",
                    "allowExternalTraffic": From(
                        "controlPlaneEndpointsConfig.dnsEndpointConfig.allowExternalTraffic", default=False
                    ),
                }
            },
            "workloadIdentityConfig": {"workloadPool": "{project}.svc.id.goog"},
        },
        cluster="{id}",
        replaces=(
            "network",
            "subnetwork",
            "ipAllocationPolicy",
            "privateClusterConfig.masterIpv4CidrBlock",
            "datapathProvider",
            "initialNodeCount",
            "confidentialNodes",
        ),
        protected_by=("deletionProtection",),
    ),
    "gcp:container/nodePool:NodePool": Row(
        id=f"{_IN_LOCATION}/clusters/{{cluster}}/nodePools/{{name}}",
        name="name",
        outputs={
            "version": From("version", "1.34.0-gke.1000000"),
            "instanceGroupUrls": [f"{_IN_PROJECT}/zones/{{location}}-a/instanceGroupManagers/gke-{{name}}-{{hex:8}}"],
            "managedInstanceGroupUrls": [f"{_IN_PROJECT}/zones/{{location}}-a/instanceGroups/gke-{{name}}-{{hex:8}}"],
            "operation": "",
        },
        replaces=(
            "cluster",
            "initialNodeCount",
            "maxPodsPerNode",
            "placementPolicy",
            "networkConfig",
            "nodeConfig.machineType",
            "nodeConfig.diskType",
            "nodeConfig.guestAccelerators",
            "nodeConfig.spot",
            "nodeConfig.reservationAffinity",
            "nodeConfig.flexStart",
            "nodeConfig.bootDiskKmsKey",
            "nodeConfig.serviceAccount",
            "nodeConfig.shieldedInstanceConfig",
            "nodeConfig.ephemeralStorageLocalSsdConfig",
            "nodeConfig.localNvmeSsdBlockConfig",
        ),
    ),
    "gcp:gkehub/membership:Membership": Row(
        id=f"{_IN_LOCATION}/memberships/{{membershipId}}", name="membershipId", outputs={"name": "{id}"}
    ),
    # Identity
    "gcp:serviceaccount/account:Account": Row(
        id=f"{_IN_PROJECT}/serviceAccounts/{_account_email('accountId')}",
        name="accountId",
        outputs={
            "email": _account_email("accountId"),
            "member": f"serviceAccount:{_account_email('accountId')}",
            "name": "{id}",
            "uniqueId": "{digits:21}",
        },
    ),
    "gcp:serviceaccount/iAMMember:IAMMember": _binding("{serviceAccountId}", "role", "member"),
    "gcp:serviceaccount/iAMBinding:IAMBinding": _binding("{serviceAccountId}", "role"),
    "gcp:projects/iAMMember:IAMMember": _binding(_IN_PROJECT, "role", "member"),
    "gcp:projects/iAMBinding:IAMBinding": _binding(_IN_PROJECT, "role"),
    "gcp:projects/iAMCustomRole:IAMCustomRole": Row(
        id=f"{_IN_PROJECT}/roles/{{roleId}}",
        outputs={"name": "{id}", "deleted": False},
        replaces=("roleId",),
        undeletes=True,  # as the provider does
    ),
    "gcp:projects/iAMAuditConfig:IAMAuditConfig": Row(
        id=f"{_IN_PROJECT}/audit_config/{{service}}", replaces=("service",), shared=True
    ),
    "gcp:projects/service:Service": Row(id="{project}/{service}", replaces=("service",), shared=True),
    "gcp:projects/serviceIdentity:ServiceIdentity": Row(
        id="projects/{project}/services/{service}",
        outputs={
            "email": "service-{digits:12}@simulated.iam.gserviceaccount.com",
            "member": "serviceAccount:service-{digits:12}@simulated.iam.gserviceaccount.com",
        },
        replaces=("service",),
        shared=True,
    ),
    "gcp:projects/organizationPolicy:OrganizationPolicy": Row(id="{project}/{constraint}", replaces=("constraint",)),
    "gcp:orgpolicy/policy:Policy": Row(id="{name}", name="name", replaces=("parent",)),
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": Row(
        id=f"{_IN_PROJECT}/locations/global/workloadIdentityPools/{{workloadIdentityPoolId}}",
        outputs={
            "name": "projects/123456789012/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
            "state": "ACTIVE",
        },
        replaces=("workloadIdentityPoolId",),
    ),
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": Row(
        id=f"{_IN_PROJECT}/locations/global/workloadIdentityPools/{{workloadIdentityPoolId}}"
        "/providers/{workloadIdentityPoolProviderId}",
        outputs={
            "name": "projects/123456789012/locations/global/workloadIdentityPools/{workloadIdentityPoolId}"
            "/providers/{workloadIdentityPoolProviderId}",
            "state": "ACTIVE",
        },
        replaces=("workloadIdentityPoolId", "workloadIdentityPoolProviderId"),
    ),
    # Data services
    "gcp:sql/databaseInstance:DatabaseInstance": Row(
        id="{name}",
        name="name",
        outputs={
            "connectionName": "{project}:{region}:{name}",
            "privateIpAddress": "{address:10.0}",
            "firstIpAddress": "{address:10.0}",
            "dnsName": "{hex:12}.{region}.sql.simulated.invalid",
            "serviceAccountEmailAddress": "p{digits:12}-{hex:6}@simulated.iam.gserviceaccount.com",
            "selfLink": "https://sqladmin.googleapis.com/sql/v1beta4/projects/{project}/instances/{name}",
        },
        replaces=("encryptionKeyName", "masterInstanceName"),
        protected_by=("deletionProtection", "settings.deletionProtectionEnabled"),
    ),
    "gcp:sql/database:Database": Row(
        id=f"{_IN_PROJECT}/instances/{{instance}}/databases/{{name}}",
        name="name",
        outputs={"selfLink": "https://sqladmin.googleapis.com/sql/v1beta4/{id}"},
        replaces=("instance",),
    ),
    "gcp:sql/user:User": Row(
        id="{name}//{instance}",
        name="name",
        replaces=("instance", "type", "host"),
        imports=("{project}/{instance}/{name}",),
    ),
    "gcp:memorystore/instance:Instance": Row(
        id=f"{_IN_LOCATION}/instances/{{instanceId}}",
        name="instanceId",
        outputs={
            "name": "{id}",
            "uid": "{uuid:instance}",
            "state": "ACTIVE",
            "discoveryEndpoints": [{"address": "{address:10.0}", "port": 6379}],
            "endpoints": [
                {
                    "connections": [
                        {
                            "pscAutoConnection": {
                                "connectionType": "CONNECTION_TYPE_PRIMARY",
                                "ipAddress": "{address:10.0}",
                                "port": 6379,
                            }
                        }
                    ]
                },
            ],
        },
        replaces=("authorizationMode", "transitEncryptionMode", "kmsKey", "mode", "zoneDistributionConfig"),
        protected_by=("deletionProtectionEnabled",),
    ),
    "gcp:secretmanager/secret:Secret": Row(
        id=f"{_IN_PROJECT}/secrets/{{secretId}}",
        outputs={"name": "projects/123456789012/secrets/{secretId}"},
        replaces=("secretId", "replication"),
        protected_by=("deletionProtection",),
    ),
    "gcp:secretmanager/secretVersion:SecretVersion": Row(
        id="{secret}/versions/1", outputs={"name": "{id}", "version": "1"}, replaces=("secret", "secretData")
    ),
    "gcp:secretmanager/secretIamMember:SecretIamMember": _binding("{secretId}", "role", "member"),
    # Logs, guard rails
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": Row(
        id=f"{_IN_LOCATION}/buckets/{{bucketId}}", outputs={"name": "{id}"}, replaces=("bucketId",)
    ),
    "gcp:logging/projectSink:ProjectSink": Row(
        id=f"{_IN_PROJECT}/sinks/{{name}}",
        name="name",
        outputs={"writerIdentity": "serviceAccount:service-{digits:12}@simulated.iam.gserviceaccount.com"},
    ),
    "gcp:logging/projectExclusion:ProjectExclusion": Row(id=f"{_IN_PROJECT}/exclusions/{{name}}", name="name"),
    "gcp:storage/anywhereCache:AnywhereCache": Row(
        id="{bucket}/{zone}", outputs={"anywhereCacheId": "{zone}", "state": "running"}, replaces=("bucket",)
    ),
    "gcp:monitoring/notificationChannel:NotificationChannel": Row(
        id=f"{_IN_PROJECT}/notificationChannels/{{digits:19}}", outputs={"name": "{id}"}
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": Row(
        id=f"{_IN_PROJECT}/alertPolicies/{{digits:19}}", outputs={"name": "{id}"}
    ),
    "gcp:essentialcontacts/contact:Contact": Row(
        id="{parent}/contacts/{digits:19}", outputs={"name": "{id}"}, replaces=("parent", "email")
    ),
    "gcp:billing/budget:Budget": Row(
        id="billingAccounts/{billingAccount}/budgets/{uuid:budget}",
        outputs={"name": "{id}"},
        replaces=("billingAccount",),
    ),
}
