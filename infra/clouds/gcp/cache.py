"""The gateway's Valkey: Memorystore over several zones, TLS, IAM instead of a password, and a key of ours.

A cache that counts limits must outlive a zone, and what it wrote to disk must be ours: snapshots are encrypted by the
region's database key.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope
from infra.config import CacheSettings

PORT = 6379
_VERSION = "VALKEY_8_0"
_USUAL_NODE = "STANDARD_SMALL"
"""6.5 GB (cloud.google.com/memorystore/docs/valkey/instance-node-specification), for counters."""


@dataclass(frozen=True)
class CacheArgs:
    """What the cache is made of.

    Attributes:
        settings: The stack file's `cache`.
        key: Id of its key.
        granted: What has to be there before Memorystore can use it.
        network: Id of the VPC.
        subnet: Subnet of its endpoints.
    """

    settings: CacheSettings
    key: pulumi.Input[str]
    granted: list[pulumi.Resource]
    network: pulumi.Output[str]
    subnet: pulumi.Input[str]


class Cache(pulumi.ComponentResource):
    """Valkey instance, and the policy that lets it have endpoints in the network."""

    instance: pulumi.Output[str]
    host: pulumi.Output[str]
    port: pulumi.Output[int]

    def __init__(self, name: str, scope: Scope, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Cache", name, None, opts)
        # Memorystore makes its own endpoints, where a policy allows it
        # (cloud.google.com/memorystore/docs/valkey/networking).
        policy = gcp.networkconnectivity.ServiceConnectionPolicy(
            name,
            name=scope.name("cache"),
            location=scope.region,
            service_class="gcp-memorystore",
            description="Memorystore may make endpoints in this network",
            network=args.network,
            psc_config=gcp.networkconnectivity.ServiceConnectionPolicyPscConfigArgs(subnetworks=[args.subnet]),
            labels=dict(scope.labels),
            opts=pulumi.ResourceOptions(parent=self),
        )
        instance = gcp.memorystore.Instance(
            name,
            instance_id=scope.name("cache"),
            location=scope.region,
            engine_version=_VERSION,
            node_type=args.settings.sku or _USUAL_NODE,
            # One shard: the gateway's scripts touch several keys at once, which a cluster would spread.
            mode="CLUSTER_DISABLED",
            shard_count=1,
            replica_count=1,
            zone_distribution_config=gcp.memorystore.InstanceZoneDistributionConfigArgs(mode="MULTI_ZONE"),
            authorization_mode="IAM_AUTH",
            transit_encryption_mode="SERVER_AUTHENTICATION",
            kms_key=args.key,
            persistence_config=gcp.memorystore.InstancePersistenceConfigArgs(
                mode="RDB",
                rdb_config=gcp.memorystore.InstancePersistenceConfigRdbConfigArgs(rdb_snapshot_period="ONE_HOUR"),
            ),
            desired_auto_created_endpoints=[
                gcp.memorystore.InstanceDesiredAutoCreatedEndpointArgs(network=args.network, project_id=scope.project)
            ],
            deletion_protection_enabled=not scope.delete_data,
            labels=dict(scope.labels),
            opts=pulumi.ResourceOptions.merge(
                scope.data(self), pulumi.ResourceOptions(depends_on=[policy, *args.granted])
            ),
        )
        self.instance = instance.name
        self.host = instance.endpoints.apply(_primary_address)
        self.port = pulumi.Output.from_input(PORT)
        self.register_outputs({"instance": self.instance, "host": self.host})


def _primary_address(endpoints: Sequence[gcp.memorystore.outputs.InstanceEndpoint]) -> str:
    """The address that writes go to; the other one is for reading."""
    addresses = {
        connection.psc_auto_connection.connection_type: connection.psc_auto_connection.ip_address
        for endpoint in endpoints
        for connection in endpoint.connections or ()
        if connection.psc_auto_connection
    }
    address = addresses.get("CONNECTION_TYPE_PRIMARY") or next(iter(addresses.values()), None)
    if address is None:
        msg = "Memorystore made no endpoint for the cache: look at the network's service connection policy"
        raise ValueError(msg)
    return address
