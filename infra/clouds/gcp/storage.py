"""The region's bucket: weights and tenants' data, under keys of ours, versioned, and closed to the public.

With `storage.replicaRegion` the bucket lies in both regions at once (a configurable dual-region): there is no copy to
fall behind, and either region serves it when the other is gone. With `storage.fastCache` Anywhere Cache keeps what is
read on SSDs in each zone. Parallelstore is not offered: it takes no customer-managed key
(cloud.google.com/kms/docs/compatible-services).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.multi_region import MultiRegion
from infra.clouds.gcp.scope import Scope
from infra.config import StorageSettings

MODELS, TENANTS = "models/", "tenants/"
"""Folders of the bucket; each has an access policy of its own."""
_SOFT_DELETE_S = 7 * 86_400
"""Deleted objects and buckets can be taken back this long (cloud.google.com/storage/docs/soft-delete: the default)."""
_ACCESS_LOG_DAYS = 365
_ABORT_UPLOAD_DAYS = 7
_RESTRICTED = "FullyRestricted"


@dataclass(frozen=True)
class StorageArgs:
    """How objects are kept.

    Attributes:
        settings: The stack file's `storage`.
        key: Id of the storage key.
        logs_key: Id of the key of access logs: in the region, whatever the bucket spans.
        granted: What has to be there before Cloud Storage can use them.
        zones: Zones that read from it.
    """

    settings: StorageSettings
    key: pulumi.Input[str]
    logs_key: pulumi.Input[str]
    granted: list[pulumi.Resource]
    zones: tuple[str, ...]


class Storage(pulumi.ComponentResource):
    """Bucket, its access logs, and the folder of weights."""

    bucket: pulumi.Output[str]
    models_folder: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Storage", name, None, opts)
        self._scope, self._args = scope, args
        logs = self._access_logs()
        data = self._data(logs)
        self.bucket = data.name
        folder = gcp.storage.ManagedFolder(
            "models", bucket=data.name, name=MODELS, force_destroy=scope.delete_data, opts=scope.data(self)
        )
        self.models_folder = folder.name
        if args.settings.fast_cache:
            for zone in args.zones:
                # A day is how long weights that are read stay warm (the default).
                gcp.storage.AnywhereCache(
                    f"cache-{zone}",
                    bucket=data.name,
                    zone=zone,
                    ttl="86400s",
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.register_outputs({"bucket": self.bucket})

    def _data(self, logs: gcp.storage.Bucket) -> gcp.storage.Bucket:
        scope, settings = self._scope, self._args.settings
        rule, action = gcp.storage.BucketLifecycleRuleArgs, gcp.storage.BucketLifecycleRuleActionArgs
        condition = gcp.storage.BucketLifecycleRuleConditionArgs
        placement = None
        location = scope.region
        if settings.replica_region:
            location = MultiRegion.around(scope.region).bucket_location
            placement = gcp.storage.BucketCustomPlacementConfigArgs(
                data_locations=sorted(region.upper() for region in (scope.region, settings.replica_region))
            )
        return make_bucket(
            "data",
            scope,
            key=self._args.key,
            soft_delete_s=_SOFT_DELETE_S,
            location=location,
            placement=placement,
            rules=[
                rule(
                    action=action(type="Delete"),
                    condition=condition(days_since_noncurrent_time=settings.noncurrent_days, with_state="ARCHIVED"),
                ),
                rule(action=action(type="AbortIncompleteMultipartUpload"), condition=condition(age=_ABORT_UPLOAD_DAYS)),
            ],
            logging=gcp.storage.BucketLoggingArgs(log_bucket=logs.name, log_object_prefix="data/"),
            opts=self._options(),
        )

    def _access_logs(self) -> gcp.storage.Bucket:
        scope = self._scope
        bucket = make_bucket(
            "access-logs",
            scope,
            key=self._args.logs_key,
            soft_delete_s=_SOFT_DELETE_S,
            rules=[
                gcp.storage.BucketLifecycleRuleArgs(
                    action=gcp.storage.BucketLifecycleRuleActionArgs(type="Delete"),
                    condition=gcp.storage.BucketLifecycleRuleConditionArgs(age=_ACCESS_LOG_DAYS, with_state="ANY"),
                )
            ],
            opts=self._options(),
        )
        # Cloud Storage's own group writes access logs (cloud.google.com/storage/docs/access-logs#delivery).
        gcp.storage.BucketIAMMember(
            "access-logs-writer",
            bucket=bucket.name,
            role="roles/storage.objectCreator",
            member="group:cloud-storage-analytics@google.com",
            opts=pulumi.ResourceOptions(parent=self),
        )
        return bucket

    def _options(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(
            self._scope.data(self), pulumi.ResourceOptions(depends_on=self._args.granted)
        )


def make_bucket(
    part: str,
    scope: Scope,
    *,
    key: pulumi.Input[str],
    soft_delete_s: int,
    rules: Sequence[gcp.storage.BucketLifecycleRuleArgs],
    opts: pulumi.ResourceOptions,
    location: str | None = None,
    placement: gcp.storage.BucketCustomPlacementConfigArgs | None = None,
    logging: gcp.storage.BucketLoggingArgs | None = None,
) -> gcp.storage.Bucket:
    """Make a bucket that is versioned, under a key of ours, and closed to the public.

    Args:
        part: Its name in the program, and the end of its name in the cloud.
        scope: Where it is.
        key: Id of the key.
        soft_delete_s: Seconds in which what is deleted can be taken back.
        rules: When objects go.
        opts: Its options.
        location: Where it is, if not in the stack's region.
        placement: The two regions of a dual-region.
        logging: Where its access is logged.
    """
    return gcp.storage.Bucket(
        part,
        name=scope.bucket_name(part),
        location=(location or scope.region).upper(),
        custom_placement_config=placement,
        storage_class="STANDARD",
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        versioning=gcp.storage.BucketVersioningArgs(enabled=True),
        encryption=encryption_by(key),
        soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=soft_delete_s),
        lifecycle_rules=list(rules),
        logging=logging,
        force_destroy=scope.delete_data,
        labels=dict(scope.labels),
        opts=opts,
    )


def encryption_by(key: pulumi.Input[str]) -> gcp.storage.BucketEncryptionArgs:
    """Customer-managed keys, and no object under any other kind."""
    # cloud.google.com/storage/docs/encryption/enforce-encryption-types
    google = gcp.storage.BucketEncryptionGoogleManagedEncryptionEnforcementConfigArgs
    customer = gcp.storage.BucketEncryptionCustomerSuppliedEncryptionEnforcementConfigArgs
    return gcp.storage.BucketEncryptionArgs(
        default_kms_key_name=key,
        google_managed_encryption_enforcement_config=google(restriction_mode=_RESTRICTED),
        customer_supplied_encryption_enforcement_config=customer(restriction_mode=_RESTRICTED),
    )
