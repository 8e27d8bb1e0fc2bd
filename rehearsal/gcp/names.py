"""Google Cloud's naming rules, and limits that its discovery documents leave to words."""

from collections.abc import Mapping
from typing import Final

from rehearsal.rules import Rule


def _named(source: str, pattern: str, shortest: int, longest: int) -> Rule:
    return Rule(source=source, pattern=pattern, min_length=shortest, max_length=longest)


_LABEL: Final = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LOCATION: Final = r"[a-z]+-[a-z]+[0-9]+(-[a-z])?"

NAMES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "gcp:storage/bucket:Bucket": {
        "name": _named(
            "cloud.google.com/storage/docs/buckets#naming", r"(?!goog)(?!.*google)[a-z0-9][a-z0-9._-]*[a-z0-9]", 3, 63
        ),
        "storageClass": Rule(
            source="cloud.google.com/storage/docs/storage-classes",
            values=("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL"),
        ),
        "publicAccessPrevention": Rule(
            source="cloud.google.com/storage/docs/json_api/v1/buckets#resource", values=("enforced", "inherited")
        ),
    },
    "gcp:kms/keyRing:KeyRing": {
        "name": _named("cloud.google.com/kms/docs/create-key-ring", r"[a-zA-Z0-9_-]+", 1, 63),
        "location": Rule(
            source="cloud.google.com/kms/docs/locations", pattern=rf"(global|us|europe|asia|{_LOCATION}|[a-z]+[0-9]*)"
        ),
    },
    "gcp:kms/cryptoKey:CryptoKey": {"name": _named("cloud.google.com/kms/docs/create-key", r"[a-zA-Z0-9_-]+", 1, 63)},
    "gcp:container/cluster:Cluster": {
        "name": _named(
            "cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters#Cluster",
            _LABEL,
            1,
            40,
        ),
        "location": Rule(source="cloud.google.com/compute/docs/regions-zones", pattern=_LOCATION),
    },
    "gcp:container/nodePool:NodePool": {
        "name": _named(
            "cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.nodePools",
            _LABEL,
            1,
            40,
        ),
        "maxPodsPerNode": Rule(
            source="cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr", minimum=8, maximum=256
        ),
    },
    "gcp:serviceaccount/account:Account": {
        "accountId": _named("cloud.google.com/iam/docs/service-accounts-create", _LABEL, 6, 30)
    },
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": {
        "workloadIdentityPoolId": _named(
            "cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools/create",
            r"(?!gcp-)[a-z0-9-]+",
            4,
            32,
        )
    },
    "gcp:sql/databaseInstance:DatabaseInstance": {
        "name": _named("cloud.google.com/sql/docs/postgres/instance-settings", _LABEL, 1, 98)
    },
    "gcp:memorystore/instance:Instance": {
        "instanceId": _named(
            "cloud.google.com/memorystore/docs/valkey/reference/rest/v1/projects.locations.instances/create",
            _LABEL,
            4,
            63,
        ),
        "authorizationMode": Rule(
            source="cloud.google.com/memorystore/docs/valkey/reference/rest/v1/projects.locations.instances",
            values=("AUTH_DISABLED", "IAM_AUTH"),
        ),
        "transitEncryptionMode": Rule(
            source="cloud.google.com/memorystore/docs/valkey/reference/rest/v1/projects.locations.instances",
            values=("TRANSIT_ENCRYPTION_DISABLED", "SERVER_AUTHENTICATION"),
        ),
    },
    "gcp:artifactregistry/repository:Repository": {
        "repositoryId": _named("cloud.google.com/artifact-registry/docs/repositories/create-repos", _LABEL, 1, 63)
    },
    "gcp:secretmanager/secret:Secret": {
        "secretId": _named(
            "cloud.google.com/secret-manager/docs/creating-and-accessing-secrets", r"[A-Za-z0-9_-]+", 1, 255
        )
    },
    "gcp:compute/routerNat:RouterNat": {
        "name": _named("cloud.google.com/compute/docs/naming-resources", _LABEL, 1, 63)
    },
}
