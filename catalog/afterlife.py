"""What a cloud keeps of a resource after its deletion, and what that means for whoever makes it again.

Read by `fleet down --delete-data`, which lists what stays, and by the simulated clouds, which keep it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Afterlife(StrEnum):
    """What is left of a resource once it was deleted."""

    SCHEDULED = "scheduled"
    """Gone for its users, deleted by the cloud after a waiting time (a KMS key)."""
    SOFT_DELETED = "soft-deleted"
    """Kept for a retention time, its name reserved (a key vault): it can be recovered, not made anew."""
    PERMANENT = "permanent"
    """It can't be deleted at all (a Cloud KMS key ring): the engine forgets it, the cloud does not."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a cloud keeps of one type.

    Attributes:
        afterlife: What becomes of it.
        days: Days that it is kept; None for ever.
        days_input: Dotted path of the input that says how many days, empty where the cloud decides alone.
        until_made_again: What the next update of the same stack finds and does.
        recorded: Whether the next update has to be told its name (`modelfleet:kept`), as the cloud answers no question
            about it.
        source: Where the cloud says so.
    """

    afterlife: Afterlife
    days: int | None
    days_input: str = ""
    until_made_again: str
    recorded: bool = False
    source: str


_NEW_KEY: Final = "a new key under the same alias; until then the deletion can be cancelled"

KEPT: Final[Mapping[str, Kept]] = {
    "aws:kms/key:Key": Kept(
        afterlife=Afterlife.SCHEDULED,
        days=30,
        days_input="deletionWindowInDays",
        until_made_again=_NEW_KEY,
        source="https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
    ),
    "aws:kms/replicaKey:ReplicaKey": Kept(
        afterlife=Afterlife.SCHEDULED,
        days=30,
        days_input="deletionWindowInDays",
        until_made_again=_NEW_KEY,
        source="https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
    ),
    "aws:secretsmanager/secret:Secret": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=30,
        days_input="recoveryWindowInDays",
        until_made_again="its name is taken: restore it, or wait",
        source="https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html",
    ),
    "azure-native:keyvault:Vault": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=90,
        days_input="properties.softDeleteRetentionInDays",
        until_made_again="recovered, its keys with it",
        recorded=True,
        source="https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview",
    ),
    "azure-native:keyvault:Key": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=90,
        until_made_again="back with its vault",
        source="https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview",
    ),
    "azure-native:keyvault:ManagedHsm": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=90,
        days_input="properties.softDeleteRetentionInDays",
        until_made_again="its name is taken: recover it, or wait",
        source="https://learn.microsoft.com/azure/key-vault/managed-hsm/soft-delete-overview",
    ),
    "azure-native:operationalinsights:Workspace": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=14,
        until_made_again="recovered, as it has the same name in the same group",
        source="https://learn.microsoft.com/azure/azure-monitor/logs/delete-workspace",
    ),
    "gcp:kms/keyRing:KeyRing": Kept(
        afterlife=Afterlife.PERMANENT,
        days=None,
        until_made_again="taken over",
        source="https://cloud.google.com/kms/docs/object-hierarchy",
    ),
    "gcp:kms/cryptoKey:CryptoKey": Kept(
        afterlife=Afterlife.PERMANENT,
        days=None,
        until_made_again="a successor with the next number; its versions are destroyed",
        source="https://cloud.google.com/kms/docs/object-hierarchy",
    ),
    "gcp:sql/databaseInstance:DatabaseInstance": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=7,
        until_made_again="another name: names have a random end",
        source="https://cloud.google.com/sql/docs/postgres/delete-instance",
    ),
    # An update of a bucket that waits for its deletion is refused: "must be in an ACTIVE state".
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=7,
        until_made_again="a successor with the next number",
        recorded=True,
        source="https://cloud.google.com/logging/docs/buckets#delete_bucket",
    ),
    "gcp:projects/iAMCustomRole:IAMCustomRole": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=7,
        until_made_again="undeleted",
        source="https://cloud.google.com/iam/docs/creating-custom-roles#deleting-custom-role",
    ),
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=30,
        until_made_again="a successor with the next number",
        recorded=True,
        source="https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-pool",
    ),
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": Kept(
        afterlife=Afterlife.SOFT_DELETED,
        days=30,
        until_made_again="one of the same name in the pool's successor",
        source="https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-provider",
    ),
}
"""By type token. A type that isn't here is gone when its deletion has ended."""
