"""Data at rest is encrypted with keys that the stack owns, and those keys rotate."""

from collections.abc import Iterator

from infra.policy.arguments import known
from infra.policy.requirement import given, is_true, one_of, table
from infra.policy.rule import Member, Rule, Severity, Stack, Subject

_LONGEST_ROTATION_DAYS = 365
"""AWS's own default, and the interval that auditors ask of symmetric keys."""
_BUCKET_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_A_KEY = "a customer-managed key"


# Rotation.


def _kms_key(subject: Subject) -> Iterator[str]:
    key = subject.inputs
    usage, spec = key.text("keyUsage"), key.text("customerMasterKeySpec")
    if usage not in {"", "ENCRYPT_DECRYPT"} or spec not in {"", "SYMMETRIC_DEFAULT"}:
        return  # AWS rotates symmetric encryption keys only; asymmetric ones are for signing
    if key.value("enableKeyRotation") is not True:
        yield "enableKeyRotation must be true"
    period = key.value("rotationPeriodInDays")
    if period is not None and float(period) > _LONGEST_ROTATION_DAYS:
        yield f"rotationPeriodInDays is {period:g}; it must be at most {_LONGEST_ROTATION_DAYS}"


def _imported_key(_subject: Subject) -> Iterator[str]:
    yield "imported key material can't rotate: use a key that KMS makes"


def _vault_key(subject: Subject) -> Iterator[str]:
    actions = [
        str(action).lower() for action in subject.inputs.known("properties.rotationPolicy.lifetimeActions.action.type")
    ]
    if "rotate" not in actions:
        yield "properties.rotationPolicy has no lifetime action that rotates the key"


def _crypto_key(subject: Subject) -> Iterator[str]:
    key = subject.inputs
    if key.text("purpose") not in {"", "ENCRYPT_DECRYPT"}:
        return  # Cloud KMS rotates symmetric encryption keys only
    period = key.text("rotationPeriod")
    if not period:
        yield "rotationPeriod is not set"
    elif float(period.removesuffix("s")) > _LONGEST_ROTATION_DAYS * 86_400:
        yield f"rotationPeriod is {period!r}; it must be at most {_LONGEST_ROTATION_DAYS} days"


KEYS_ROTATE = Rule(
    id="keys-rotate",
    severity=Severity.HIGH,
    demand=f"Encryption keys rotate by themselves, at least every {_LONGEST_ROTATION_DAYS} days.",
    why="A key that leaked must stop protecting new data without anybody noticing the leak first.",
    remedy="Turn rotation on; where the cloud re-encrypts by reference, follow the newest version.",
    checks={
        "aws:kms/key:Key": _kms_key,
        "aws:kms/externalKey:ExternalKey": _imported_key,
        "azure-native:keyvault:Key": _vault_key,
        "gcp:kms/cryptoKey:CryptoKey": _crypto_key,
        **table(
            {
                "azure-native:compute:DiskEncryptionSet": (is_true("rotationToLatestKeyVersionEnabled"),),
                "azure-native:keyvault:Vault": (
                    is_true("properties.enablePurgeProtection"),
                    is_true("properties.enableRbacAuthorization"),
                ),
            }
        ),
    },
    sources=(
        "https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
        "https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation",
        "https://cloud.google.com/kms/docs/key-rotation",
    ),
)


# Customer-managed keys.


def _ecr(subject: Subject) -> Iterator[str]:
    configurations = list(subject.inputs.blocks("encryptionConfigurations[]"))
    keyed = [
        block for block in configurations if block.text("encryptionType").startswith("KMS") and block.given("kmsKey")
    ]
    if not keyed:
        yield "encryptionConfigurations names no key (encryptionType KMS, kmsKey)"


def _rds(subject: Subject) -> Iterator[str]:
    database = subject.inputs
    if database.given("replicateSourceDb") and not database.given("kmsKeyId"):
        return  # a replica in the same Region has its source's key
    if database.value("storageEncrypted") is not True or not database.given("kmsKeyId"):
        yield "storageEncrypted must be true and kmsKeyId name a key"
    if database.value("performanceInsightsEnabled") is True and not database.given("performanceInsightsKmsKeyId"):
        yield "performanceInsightsKmsKeyId must name a key"
    if database.value("manageMasterUserPassword") is True and not database.given("masterUserSecretKmsKeyId"):
        yield "masterUserSecretKmsKeyId must name a key"


def _parameter(subject: Subject) -> Iterator[str]:
    if subject.inputs.text("type") == "SecureString" and not subject.inputs.given("keyId"):
        yield "keyId must name a key"


def _aks(subject: Subject) -> Iterator[str]:
    cluster = subject.inputs
    if not cluster.given("diskEncryptionSetID"):
        yield "diskEncryptionSetID is not set"
    if cluster.value("securityProfile.azureKeyVaultKms.enabled") is not True:
        yield "securityProfile.azureKeyVaultKms.enabled must be true: etcd's secrets need a key"


def _gcp_secret(subject: Subject) -> Iterator[str]:
    replication = subject.inputs
    automatic = replication.given("replication.auto.customerManagedEncryption.kmsKeyName")
    replicas = list(replication.blocks("replication.userManaged.replicas[]"))
    by_replica = bool(replicas) and all(replica.given("customerManagedEncryption.kmsKeyName") for replica in replicas)
    if not automatic and not by_replica:
        yield "replication names no key"


def _gke(subject: Subject) -> Iterator[str]:
    cluster = subject.inputs
    if cluster.text("databaseEncryption.state") not in {"ENCRYPTED", "ALL_OBJECTS_ENCRYPTION_ENABLED"}:
        yield "databaseEncryption.state must be ENCRYPTED: Kubernetes secrets need a key"
    elif not cluster.given("databaseEncryption.keyName"):
        yield "databaseEncryption.keyName is not set"
    provisioning = cluster.value("clusterAutoscaling.enabled") is True
    if provisioning and not cluster.given("clusterAutoscaling.autoProvisioningDefaults.bootDiskKmsKey"):
        yield "clusterAutoscaling.autoProvisioningDefaults.bootDiskKmsKey is not set"


def _bucket(bucket: Member, stack: Stack) -> Iterator[str]:
    """A bucket has SSE-KMS with a key of the stack and a bucket key.

    One that receives S3's own access logs may have SSE-S3: AWS supports no other default for their delivery
    (docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html).
    """
    configurations = [member for member in stack.of(_BUCKET_ENCRYPTION) if stack.leads(member, "bucket", bucket.urn)]
    receives_logs = any(
        stack.leads(log, "targetBucket", bucket.urn) for log in stack.of("aws:s3/bucketLogging:BucketLogging")
    )
    if not configurations:
        yield "no BucketServerSideEncryptionConfiguration names this bucket"
    for member in configurations:
        default = "rules.applyServerSideEncryptionByDefault"
        algorithm = member.outputs.text(f"{default}.sseAlgorithm")
        if algorithm == "AES256" and receives_logs:
            continue
        if not algorithm.startswith("aws:kms") or not member.outputs.given(f"{default}.kmsMasterKeyId"):
            yield f"{member.name} must set sseAlgorithm aws:kms and kmsMasterKeyId"
        elif member.outputs.value("rules.bucketKeyEnabled") is not True:
            yield f"{member.name} must set bucketKeyEnabled"


_INHERITS = {"aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/objectCopy:ObjectCopy"}
"""What takes a key but has its container's without one."""


def _any_key(subject: Subject) -> Iterator[str]:
    """Whatever has an argument for a key uses it, whether this table knows the type or not."""
    arguments = known().get(subject.kind)
    if arguments is None or subject.kind in CUSTOMER_MANAGED_KEY.checks or subject.kind in _INHERITS:
        return
    if arguments.keys and not any(subject.inputs.given(key) for key in arguments.keys):
        yield f"{' or '.join(arguments.keys)} must name {_A_KEY}"


CUSTOMER_MANAGED_KEY = Rule(
    id="customer-managed-key",
    severity=Severity.HIGH,
    demand="Whatever stores data, and can take a customer-managed key, has one.",
    why="Only a key of its own lets an enterprise see who decrypts, revoke access and shred data by deleting the key.",
    remedy="Pass the region's key for that purpose (cluster secrets, disks, storage, database, logs, tenant).",
    checks={
        **table(
            {
                "aws:ebs/volume:Volume": (is_true("encrypted"), given("kmsKeyId", _A_KEY)),
                "aws:ebs/encryptionByDefault:EncryptionByDefault": (is_true("enabled"),),
                "aws:ec2/launchTemplate:LaunchTemplate": (
                    one_of("blockDeviceMappings[].ebs.encrypted", "true"),
                    given("blockDeviceMappings[].ebs.kmsKeyId", _A_KEY),
                ),
                "aws:eks/cluster:Cluster": (given("encryptionConfig.provider.keyArn", _A_KEY),),
                "aws:rds/cluster:Cluster": (is_true("storageEncrypted"), given("kmsKeyId", _A_KEY)),
                "aws:elasticache/replicationGroup:ReplicationGroup": (
                    one_of("atRestEncryptionEnabled", "true"),
                    given("kmsKeyId", _A_KEY),
                ),
                "aws:elasticache/serverlessCache:ServerlessCache": (given("kmsKeyId", _A_KEY),),
                "aws:cloudwatch/logGroup:LogGroup": (given("kmsKeyId", _A_KEY),),
                "aws:secretsmanager/secret:Secret": (given("kmsKeyId", _A_KEY),),
                "aws:sns/topic:Topic": (given("kmsMasterKeyId", _A_KEY),),
                "aws:sqs/queue:Queue": (given("kmsMasterKeyId", _A_KEY),),
                "aws:dynamodb/table:Table": (given("serverSideEncryption.kmsKeyArn", _A_KEY),),
                "aws:efs/fileSystem:FileSystem": (is_true("encrypted"), given("kmsKeyId", _A_KEY)),
                "aws:fsx/lustreFileSystem:LustreFileSystem": (given("kmsKeyId", _A_KEY),),
                "aws:cloudtrail/trail:Trail": (given("kmsKeyId", _A_KEY),),
                "aws:backup/vault:Vault": (given("kmsKeyArn", _A_KEY),),
                "azure-native:storage:StorageAccount": (
                    one_of("encryption.keySource", "Microsoft.Keyvault"),
                    given("encryption.keyVaultProperties.keyVaultUri", "the vault of a customer-managed key"),
                ),
                "azure-native:containerregistry:Registry": (
                    one_of("encryption.status", "enabled"),
                    given("encryption.keyVaultProperties.keyIdentifier", _A_KEY),
                ),
                "azure-native:dbforpostgresql:Server": (
                    one_of("dataEncryption.type", "AzureKeyVault"),
                    given("dataEncryption.primaryKeyURI", _A_KEY),
                ),
                "azure-native:redisenterprise:RedisEnterprise": (
                    given("encryption.customerManagedKeyEncryption.keyEncryptionKeyUrl", _A_KEY),
                ),
                "azure-native:compute:Disk": (given("encryption.diskEncryptionSetId", "a disk encryption set"),),
                "azure-native:compute:DiskEncryptionSet": (
                    one_of(
                        "encryptionType",
                        "EncryptionAtRestWithCustomerKey",
                        "EncryptionAtRestWithPlatformAndCustomerKeys",
                        "ConfidentialVmEncryptedWithCustomerKey",
                    ),
                    given("activeKey.keyUrl", _A_KEY),
                ),
                "gcp:storage/bucket:Bucket": (given("encryption.defaultKmsKeyName", _A_KEY),),
                "gcp:container/nodePool:NodePool": (given("nodeConfig.bootDiskKmsKey", _A_KEY),),
                "gcp:artifactregistry/repository:Repository": (given("kmsKeyName", _A_KEY),),
                "gcp:sql/databaseInstance:DatabaseInstance": (given("encryptionKeyName", _A_KEY),),
                "gcp:memorystore/instance:Instance": (given("kmsKey", _A_KEY),),
                "gcp:redis/instance:Instance": (given("customerManagedKey", _A_KEY),),
                "gcp:compute/disk:Disk": (given("diskEncryptionKey.kmsKeySelfLink", _A_KEY),),
                "gcp:filestore/instance:Instance": (given("kmsKeyName", _A_KEY),),
                "gcp:logging/projectBucketConfig:ProjectBucketConfig": (given("cmekSettings.kmsKeyName", _A_KEY),),
                "gcp:pubsub/topic:Topic": (given("kmsKeyName", _A_KEY),),
            }
        ),
        "aws:ecr/repository:Repository": _ecr,
        "aws:rds/instance:Instance": _rds,
        "aws:ssm/parameter:Parameter": _parameter,
        "azure-native:containerservice:ManagedCluster": _aks,
        "gcp:container/cluster:Cluster": _gke,
        "gcp:secretmanager/secret:Secret": _gcp_secret,
        "aws:*": _any_key,
        "gcp:*": _any_key,
    },
    member_checks={"aws:s3/bucket:Bucket": _bucket},
    sources=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html",
        "https://learn.microsoft.com/azure/security/fundamentals/encryption-models",
        "https://cloud.google.com/kms/docs/compatible-services",
    ),
)

RULES = (KEYS_ROTATE, CUSTOMER_MANAGED_KEY)
