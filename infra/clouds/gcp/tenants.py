"""What a tenant has of its own in the region: a key, a folder of the bucket, and who may open it.

The folder is a managed folder: it has an access policy of its own, and nobody but the tenant's pods is in it. They are
known by their namespace and service account (Workload Identity Federation for GKE). A suspended tenant keeps key and
folder, and nobody is let in; when it leaves, the protection of both is lifted, so that the update after takes both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.keys import ENCRYPTER, Keys
from infra.clouds.gcp.scope import Scope
from infra.clouds.gcp.storage import TENANTS
from infra.clouds.names import TENANT_ACCOUNT, tenant_namespace
from infra.clouds.region import TenantPlace
from tenants import Tenant, TenantState


@dataclass(frozen=True)
class TenantsArgs:
    """What tenants share.

    Attributes:
        tenants: Those that this stack hosts.
        keys: Makes a key for each.
        bucket: Name of the bucket.
        cluster: Resource whose making brings the project's workload identity pool to life.
    """

    tenants: tuple[Tenant, ...]
    keys: Keys
    bucket: pulumi.Output[str]
    cluster: pulumi.Resource


class Tenants(pulumi.ComponentResource):
    """A place for each tenant."""

    places: Mapping[str, TenantPlace]

    def __init__(self, name: str, scope: Scope, args: TenantsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Tenants", name, None, opts)
        self.places = {tenant.name: self._place(tenant, scope, args) for tenant in args.tenants}
        self.register_outputs({"tenants": sorted(self.places)})

    def _place(self, tenant: Tenant, scope: Scope, args: TenantsArgs) -> TenantPlace:
        inside = pulumi.ResourceOptions(parent=self)
        label = f"tenant-{tenant.name}"
        kept = not scope.delete_data and tenant.state is not TenantState.LEAVING
        key = args.keys.make(
            label,
            pulumi.ResourceOptions(parent=self, protect=kept),
            tenant=tenant.name,
            guarded=not tenant.data_deletable,
        )
        gcp.kms.CryptoKeyIAMMember(
            f"{label}-key",
            crypto_key_id=key.id,
            role=ENCRYPTER,
            member=scope.service_agent("gs-project-accounts"),
            opts=inside,
        )
        folder = gcp.storage.ManagedFolder(
            label,
            bucket=args.bucket,
            name=f"{TENANTS}{tenant.name}/",
            force_destroy=not kept,
            opts=pulumi.ResourceOptions(parent=self, protect=kept),
        )
        if tenant.state is TenantState.ACTIVE:
            gcp.storage.ManagedFolderIamMember(
                f"{label}-folder",
                bucket=args.bucket,
                managed_folder=folder.name,
                role="roles/storage.objectUser",
                member=scope.workload(tenant_namespace(tenant.name), TENANT_ACCOUNT),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[args.cluster]),
            )
        return TenantPlace(key=key.id, storage_uri=pulumi.Output.concat("gs://", args.bucket, "/", folder.name))
