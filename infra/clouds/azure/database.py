"""The gateway's PostgreSQL: two zones, a key of ours, a private address, no password.

Who logs in has an Entra identity. Only administrators can be made from outside of the database; the gateway's
identity is one, and its migrations make the lesser roles that it then works under
(learn.microsoft.com/azure/postgresql/flexible-server/concepts-azure-ad-authentication).
"""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import dbforpostgresql as postgresql
from pulumi_azure_native import managedidentity

from infra.clouds.azure.keys import EncryptionKey
from infra.clouds.azure.logs import Logs
from infra.clouds.azure.private_link import PrivateDns, PrivateEndpoint, PrivateEndpointArgs, PrivateService
from infra.clouds.azure.protection import lock
from infra.clouds.azure.scope import Scope
from infra.config import DatabaseSettings

DEFAULT_SKU = "Standard_D4ds_v5"
DATABASE = "modelfleet"
PORT = 5432

_DISK_SIZES_GB = (32, 64, 128, 256, 512, 1024, 2048, 4095, 8192, 16384)
"""What a Premium SSD of a server may be (learn.microsoft.com/azure/postgresql/flexible-server/concepts-storage)."""

_TIERS = {
    "Standard_B": postgresql.SkuTier.BURSTABLE,
    "Standard_D": postgresql.SkuTier.GENERAL_PURPOSE,
    "Standard_E": postgresql.SkuTier.MEMORY_OPTIMIZED,
}

_PARAMETERS = {
    "require_secure_transport": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "connection_throttle.enable": "on",  # slows guessing down
}


@dataclass(frozen=True)
class DatabaseArgs:
    """What the database is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        tenant_id: The Entra tenant whose identities log in.
        key: The key that encrypts it; it can't be given later.
        settings: Size and backups.
        administrator: Identity that may make roles and schemas.
        endpoints_subnet: Where it gets its private address.
        dns: The private zones.
        logs: Where its logs are kept.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    tenant_id: pulumi.Input[str]
    key: EncryptionKey
    settings: DatabaseSettings
    administrator: managedidentity.UserAssignedIdentity
    endpoints_subnet: pulumi.Input[str]
    dns: PrivateDns
    logs: Logs


class Database(pulumi.ComponentResource):
    """Server, database, administrator and private endpoint.

    Attributes:
        host: Its name, which resolves to the private address inside the network.
        database: Name of the database.
        user: Role that the administrator's identity logs in as.
    """

    host: pulumi.Output[str]
    database: pulumi.Output[str]
    user: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Database", name, None, opts)
        server = _server(args, self)
        last: pulumi.Resource = server
        for parameter, value in _PARAMETERS.items():
            # One by one: a server that is being changed refuses the next change.
            last = postgresql.Configuration(
                f"database-{parameter}",
                resource_group_name=args.resource_group,
                server_name=server.name,
                configuration_name=parameter,
                value=value,
                source="user-override",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last], deleted_with=server),
            )
        administrator = postgresql.AdministratorsMicrosoftEntra(
            "database-administrator",
            resource_group_name=args.resource_group,
            server_name=server.name,
            object_id=args.administrator.principal_id,
            principal_name=args.administrator.name,
            principal_type=postgresql.PrincipalType.SERVICE_PRINCIPAL,
            tenant_id=args.tenant_id,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[last], deleted_with=server),
        )
        database = postgresql.Database(
            "database",
            resource_group_name=args.resource_group,
            server_name=server.name,
            database_name=DATABASE,
            charset="UTF8",
            collation="en_US.utf8",
            opts=pulumi.ResourceOptions.merge(
                args.scope.data(self, administrator), pulumi.ResourceOptions(deleted_with=server)
            ),
        )
        PrivateEndpoint(
            "database-endpoint",
            PrivateEndpointArgs(
                resource_group=args.resource_group,
                endpoint_name=args.scope.name("database"),
                service=PrivateService.POSTGRESQL,
                target_id=server.id,
                subnet_id=args.endpoints_subnet,
                dns=args.dns,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[database]),
        )
        args.logs.record("database-logs", of=server.id, categories=["PostgreSQLLogs"], parent=self)
        lock("database-lock", scope=args.scope, on=server.id, parent=self, after=[database])
        self.host, self.database = server.fully_qualified_domain_name, database.name
        self.user = args.administrator.name
        self.register_outputs({"host": self.host, "database": self.database, "user": self.user})


def _server(args: DatabaseArgs, parent: pulumi.Resource) -> postgresql.Server:
    sku = args.settings.sku or DEFAULT_SKU
    identities = args.key.identity.id.apply(lambda identity: {identity: postgresql.UserIdentityArgs()})
    return postgresql.Server(
        "database-server",
        resource_group_name=args.resource_group,
        server_name=args.scope.global_name("database"),
        version=postgresql.PostgresMajorVersion.POSTGRES_MAJOR_VERSION_17,
        create_mode="Create",
        sku=postgresql.SkuArgs(name=sku, tier=tier(sku)),
        storage=postgresql.StorageArgs(
            storage_size_gb=disk_size_gb(args.settings.storage_gb), auto_grow=postgresql.StorageAutoGrow.ENABLED
        ),
        availability_zone="1",
        high_availability=postgresql.HighAvailabilityArgs(
            mode=postgresql.PostgreSqlFlexibleServerHighAvailabilityMode.ZONE_REDUNDANT, standby_availability_zone="2"
        ),
        # To any second of the last days. Not geo-redundant: under a key of ours that needs a vault in the pair too.
        backup=postgresql.BackupArgs(
            backup_retention_days=args.settings.backup_retention_days,
            geo_redundant_backup=postgresql.GeographicallyRedundantBackup.DISABLED,
        ),
        identity=postgresql.UserAssignedIdentityArgs(
            type=postgresql.IdentityType.USER_ASSIGNED, user_assigned_identities=identities
        ),
        data_encryption=postgresql.DataEncryptionArgs(
            type=postgresql.DataEncryptionType.AZURE_KEY_VAULT,
            # Without a version: the server follows the key's rotation
            # (learn.microsoft.com/azure/postgresql/flexible-server/concepts-data-encryption).
            primary_key_uri=args.key.uri,
            primary_user_assigned_identity_id=args.key.identity.id,
        ),
        auth_config=postgresql.AuthConfigArgs(
            active_directory_auth=postgresql.MicrosoftEntraAuth.ENABLED,
            password_auth=postgresql.PasswordBasedAuth.DISABLED,
            tenant_id=args.tenant_id,
        ),
        network=postgresql.NetworkArgs(public_network_access=postgresql.ServerPublicNetworkAccessState.DISABLED),
        opts=pulumi.ResourceOptions.merge(
            args.scope.data(parent, args.key.granted),
            # After a failover the two zones have changed places.
            pulumi.ResourceOptions(ignore_changes=["availabilityZone", "highAvailability.standbyAvailabilityZone"]),
        ),
    )


def tier(sku: str) -> postgresql.SkuTier:
    """The tier that a size belongs to, by the family in its name.

    Raises:
        ValueError: no tier has such sizes, or none that can be in two zones.
    """
    for prefix, known in _TIERS.items():
        if sku.startswith(prefix) and known is not postgresql.SkuTier.BURSTABLE:
            return known
    msg = f"database.sku: {sku!r} can't be in two zones: use a D or E size, such as {DEFAULT_SKU}"
    raise ValueError(msg)


def disk_size_gb(wanted_gb: int) -> int:
    """The smallest disk that a server can have and that holds what is wanted, in GB."""
    return next(size for size in _DISK_SIZES_GB if size >= wanted_gb)
