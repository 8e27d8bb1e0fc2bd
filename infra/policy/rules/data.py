"""Data survives mistakes: protected twice against deletion, and recoverable."""

from collections.abc import Iterator, Mapping
from typing import Final

from infra.marks import LEAVING
from infra.policy.inputs import Inputs
from infra.policy.requirement import Requirement, at_least, given, is_true, none_of, not_true, one_of, table
from infra.policy.rule import Check, Member, Rule, Severity, Stack, Subject

_FEWEST_BACKUP_DAYS = 7

_DATA: Final[Mapping[str, tuple[Requirement, ...]]] = {
    "aws:kms/key:Key": (at_least("deletionWindowInDays", 7),),
    "aws:kms/replicaKey:ReplicaKey": (at_least("deletionWindowInDays", 7),),
    "aws:s3/bucket:Bucket": (not_true("forceDestroy"),),
    "aws:ecr/repository:Repository": (not_true("forceDelete"),),
    "aws:rds/instance:Instance": (is_true("deletionProtection"), not_true("skipFinalSnapshot")),
    "aws:rds/cluster:Cluster": (is_true("deletionProtection"), not_true("skipFinalSnapshot")),
    "aws:dynamodb/table:Table": (is_true("deletionProtectionEnabled"),),
    "aws:efs/fileSystem:FileSystem": (),
    "aws:backup/vault:Vault": (not_true("forceDestroy"),),
    "azure-native:keyvault:Vault": (
        is_true("properties.enableSoftDelete"),
        is_true("properties.enablePurgeProtection"),
    ),
    "azure-native:keyvault:Key": (),
    "azure-native:storage:StorageAccount": (),
    "azure-native:containerregistry:Registry": (),
    "azure-native:dbforpostgresql:Server": (),
    "gcp:kms/keyRing:KeyRing": (),
    "gcp:kms/cryptoKey:CryptoKey": (),
    "gcp:storage/bucket:Bucket": (not_true("forceDestroy"),),
    "gcp:artifactregistry/repository:Repository": (),
    "gcp:sql/databaseInstance:DatabaseInstance": (
        is_true("deletionProtection"),
        is_true("settings.deletionProtectionEnabled"),
    ),
}
"""Types that hold data, and the cloud's own protection of each where it has a switch for one."""

_LOCKED = (
    "azure-native:storage:StorageAccount",
    "azure-native:containerregistry:Registry",
    "azure-native:dbforpostgresql:Server",
    "azure-native:keyvault:Vault",
)
_LOCKS = (
    "azure-native:authorization:ManagementLockByScope",
    "azure-native:authorization:ManagementLockAtResourceLevel",
    "azure-native:authorization:ManagementLockAtResourceGroupLevel",
)


def _leaving(inputs: Inputs) -> bool:
    """Tell whether it is a leaving tenant's: the update after this one deletes it."""
    return any(inputs.text(f"{tags}.{LEAVING}") == "true" for tags in ("tags", "labels"))


def _protected(requirements: tuple[Requirement, ...]) -> Check:
    def check(subject: Subject) -> Iterator[str]:
        if subject.setting.delete_data or _leaving(subject.inputs):
            return
        if not subject.protect:
            yield "the resource option `protect` is not set"
        for requirement in requirements:
            yield from requirement.problems(subject.inputs)

    return check


def _locked(member: Member, stack: Stack) -> Iterator[str]:
    """Azure's own delete protection of a resource is a lock, on it or on its resource group."""
    if stack.setting.delete_data or _leaving(member.outputs):
        return
    locks = [lock for lock in stack.of(*_LOCKS) if lock.outputs.text("level") == "CanNotDelete"]
    groups = {urn for used in member.uses.values() for urn in used if ":ResourceGroup::" in urn}
    if not any(lock.refers_to(urn) for lock in locks for urn in {member.urn, *groups}):
        yield "no management lock (CanNotDelete) is on it or on its resource group"


DATA_PROTECTED = Rule(
    id="data-protected",
    severity=Severity.CRITICAL,
    demand="Keys, buckets, registries and databases carry `protect` and the cloud's own delete protection.",
    why="A wrong rename or a hasty destroy must not take the ledger or the weights; a deleted key shreds all under it.",
    remedy="Set `protect=True` and the cloud's switch; take data down by `fleet down STACK --delete-data` only.",
    checks={kind: _protected(requirements) for kind, requirements in _DATA.items()},
    member_checks=dict.fromkeys(_LOCKED, _locked),
    sources=(
        "https://www.pulumi.com/docs/iac/concepts/options/protect/",
        "https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources",
    ),
)


def _versioned(bucket: Member, stack: Stack) -> Iterator[str]:
    for versioning in stack.of("aws:s3/bucketVersioning:BucketVersioning"):
        if stack.leads(versioning, "bucket", bucket.urn):
            status = versioning.outputs.text("versioningConfiguration.status")
            if status != "Enabled":
                yield f"{versioning.name} has status {status!r}; it must be Enabled"
            return
    yield "no BucketVersioning names this bucket"


DATA_RECOVERABLE = Rule(
    id="data-recoverable",
    severity=Severity.HIGH,
    demand=(
        f"Buckets keep versions; databases are backed up for at least {_FEWEST_BACKUP_DAYS} days with point-in-time "
        "recovery."
    ),
    why="Most data is lost by an overwrite that was allowed, not by a failed disk.",
    remedy="Turn on versioning, soft delete, backups and point-in-time recovery.",
    checks=table(
        {
            "aws:rds/instance:Instance": (at_least("backupRetentionPeriod", _FEWEST_BACKUP_DAYS),),
            "aws:rds/cluster:Cluster": (at_least("backupRetentionPeriod", _FEWEST_BACKUP_DAYS),),
            "azure-native:storage:BlobServiceProperties": (
                is_true("isVersioningEnabled"),
                is_true("deleteRetentionPolicy.enabled"),
            ),
            "azure-native:dbforpostgresql:Server": (at_least("backup.backupRetentionDays", _FEWEST_BACKUP_DAYS),),
            "gcp:storage/bucket:Bucket": (is_true("versioning.enabled"),),
            "gcp:sql/databaseInstance:DatabaseInstance": (
                is_true("settings.backupConfiguration.enabled"),
                is_true("settings.backupConfiguration.pointInTimeRecoveryEnabled"),
                at_least("settings.backupConfiguration.backupRetentionSettings.retainedBackups", _FEWEST_BACKUP_DAYS),
            ),
        }
    ),
    member_checks={"aws:s3/bucket:Bucket": _versioned},
    sources=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",),
)

REGISTRY_IMMUTABLE = Rule(
    id="registry-immutable",
    severity=Severity.MEDIUM,
    demand="Registries refuse to move a tag, and look through what is pushed.",
    why="A moved tag makes a rollback pull something that was never tested.",
    remedy="Set immutable tags and scan on push.",
    checks=table(
        {
            "aws:ecr/repository:Repository": (
                one_of("imageTagMutability", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"),
                is_true("imageScanningConfiguration.scanOnPush"),
            ),
            "azure-native:containerregistry:Registry": (one_of("sku.name", "Premium"),),
            "gcp:artifactregistry/repository:Repository": (
                is_true("dockerConfig.immutableTags"),
                none_of("vulnerabilityScanningConfig.enablementConfig", "DISABLED"),
                given("format", "a format"),
            ),
        }
    ),
    sources=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",),
)

RULES = (DATA_PROTECTED, DATA_RECOVERABLE, REGISTRY_IMMUTABLE)
