"""One kind of storage account for models, logs and tenants: encrypted with a key of ours, private, without shared keys.

Zones: Standard_GZRS keeps three copies in zones of the region and three in its pair, which lies in the same geography
(learn.microsoft.com/azure/storage/common/storage-redundancy). Logs stay in the region (ZRS).
"""

from dataclasses import dataclass
from enum import StrEnum

import pulumi
from pulumi_azure_native import storage

from infra.clouds.azure.keys import EncryptionKey
from infra.clouds.azure.private_link import PrivateDns, PrivateEndpoint, PrivateEndpointArgs, PrivateService
from infra.clouds.azure.scope import Scope
from infra.marks import marks

SAS_PERIOD = "01.00:00:00"
"""The longest that a signature may be good for: a day (DD.HH:MM:SS)."""

_CHANGE_FEED_MARGIN_DAYS = 1


class Redundancy(StrEnum):
    """How many copies there are, and where."""

    GEO_ZONES = "Standard_GZRS"
    ZONES = "Standard_ZRS"


@dataclass(frozen=True)
class StorageAccountArgs:
    """What a storage account is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        account_name: Its name, unique in all of Azure: 3 to 24 lower-case letters and digits.
        key: The key that encrypts it.
        redundancy: Its copies.
        retention_days: Days that deleted and overwritten blobs can be taken back.
        endpoints_subnet: Where it gets its private address; None where a security perimeter says who reaches it.
        dns: The private zones.
        handed_out: Whether its `abfss://` address is given to programs that we don't write. Ours call the blob endpoint
            for it; Spark and the Data Lake clients call the one that it names, dfs, and need both
            (learn.microsoft.com/azure/storage/common/storage-private-endpoints#creating-a-private-endpoint).
        guarded: Whether it may not be deleted.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    account_name: str
    key: EncryptionKey
    redundancy: Redundancy
    retention_days: int
    endpoints_subnet: pulumi.Input[str] | None
    dns: PrivateDns | None
    handed_out: bool = False
    guarded: bool = True


class StorageAccount(pulumi.ComponentResource):
    """A storage account that only the region's network and trusted services reach, under identities.

    Attributes:
        identifier: Its id.
        account_name: Its name.
        blobs: Its blob service's properties: containers are made after them.
    """

    identifier: pulumi.Output[str]
    account_name: pulumi.Output[str]
    blobs: storage.BlobServiceProperties

    def __init__(self, name: str, args: StorageAccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:StorageAccount", name, None, opts)
        self._name, self._args = name, args
        account = self._account()
        self.identifier, self.account_name = account.id, account.name
        self.blobs = storage.BlobServiceProperties(
            f"{name}-blobs",
            resource_group_name=args.resource_group,
            account_name=account.name,
            blob_services_name="default",
            is_versioning_enabled=True,
            change_feed=storage.ChangeFeedArgs(
                enabled=True, retention_in_days=args.retention_days + _CHANGE_FEED_MARGIN_DAYS
            ),
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=args.retention_days),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=args.retention_days),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=account),
        )
        if args.endpoints_subnet is not None and args.dns is not None:
            self._endpoint("", PrivateService.BLOB, args.endpoints_subnet, args.dns)
            if args.handed_out:
                self._endpoint("-dfs", PrivateService.DFS, args.endpoints_subnet, args.dns)
        self.register_outputs({"identifier": self.identifier, "accountName": self.account_name})

    def container(self, name: str) -> storage.BlobContainer:
        """Make a container that nobody reads anonymously."""
        return storage.BlobContainer(
            f"{self._name}-{name}",
            resource_group_name=self._args.resource_group,
            account_name=self.account_name,
            container_name=name,
            public_access=storage.PublicAccess.NONE,
            opts=pulumi.ResourceOptions(parent=self, protect=self._protected, depends_on=[self.blobs]),
        )

    def _endpoint(self, suffix: str, service: PrivateService, subnet: pulumi.Input[str], dns: PrivateDns) -> None:
        PrivateEndpoint(
            f"{self._name}{suffix}-endpoint",
            PrivateEndpointArgs(
                resource_group=self._args.resource_group,
                endpoint_name=self._args.scope.name(f"{self._name}{suffix}", longest=60),
                service=service,
                target_id=self.identifier,
                subnet_id=subnet,
                dns=dns,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _account(self) -> storage.StorageAccount:
        args = self._args
        return storage.StorageAccount(
            self._name,
            resource_group_name=args.resource_group,
            account_name=args.account_name,
            kind=storage.Kind.STORAGE_V2,
            tags=marks(guarded=args.guarded),
            sku=storage.SkuArgs(name=args.redundancy),
            access_tier=storage.AccessTier.HOT,
            identity=storage.IdentityArgs(
                type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[args.key.identity.id]
            ),
            encryption=storage.EncryptionArgs(
                key_source=storage.KeySource.MICROSOFT_KEYVAULT,
                # Without a version: a rotated key is taken over within a day
                # (learn.microsoft.com/azure/storage/common/customer-managed-keys-overview#update-the-key-version).
                key_vault_properties=storage.KeyVaultPropertiesArgs(
                    key_vault_uri=args.key.vault_uri, key_name=args.key.key_name
                ),
                encryption_identity=storage.EncryptionIdentityArgs(
                    encryption_user_assigned_identity=args.key.identity.id
                ),
                require_infrastructure_encryption=True,
                services=storage.EncryptionServicesArgs(
                    blob=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
                    file=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
                    # Queues and tables, which nothing here uses, would else be under Azure's key.
                    queue=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
                    table=storage.EncryptionServiceArgs(enabled=True, key_type=storage.KeyType.ACCOUNT),
                ),
            ),
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            allow_blob_public_access=False,
            allow_shared_key_access=False,
            default_to_o_auth_authentication=True,
            allow_cross_tenant_replication=False,
            allowed_copy_scope=storage.AllowedCopyScope.AAD,
            is_local_user_enabled=False,
            is_sftp_enabled=False,
            sas_policy=storage.SasPolicyArgs(
                sas_expiration_period=SAS_PERIOD, expiration_action=storage.ExpirationAction.BLOCK
            ),
            public_network_access=(
                storage.PublicNetworkAccess.SECURED_BY_PERIMETER
                if args.endpoints_subnet is None
                else storage.PublicNetworkAccess.DISABLED
            ),
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.DENY, bypass=storage.Bypass.AZURE_SERVICES
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=self._protected, depends_on=[args.key.granted]),
        )

    @property
    def _protected(self) -> bool:
        return self._args.guarded and not self._args.scope.delete_data
