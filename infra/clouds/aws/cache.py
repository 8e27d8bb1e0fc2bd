"""Valkey for limits and reservations in flight: TLS, IAM login, a replica in another zone.

What it holds can be made anew, so that it has neither `protect` nor a final snapshot.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.data_door import DataDoorArgs, make_data_door
from infra.clouds.aws.scope import Scope

PORT = 6379
USER = "gateway"
_SKU = "cache.m7g.large"
_VERSION = "8.0"
_NODES = 2
"""A primary and a replica: the least that fails over by itself."""
_ACCESS = "on ~* +@all -@dangerous +info"
"""Redis ACL rules (valkey.io/topics/acl): every key, no command that administers the server."""
_SNAPSHOT_DAYS = 1


@dataclass(frozen=True)
class CacheArgs:
    """What the cache is made from.

    Attributes:
        scope: The stack's place.
        key: Key of its memory's snapshots and disks.
        vpc_id: The region's VPC.
        subnets: Its subnets, in two zones at least.
        clients: Security group of the pods that use it.
        sku: Node type; None for the usual.
    """

    scope: Scope
    key: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnets: list[pulumi.Output[str]]
    clients: pulumi.Input[str]
    sku: str | None


class Cache(pulumi.ComponentResource):
    """ElastiCache replication group.

    Attributes:
        host: Private host name of the primary.
        port: TCP port.
        connect_arns: What an IAM policy must allow (elasticache:Connect) to log in as `USER`.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    connect_arns: list[pulumi.Output[str]]

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Cache", name, None, opts)
        scope, own = args.scope, pulumi.ResourceOptions(parent=self)
        group = make_data_door("cache", DataDoorArgs(scope, "Valkey", PORT, args.vpc_id, args.clients), own)
        subnets = aws.elasticache.SubnetGroup("cache", name=scope.name(), subnet_ids=args.subnets, opts=own)
        # docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html: id and name must be the same.
        user = aws.elasticache.User(
            "gateway",
            engine="valkey",
            user_id=f"{scope.name()}-{USER}",
            user_name=f"{scope.name()}-{USER}",
            access_string=_ACCESS,
            authentication_mode=aws.elasticache.UserAuthenticationModeArgs(type="iam"),
            opts=own,
        )
        users = aws.elasticache.UserGroup(
            "users", engine="valkey", user_group_id=scope.name(), user_ids=[user.user_id], opts=own
        )
        cache = aws.elasticache.ReplicationGroup(
            "cache",
            replication_group_id=scope.name(),
            description="Limits and reservations of the gateway",
            engine="valkey",
            engine_version=_VERSION,
            node_type=args.sku or _SKU,
            num_cache_clusters=_NODES,
            automatic_failover_enabled=True,
            multi_az_enabled=True,
            at_rest_encryption_enabled=True,
            kms_key_id=args.key,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[users.user_group_id],
            subnet_group_name=subnets.name,
            security_group_ids=[group.id],
            port=PORT,
            auto_minor_version_upgrade=True,
            snapshot_retention_limit=_SNAPSHOT_DAYS,
            opts=own,
        )
        self.host = cache.primary_endpoint_address
        self.port = pulumi.Output.from_input(PORT)
        self.user = user.user_name
        self.connect_arns = [cache.arn, user.arn]
        self.register_outputs({"host": self.host})
