"""Encrypted storage: buckets for models and tenants' data, their access logs, a copy in another Region, a fast cache.

Weights are read from S3 into each node's own NVMe disks (`node_template.py`); FSx for Lustre, linked to the bucket,
is for those who start many nodes at once and don't want each to read S3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.buckets import Bucket, BucketArgs, not_other_deployers
from infra.clouds.aws.keys import USE
from infra.clouds.aws.policy_document import Statement, document, service_trust
from infra.clouds.aws.scope import Scope

MODELS_PREFIX = "models"
TENANTS_PREFIX = "tenants"

_LUSTRE_GIB = 2400
"""Smallest step of PERSISTENT_2 above its minimum of 1200 GiB (docs.aws.amazon.com/fsx/latest/LustreGuide)."""
_LUSTRE_MBPS_PER_TIB = 250
_LUSTRE_PORTS = {"mgs": (988, 988), "clients": (1018, 1023)}
"""docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html"""


@dataclass(frozen=True)
class StorageArgs:
    """What the region's storage is made from.

    Attributes:
        scope: The stack's place.
        key: Key of the objects.
        noncurrent_days: Days that overwritten and deleted versions are kept.
        log_retention_days: Days that access logs are kept.
        replica_region: Region that gets a copy of every object; None for none.
        replica_key: Key of the copies, in that Region.
        cache_subnet: Subnet of the fast cache; None for no fast cache.
        vpc_id: The region's VPC.
        clients: Security group of the nodes that mount the fast cache.
        leaving: Names of tenants whose files S3 may delete.
    """

    scope: Scope
    key: pulumi.Input[str]
    noncurrent_days: int
    log_retention_days: int
    replica_region: str | None
    replica_key: pulumi.Input[str] | None
    cache_subnet: pulumi.Input[str] | None
    vpc_id: pulumi.Input[str]
    clients: pulumi.Input[str]
    leaving: Sequence[str] = ()


class Storage(pulumi.ComponentResource):
    """Buckets and cache.

    Attributes:
        bucket: Name of the bucket of models and tenants' data.
        bucket_arn: Its ARN.
        logs_bucket: Name of the bucket of access logs.
        lustre_dns_name: Where the fast cache is mounted from; None where there is none.
    """

    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    logs_bucket: pulumi.Output[str]
    lustre_dns_name: pulumi.Output[str] | None

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Storage", name, None, opts)
        self._args, self._own = args, pulumi.ResourceOptions(parent=self)
        logs = self._make_logs()
        data = Bucket(
            "data",
            BucketArgs(
                scope=args.scope,
                part="data",
                key=args.key,
                logs=logs.name,
                noncurrent_days=args.noncurrent_days,
                emptied=[f"{TENANTS_PREFIX}/{tenant}/" for tenant in args.leaving],
                statements=[not_other_deployers(args.scope)],
            ),
            opts=self._own,
        )
        self.bucket, self.bucket_arn, self.logs_bucket = data.name, data.arn, logs.name
        if args.replica_region is not None and args.replica_key is not None:
            self._replicate(args.replica_region, args.replica_key)
        self.lustre_dns_name = None if args.cache_subnet is None else self._make_cache(args.cache_subnet)
        self.register_outputs({"bucket": self.bucket, "logsBucket": self.logs_bucket})

    def _make_logs(self) -> Bucket:
        scope = self._args.scope
        # Load balancers' deliveries also look at the bucket first: docs.aws.amazon.com/elasticloadbalancing/latest/
        # network/load-balancer-access-logs.html.
        deliver = Statement(
            "DeliverLogs",
            ["s3:GetBucketAcl", "s3:PutObject"],
            principals={"Service": ["logging.s3.amazonaws.com", "delivery.logs.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": scope.account}},
        )
        return Bucket(
            "logs",
            BucketArgs(
                scope=scope,
                part="logs",
                # Log delivery writes to buckets with SSE-S3 only:
                # docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html.
                key=None,
                logs=None,
                noncurrent_days=1,
                expire_days=self._args.log_retention_days,
                statements=[deliver, not_other_deployers(scope)],
            ),
            opts=self._own,
        )

    def _replicate(self, region: str, key: pulumi.Input[str]) -> None:
        """Copy every new object and deletion (docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html)."""
        args, scope = self._args, self._args.scope
        replica = Bucket(
            "replica",
            BucketArgs(
                scope=scope,
                part="replica",
                key=key,
                logs=None,  # access logs are written within one Region only
                noncurrent_days=args.noncurrent_days,
                region=region,
                statements=[not_other_deployers(scope)],
            ),
            opts=self._own,
        )
        role = aws.iam.Role(
            "replication",
            name=scope.name("replication"),
            assume_role_policy=service_trust("s3.amazonaws.com", account=scope.account),
            permissions_boundary=scope.boundary_arn(),
            opts=self._own,
        )
        objects = pulumi.Output.concat(self.bucket_arn, "/*")
        policy = aws.iam.RolePolicy(
            "replication",
            role=role.name,
            policy=document(
                Statement("List", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [self.bucket_arn]),
                Statement(
                    "Read",
                    ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
                    [objects],
                ),
                Statement(
                    "Write",
                    ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                    [pulumi.Output.concat(replica.arn, "/*")],
                ),
                Statement("Decrypt", ["kms:Decrypt"], [args.key]),
                Statement("Encrypt", ["kms:Encrypt", "kms:GenerateDataKey"], [key]),
            ),
            opts=self._own,
        )
        destination = aws.s3.BucketReplicationConfigRuleDestinationArgs(
            bucket=replica.arn,
            encryption_configuration=aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                replica_kms_key_id=key
            ),
        )
        aws.s3.BucketReplicationConfig(
            "replication",
            bucket=self.bucket,
            role=role.arn,
            rules=[
                aws.s3.BucketReplicationConfigRuleArgs(
                    id="everything",
                    status="Enabled",
                    priority=0,
                    filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
                    delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(
                        status="Enabled"
                    ),
                    source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
                        sse_kms_encrypted_objects=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
                            status="Enabled"
                        )
                    ),
                    destination=destination,
                )
            ],
            # Both buckets must be versioned before: `replica.name` is known only then.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, replica]),
        )

    def _make_cache(self, subnet: pulumi.Input[str]) -> pulumi.Output[str]:
        args, scope = self._args, self._args.scope
        group = aws.ec2.SecurityGroup(
            "lustre",
            name=scope.name("lustre"),
            description="FSx for Lustre: the cluster's nodes",
            vpc_id=args.vpc_id,
            opts=self._own,
        )
        for source, peer in {"nodes": args.clients, "servers": group.id}.items():
            for part, (first, last) in _LUSTRE_PORTS.items():
                aws.vpc.SecurityGroupIngressRule(
                    f"lustre-{source}-{part}",
                    security_group_id=group.id,
                    description=f"Lustre {part} from {source}",
                    ip_protocol="tcp",
                    from_port=first,
                    to_port=last,
                    referenced_security_group_id=peer,
                    opts=self._own,
                )
        cache = aws.fsx.LustreFileSystem(
            "cache",
            subnet_ids=subnet,
            deployment_type="PERSISTENT_2",
            storage_type="SSD",
            storage_capacity=_LUSTRE_GIB,
            per_unit_storage_throughput=_LUSTRE_MBPS_PER_TIB,
            data_compression_type="LZ4",
            security_group_ids=[group.id],
            kms_key_id=args.key,
            # All that is in it is in the bucket: it is no data of its own.
            automatic_backup_retention_days=0,
            skip_final_backup=True,
            tags={"Name": scope.name("cache")},
            opts=self._own,
        )
        aws.fsx.DataRepositoryAssociation(
            "cache",
            file_system_id=cache.id,
            file_system_path=f"/{MODELS_PREFIX}",
            data_repository_path=pulumi.Output.concat("s3://", self.bucket, f"/{MODELS_PREFIX}"),
            batch_import_meta_data_on_create=True,
            s3=aws.fsx.DataRepositoryAssociationS3Args(
                auto_import_policy=aws.fsx.DataRepositoryAssociationS3AutoImportPolicyArgs(
                    events=["NEW", "CHANGED", "DELETED"]
                )
            ),
            opts=self._own,
        )
        return cache.dns_name


def read_statements(bucket_arn: pulumi.Input[str], prefix: str, key: pulumi.Input[str]) -> list[Statement]:
    """What reading everything under a prefix needs."""
    return [
        Statement(
            "List",
            ["s3:ListBucket"],
            [bucket_arn],
            conditions={"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}},
        ),
        Statement("Read", ["s3:GetObject", "s3:GetObjectVersion"], [pulumi.Output.concat(bucket_arn, f"/{prefix}/*")]),
        Statement("Decrypt", ["kms:Decrypt"], [key]),
    ]


def write_statements(bucket_arn: pulumi.Input[str], prefix: str, key: pulumi.Input[str]) -> list[Statement]:
    """What writing under a prefix needs, beside reading."""
    return [
        Statement(
            "Write",
            ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            [pulumi.Output.concat(bucket_arn, f"/{prefix}/*")],
        ),
        Statement("Encrypt", [action for action in USE if action != "kms:Decrypt"], [key]),
    ]
