"""What a tenant has of its own in the region: a vault with its key, a storage account, and an identity.

A storage account rather than a container of a shared one: it is under the tenant's key as a whole, it is deleted as a
whole, and nothing of it stays (an encryption scope can't be deleted, learn.microsoft.com/azure/storage/blobs/
encryption-scope-overview). A vault of its own for the same reason: a single key is deleted through the vault's data
plane only, a vault by Azure itself, and 90 days later it is gone for good, and with it what its key encrypted.

A suspended tenant keeps both and nobody is let in; of a leaving one they are no longer guarded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.clouds.azure.identity import WorkloadIdentity, WorkloadIdentityArgs
from infra.clouds.azure.keys import EncryptionKey, EncryptionKeyArgs, Vault, VaultArgs
from infra.clouds.azure.private_link import PrivateDns
from infra.clouds.azure.protection import lock
from infra.clouds.azure.roles import Role, grant
from infra.clouds.azure.scope import Scope, tagging
from infra.clouds.azure.storage_account import Redundancy, StorageAccount, StorageAccountArgs
from infra.clouds.names import TENANT_ACCOUNT, tenant_namespace
from infra.clouds.region import TenantPlace
from infra.config import EncryptionSettings, StorageSettings
from infra.marks import of_tenant
from tenants import Tenant, TenantState

FILES = "files"
"""The container of a tenant's account."""

MOST_TENANTS = 240
"""A subscription has 250 storage accounts in a region unless it asks for more; ten are for everything else
(learn.microsoft.com/azure/storage/common/scalability-targets-standard-account)."""


@dataclass(frozen=True)
class TenantsArgs:
    """What tenants share.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        tenant_id: The Entra tenant (of the platform, whose identities these are).
        tenants: Those that this stack hosts.
        encryption: When keys get new versions.
        storage: How long old versions are kept.
        endpoints_subnet: Where accounts get their private addresses.
        dns: The private zones.
        oidc_issuer: The cluster's issuer of tokens.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    tenant_id: pulumi.Input[str]
    tenants: tuple[Tenant, ...]
    encryption: EncryptionSettings
    storage: StorageSettings
    endpoints_subnet: pulumi.Input[str]
    dns: PrivateDns
    oidc_issuer: pulumi.Input[str]


class Tenants(pulumi.ComponentResource):
    """A place for each tenant.

    Attributes:
        places: By the tenant's name.
    """

    places: Mapping[str, TenantPlace]

    def __init__(self, name: str, args: TenantsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Tenants", name, None, opts)
        if len(args.tenants) > MOST_TENANTS:
            msg = f"{len(args.tenants)} tenants: a subscription's region has room for {MOST_TENANTS}; use another stack"
            raise ValueError(msg)
        self.places = {tenant.name: self._place(tenant, args) for tenant in args.tenants}
        self.register_outputs({"tenants": sorted(self.places)})

    def _place(self, tenant: Tenant, args: TenantsArgs) -> TenantPlace:
        label = f"tenant-{tenant.name}"
        active, guarded = tenant.state is TenantState.ACTIVE, not tenant.data_deletable
        # Vault, account and their endpoints are paid for each tenant.
        inside = pulumi.ResourceOptions(parent=self, transformations=[tagging(of_tenant(tenant.name))])
        key = self._key(label, args, inside, guarded=guarded)
        account = StorageAccount(
            f"{label}-files",
            StorageAccountArgs(
                scope=args.scope,
                resource_group=args.resource_group,
                account_name=args.scope.global_name(f"{tenant.name}-files"),
                key=key,
                redundancy=Redundancy.GEO_ZONES,
                retention_days=args.storage.noncurrent_days,
                endpoints_subnet=args.endpoints_subnet,
                dns=args.dns,
                handed_out=True,
                guarded=guarded,
            ),
            opts=inside,
        )
        made: list[pulumi.Resource] = [account.container(FILES)]
        workload = WorkloadIdentity(label, WorkloadIdentityArgs(args.scope, args.resource_group), opts=inside)
        if active:
            workload.trust(
                issuer=args.oidc_issuer, namespace=tenant_namespace(tenant.name), service_account=TENANT_ACCOUNT
            )
            made.append(
                grant(
                    f"{label}-files-use",
                    scope=args.scope,
                    role=Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
                    principal_id=workload.identity.principal_id,
                    on=account.identifier,
                    parent=self,
                )
            )
        lock(f"{label}-lock", scope=args.scope, on=account.identifier, parent=self, after=made, guarded=guarded)
        return TenantPlace(
            key=key.uri,
            storage_uri=pulumi.Output.concat("abfss://", FILES, "@", account.account_name, ".dfs.core.windows.net/"),
            service_account_annotations=workload.annotations if active else {},
        )

    def _key(self, label: str, args: TenantsArgs, inside: pulumi.ResourceOptions, *, guarded: bool) -> EncryptionKey:
        vault_name = args.scope.global_name(f"{label.removeprefix('tenant-')}-vault")
        vault = Vault(
            f"{label}-vault",
            VaultArgs(args.scope, args.resource_group, vault_name, args.tenant_id, guarded=guarded),
            opts=inside,
        )
        key = EncryptionKey(
            f"{label}-key",
            EncryptionKeyArgs(
                scope=args.scope,
                resource_group=args.resource_group,
                vault=vault,
                vault_name=vault_name,
                key_name=label,
                encryption=args.encryption,
                guarded=guarded,
            ),
            opts=inside,
        )
        lock(
            f"{label}-vault-lock",
            scope=args.scope,
            on=vault.identifier,
            parent=self,
            after=[key.granted],
            guarded=guarded,
        )
        return key
