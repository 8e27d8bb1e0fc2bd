"""A bucket as all of ours are: encrypted, versioned, owned by its account, reached over TLS only, never public."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.policy_document import EVERYBODY, Statement, document
from infra.clouds.aws.scope import Scope, deployer_role_name

_ABANDONED_UPLOAD_DAYS = 7
"""A multipart upload that nobody finished within a week won't be."""


@dataclass(frozen=True)
class BucketArgs:
    """What a bucket is made from.

    Attributes:
        scope: The stack's place.
        part: Its part of the bucket's name.
        key: Key of its objects; None for SSE-S3, where AWS takes nothing else.
        logs: Name of the bucket that gets its access logs; None for that bucket itself.
        noncurrent_days: Days that overwritten and deleted versions are kept.
        expire_days: Days that objects are kept; None for ever.
        statements: Further statements of its policy, whose resources are filled in with this bucket.
        region: Where it is, if not where the stack is.
        emptied: Prefixes (ending in '/') of what S3 deletes by itself, every version of it.
    """

    scope: Scope
    part: str
    key: pulumi.Input[str] | None
    logs: pulumi.Input[str] | None
    noncurrent_days: int
    expire_days: int | None = None
    statements: Sequence[Statement] = field(default_factory=tuple)
    region: str | None = None
    emptied: Sequence[str] = ()


def not_other_deployers(scope: Scope) -> Statement:
    """Of a bucket's policy: keep those who deploy to other environments from it.

    Their own policies can't: S3 compares a bucket's tags with `aws:ResourceTag` only where that is switched on for the
    bucket (docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging-enable-abac.html). Who looks, looks at all.
    """
    own, looks = (scope.iam_arn(f"role/{deployer_role_name(name)}") for name in (scope.environment, "preview"))
    return Statement(
        "OtherEnvironments",
        ["s3:*"],
        principals=EVERYBODY,
        conditions={
            "ArnLike": {"aws:PrincipalArn": scope.iam_arn(f"role/{deployer_role_name('*')}")},
            "ArnNotLike": {"aws:PrincipalArn": [own, looks]},
        },
        effect="Deny",
    )


class Bucket(pulumi.ComponentResource):
    """Bucket and all that makes it private.

    Attributes:
        name: Of the bucket; known once its versioning is on, so that what is written is versioned.
        arn: Of the bucket.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Bucket", name, None, opts)
        self._args = args
        own = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=args.scope.bucket_name(args.part),
            force_destroy=args.scope.delete_data,
            region=args.region,
            opts=args.scope.data(self),
        )
        self.arn = bucket.arn
        access = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            region=args.region,
            opts=own,
        )
        aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),  # no ACLs at all
            region=args.region,
            opts=own,
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            region=args.region,
            opts=own,
        )
        self.name = versioning.bucket
        aws.s3.BucketServerSideEncryptionConfiguration(
            name, bucket=bucket.id, rules=[self._encryption()], region=args.region, opts=own
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[self._lifecycle(), *(rule for prefix in args.emptied for rule in _emptying(prefix))],
            region=args.region,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=self._policy(),
            region=args.region,
            # Both change who may do what; S3 refuses one while it works on the other.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access]),
        )
        if args.logs is not None:
            aws.s3.BucketLogging(
                name, bucket=bucket.id, target_bucket=args.logs, target_prefix=f"s3/{args.part}/", opts=own
            )
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _encryption(self) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
        by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
        if self._args.key is None:
            return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=by_default(sse_algorithm="AES256")
            )
        return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
            apply_server_side_encryption_by_default=by_default(
                sse_algorithm="aws:kms", kms_master_key_id=self._args.key
            ),
            bucket_key_enabled=True,  # a call to KMS per bucket and hour instead of one per object
        )

    def _lifecycle(self) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
        expire = self._args.expire_days
        return aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="expire",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=_ABANDONED_UPLOAD_DAYS
            ),
            noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=self._args.noncurrent_days
            ),
            expiration=None if expire is None else aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=expire),
        )

    def _policy(self) -> pulumi.Output[str]:
        both = [self.arn, pulumi.Output.concat(self.arn, "/*")]
        # docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
        insecure = Statement(
            "TlsOnly",
            ["s3:*"],
            both,
            principals=EVERYBODY,
            conditions={"Bool": {"aws:SecureTransport": "false"}},
            effect="Deny",
        )
        old = Statement(
            "Tls12",
            ["s3:*"],
            both,
            principals=EVERYBODY,
            conditions={"NumericLessThan": {"s3:TlsVersion": "1.2"}},
            effect="Deny",
        )
        further = [
            Statement(
                statement.sid,
                statement.actions,
                both,
                principals=statement.principals,
                conditions=statement.conditions,
                effect=statement.effect,
            )
            for statement in self._args.statements
        ]
        return document(insecure, old, *further)


def _emptying(prefix: str) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    """Delete objects, a day later what they were, and then the marks of their deletion.

    A rule has either days or marks (docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html).
    """
    s3, name = aws.s3, prefix.strip("/").replace("/", "-")
    under = s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=prefix)
    return [
        s3.BucketLifecycleConfigurationRuleArgs(
            id=f"empty-{name}",
            status="Enabled",
            filter=under,
            expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=1),
            noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=1
            ),
            abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=1
            ),
        ),
        s3.BucketLifecycleConfigurationRuleArgs(
            id=f"empty-{name}-marks",
            status="Enabled",
            filter=under,
            expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
        ),
    ]
