"""Where the region's logs are kept: a log bucket with the region's key and a retention, and nowhere else.

Without it, logs of the cluster, the network and the load balancer would lie in the project's `_Default` bucket, for
30 days and under Google's keys (cloud.google.com/logging/docs/store-log-entries).
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.kept_keys import free_name
from infra.clouds.gcp.scope import Scope


@dataclass(frozen=True)
class LogsArgs:
    """How logs are kept.

    Attributes:
        key: Id of their key.
        granted: What has to be there before Logging can use it.
        retention_days: Days that they are kept.
    """

    key: pulumi.Input[str]
    granted: list[pulumi.Resource]
    retention_days: int


class Logs(pulumi.ComponentResource):
    """Log bucket, the sink that fills it, and the exclusion that keeps them out of `_Default`."""

    bucket: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: LogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Logs", name, None, opts)
        bucket = gcp.logging.ProjectBucketConfig(
            name,
            project=scope.project,
            location=scope.region,
            # A deleted one keeps its name for a week, and can't be changed meanwhile
            # (cloud.google.com/logging/docs/buckets#delete_bucket).
            bucket_id=free_name(scope.name(), scope.kept),
            description=f"Logs of {scope.stack}",
            retention_days=args.retention_days,
            cmek_settings=gcp.logging.ProjectBucketConfigCmekSettingsArgs(kms_key_name=args.key),
            opts=pulumi.ResourceOptions.merge(scope.data(self), pulumi.ResourceOptions(depends_on=args.granted)),
        )
        self.bucket = bucket.id
        sink = gcp.logging.ProjectSink(
            name,
            name=scope.name(),
            description=f"Logs of {scope.stack}",
            destination=pulumi.Output.concat("logging.googleapis.com/", bucket.id),
            filter=_filter(scope),
            # A bucket of the same project needs no grant, and no identity of its own
            # (cloud.google.com/logging/docs/export/configure_export_v2#dest-auth).
            unique_writer_identity=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        gcp.logging.ProjectExclusion(
            name,
            name=scope.name(),
            description=f"Kept in {scope.name()}, under the region's key",
            filter=_filter(scope),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[sink]),
        )
        self.register_outputs({"bucket": self.bucket})


def _filter(scope: Scope) -> str:
    """Everything that this stack's resources write, by the names that they have."""
    name = scope.name()
    return " OR ".join(
        (
            f'resource.labels.cluster_name="{scope.cluster_name}"',
            f'(resource.type="gce_subnetwork" AND resource.labels.subnetwork_name:"{name}-")',
            f'(resource.type="nat_gateway" AND resource.labels.router_id:* AND labels.nat_name="{name}-nat")',
            f'(resource.type="cloudsql_database" AND resource.labels.region="{scope.region}")',
            f'(resource.type="dns_query" AND resource.labels.location="{scope.region}")',
        )
    )
