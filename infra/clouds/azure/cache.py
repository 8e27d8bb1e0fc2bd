"""The gateway's cache: Azure Managed Redis in two zones, TLS only, by identity instead of keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import managedidentity, redisenterprise

from infra.clouds.azure.keys import EncryptionKey
from infra.clouds.azure.private_link import PrivateDns, PrivateEndpoint, PrivateEndpointArgs, PrivateService
from infra.clouds.azure.scope import Scope
from infra.config import CacheSettings

DEFAULT_SKU = redisenterprise.SkuName.BALANCED_B5
PORT = 10000
"""The port of Azure Managed Redis (learn.microsoft.com/azure/redis/tls-configuration)."""


@dataclass(frozen=True)
class CacheArgs:
    """What the cache is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        key: The key that encrypts what it writes to disk.
        settings: Its size.
        users: Identities that may use it, by name.
        endpoints_subnet: Where it gets its private address.
        dns: The private zones.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    key: EncryptionKey
    settings: CacheSettings
    users: Sequence[tuple[str, managedidentity.UserAssignedIdentity]]
    endpoints_subnet: pulumi.Input[str]
    dns: PrivateDns


class Cache(pulumi.ComponentResource):
    """Cluster, database, permissions and private endpoint.

    Attributes:
        host: Its name, which resolves to the private address inside the network.
        port: Its TCP port.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Cache", name, None, opts)
        cluster = redisenterprise.RedisEnterprise(
            "cache-cluster",
            resource_group_name=args.resource_group,
            cluster_name=args.scope.name("cache", longest=60),
            sku=redisenterprise.SkuArgs(name=args.settings.sku or DEFAULT_SKU),
            high_availability=redisenterprise.HighAvailability.ENABLED,
            minimum_tls_version=redisenterprise.TlsVersion.TLS_VERSION_1_2,
            public_network_access=redisenterprise.PublicNetworkAccess.DISABLED,
            identity=redisenterprise.ManagedServiceIdentityArgs(
                type=redisenterprise.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[args.key.identity.id],
            ),
            encryption=redisenterprise.ClusterPropertiesEncryptionArgs(
                customer_managed_key_encryption=redisenterprise.ClusterPropertiesCustomerManagedKeyEncryptionArgs(
                    # With a version, as the service asks: an update after a rotation hands the new one over.
                    key_encryption_key_url=args.key.versioned_uri,
                    key_encryption_key_identity=redisenterprise.ClusterPropertiesKeyEncryptionKeyIdentityArgs(
                        identity_type=redisenterprise.CmkIdentityType.USER_ASSIGNED_IDENTITY,
                        user_assigned_identity_resource_id=args.key.identity.id,
                    ),
                )
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.key.granted]),
        )
        database = redisenterprise.Database(
            "cache",
            resource_group_name=args.resource_group,
            cluster_name=cluster.name,
            database_name="default",
            client_protocol=redisenterprise.Protocol.ENCRYPTED,
            access_keys_authentication=redisenterprise.AccessKeysAuthentication.DISABLED,
            # One endpoint, as for a single server: clients need not know of shards.
            clustering_policy=redisenterprise.ClusteringPolicy.ENTERPRISE_CLUSTER,
            # Reservations in flight must not be forgotten for want of room; writers are told instead.
            eviction_policy=redisenterprise.EvictionPolicy.NO_EVICTION,
            port=PORT,
            persistence=redisenterprise.PersistenceArgs(
                aof_enabled=True, aof_frequency=redisenterprise.AofFrequency.AOF_FREQUENCY_1S, rdb_enabled=False
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=cluster),
        )
        for user, identity in args.users:
            redisenterprise.AccessPolicyAssignment(
                f"cache-{user}",
                resource_group_name=args.resource_group,
                cluster_name=cluster.name,
                database_name=database.name,
                access_policy_assignment_name=user,
                access_policy_name="default",
                user=redisenterprise.AccessPolicyAssignmentPropertiesUserArgs(object_id=identity.principal_id),
                opts=pulumi.ResourceOptions(parent=self, deleted_with=cluster),
            )
        PrivateEndpoint(
            "cache-endpoint",
            PrivateEndpointArgs(
                resource_group=args.resource_group,
                endpoint_name=args.scope.name("cache"),
                service=PrivateService.REDIS,
                target_id=cluster.id,
                subnet_id=args.endpoints_subnet,
                dns=args.dns,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[database]),
        )
        self.host, self.port = cluster.host_name, pulumi.Output.from_input(PORT)
        self.register_outputs({"host": self.host, "port": self.port})
