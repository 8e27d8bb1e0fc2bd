"""Customer-managed keys: a vault that nobody outside reaches, a key per purpose, an identity per key.

A key never leaves its vault. Each purpose's services act through an identity that may wrap and unwrap with that one
key and nothing else (Azure RBAC, no access policies). Keys get a new version by policy; services that name a key
without its version take it over by themselves (storage, registry, disks), the others at the next update.

Azure keeps a deleted vault and its name for the retention: `Scope.recover` names the vaults to take back. Deleting a
key needs the data plane, which is closed to the outside, so that keys go with their vault.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, compute, keyvault, managedidentity

from infra.clouds.azure.private_link import PrivateDns, PrivateEndpoint, PrivateEndpointArgs, PrivateService
from infra.clouds.azure.protection import lock
from infra.clouds.azure.roles import Role, grant
from infra.clouds.azure.scope import Scope
from infra.clouds.region import KeyPurpose
from infra.config import EncryptionSettings
from infra.marks import marks

SOFT_DELETE_DAYS = 90
"""The most that a vault takes (7 to 90): it can't be changed later, and purge protection makes it a promise."""

KEY_SIZE_BITS = 3072
"""RSA of 128 bits of security, as NIST SP 800-57 part 1 (table 2) asks beyond 2030."""

_WRAP = (keyvault.JsonWebKeyOperation.WRAP_KEY, keyvault.JsonWebKeyOperation.UNWRAP_KEY)
_ENCRYPT = (keyvault.JsonWebKeyOperation.ENCRYPT, keyvault.JsonWebKeyOperation.DECRYPT)


@dataclass(frozen=True)
class VaultArgs:
    """What a vault is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        vault_name: Its name, unique in all of Azure; 24 characters at most.
        tenant_id: The Entra tenant whose identities it knows.
        guarded: Whether it may not be deleted.
        in_perimeter: Whether a network security perimeter says who reaches it, not a private endpoint.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    vault_name: str
    tenant_id: pulumi.Input[str]
    guarded: bool = True
    in_perimeter: bool = False


class Vault(pulumi.ComponentResource):
    """A key vault under RBAC, purge protected, closed to public networks.

    Attributes:
        vault: The vault itself, whose deletion takes the keys along.
        identifier: Its id.
        uri: Its URI, with a slash at the end.
    """

    vault: keyvault.Vault
    identifier: pulumi.Output[str]
    uri: pulumi.Output[str]

    def __init__(self, name: str, args: VaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Vault", name, None, opts)
        recovering = args.vault_name in args.scope.recover
        self.vault = keyvault.Vault(
            name,
            resource_group_name=args.resource_group,
            vault_name=args.vault_name,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=args.tenant_id,
                create_mode=keyvault.CreateMode.RECOVER if recovering else keyvault.CreateMode.DEFAULT,
                # Premium: keys in hardware modules (FIPS 140-3 level 3).
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.PREMIUM),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                enable_purge_protection=True,
                soft_delete_retention_in_days=SOFT_DELETE_DAYS,
                enabled_for_deployment=False,
                enabled_for_disk_encryption=False,
                enabled_for_template_deployment=False,
                public_network_access="SecuredByPerimeter" if args.in_perimeter else "Disabled",
                # Storage, registry, disks and databases reach their keys as trusted services, under their identity:
                # learn.microsoft.com/azure/key-vault/general/overview-vnet-service-endpoints#trusted-services
                network_acls=keyvault.NetworkRuleSetArgs(
                    bypass=keyvault.NetworkRuleBypassOptions.AZURE_SERVICES,
                    default_action=keyvault.NetworkRuleAction.DENY,
                ),
            ),
            tags=marks(guarded=args.guarded),
            opts=pulumi.ResourceOptions.merge(
                args.scope.data(self, guarded=args.guarded),
                # How it came to be is no property of it.
                pulumi.ResourceOptions(ignore_changes=["properties.createMode"]),
            ),
        )
        self.identifier = self.vault.id
        self.uri = self.vault.properties.apply(lambda properties: properties.vault_uri or "")
        self.register_outputs({"identifier": self.identifier, "uri": self.uri})


@dataclass(frozen=True)
class EncryptionKeyArgs:
    """What a key is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        vault: The vault that holds it.
        vault_name: The vault's name.
        key_name: Its name in the vault.
        encryption: When it gets a new version.
        operations: What may be done with it.
        role: What its identity may do.
        guarded: Whether it may not be deleted.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    vault: Vault
    vault_name: str
    key_name: str
    encryption: EncryptionSettings
    operations: Sequence[keyvault.JsonWebKeyOperation] = _WRAP
    role: Role = Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER
    guarded: bool = True


class EncryptionKey(pulumi.ComponentResource):
    """A key with a rotation policy, and the identity that a service uses it under.

    Attributes:
        key_name: Its name in the vault.
        vault_uri: The vault's URI.
        identifier: Resource id of the key.
        uri: URI without a version: services follow its rotation by themselves.
        versioned_uri: URI of the version that was the newest at the last update.
        identity: Who may use it.
        granted: The permission; services that are made before it are refused.
    """

    key_name: str
    vault_uri: pulumi.Output[str]
    identifier: pulumi.Output[str]
    uri: pulumi.Output[str]
    versioned_uri: pulumi.Output[str]
    identity: managedidentity.UserAssignedIdentity
    granted: authorization.RoleAssignment

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:EncryptionKey", name, None, opts)
        self.key_name, self.vault_uri = args.key_name, args.vault.uri
        recovering = args.vault_name in args.scope.recover
        key = keyvault.Key(
            name,
            resource_group_name=args.resource_group,
            vault_name=args.vault.vault.name,
            key_name=args.key_name,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RS_A_HSM,
                key_size=KEY_SIZE_BITS,
                key_ops=list(args.operations),
                attributes=keyvault.KeyAttributesArgs(enabled=True),
                rotation_policy=_rotation(args.encryption.rotation_days),
            ),
            tags=marks(guarded=args.guarded),
            opts=pulumi.ResourceOptions.merge(
                args.scope.data(self, guarded=args.guarded),
                pulumi.ResourceOptions(
                    deleted_with=args.vault.vault,
                    # A vault that is taken back has its keys already.
                    import_=_key_id(args) if recovering else None,
                ),
            ),
        )
        self.identifier, self.uri, self.versioned_uri = key.id, key.key_uri, key.key_uri_with_version
        self.identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=args.resource_group,
            resource_name_=args.scope.name(f"{name}-identity", longest=128),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.granted = grant(
            f"{name}-use",
            scope=args.scope,
            role=args.role,
            principal_id=self.identity.principal_id,
            on=self.identifier,
            parent=self,
        )
        self.register_outputs({"identifier": self.identifier, "uri": self.uri})


@dataclass(frozen=True)
class KeysArgs:
    """What the region's keys are made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        tenant_id: The Entra tenant.
        encryption: When keys get new versions.
        endpoints_subnet: Where the vault gets its private address.
        dns: The private zones.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    tenant_id: pulumi.Input[str]
    encryption: EncryptionSettings
    endpoints_subnet: pulumi.Input[str]
    dns: PrivateDns


class Keys(pulumi.ComponentResource):
    """The region's vault with a key per purpose, and the disk encryption set that nodes' disks use.

    Attributes:
        vault: The vault.
        keys: Its keys by purpose.
        disk_encryption_set: Id of the set that encrypts disks; it follows its key's rotation.
    """

    vault: Vault
    keys: Mapping[KeyPurpose, EncryptionKey]
    disk_encryption_set: pulumi.Output[str]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Keys", name, None, opts)
        vault_name = args.scope.global_name("vault")
        self.vault = Vault(
            "vault",
            VaultArgs(args.scope, args.resource_group, vault_name, args.tenant_id),
            opts=pulumi.ResourceOptions(parent=self),
        )
        PrivateEndpoint(
            "vault-endpoint",
            PrivateEndpointArgs(
                resource_group=args.resource_group,
                endpoint_name=args.scope.name("vault"),
                service=PrivateService.VAULT,
                target_id=self.vault.identifier,
                subnet_id=args.endpoints_subnet,
                dns=args.dns,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.keys = {
            purpose: EncryptionKey(
                f"{purpose}-key",
                EncryptionKeyArgs(
                    scope=args.scope,
                    resource_group=args.resource_group,
                    vault=self.vault,
                    vault_name=vault_name,
                    key_name=purpose,
                    encryption=args.encryption,
                    # Kubernetes' KMS plugin encrypts with the key, the others wrap keys of their own in it.
                    operations=_ENCRYPT if purpose is KeyPurpose.CLUSTER else _WRAP,
                    role=(
                        Role.KEY_VAULT_CRYPTO_USER
                        if purpose is KeyPurpose.CLUSTER
                        else Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER
                    ),
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for purpose in KeyPurpose
        }
        grants = [key.granted for key in self.keys.values()]
        lock("vault-lock", scope=args.scope, on=self.vault.identifier, parent=self, after=grants)
        self.disk_encryption_set = self._disk_encryption_set(args)
        self.register_outputs({"vault": self.vault.identifier, "diskEncryptionSet": self.disk_encryption_set})

    def _disk_encryption_set(self, args: KeysArgs) -> pulumi.Output[str]:
        key = self.keys[KeyPurpose.DISKS]
        made = compute.DiskEncryptionSet(
            "disk-encryption-set",
            resource_group_name=args.resource_group,
            disk_encryption_set_name=args.scope.name("disks"),
            # Not double encryption: machines with encryption at host, which covers caches and temporary disks too,
            # refuse it (learn.microsoft.com/azure/virtual-machines/disk-encryption).
            encryption_type=compute.DiskEncryptionSetType.ENCRYPTION_AT_REST_WITH_CUSTOMER_KEY,
            identity=compute.EncryptionSetIdentityArgs(
                type=compute.DiskEncryptionSetIdentityType.USER_ASSIGNED, user_assigned_identities=[key.identity.id]
            ),
            # The set wants the version that it begins with, and follows later ones by itself.
            active_key=compute.KeyForDiskEncryptionSetArgs(
                key_url=key.versioned_uri, source_vault=compute.SourceVaultArgs(id=self.vault.identifier)
            ),
            rotation_to_latest_key_version_enabled=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[key.granted], ignore_changes=["activeKey.keyUrl"]),
        )
        return made.id


def _rotation(days: int) -> keyvault.RotationPolicyArgs:
    # Old versions never expire: what is wrapped in one must open until its service has taken the next one over.
    return keyvault.RotationPolicyArgs(
        lifetime_actions=[
            keyvault.LifetimeActionArgs(
                action=keyvault.ActionArgs(type=keyvault.KeyRotationPolicyActionType.ROTATE),
                trigger=keyvault.TriggerArgs(time_after_create=f"P{days}D"),
            )
        ]
    )


def _key_id(args: EncryptionKeyArgs) -> str:
    group = args.resource_group if isinstance(args.resource_group, str) else args.scope.name()
    vault = args.scope.resource_id(group, "Microsoft.KeyVault/vaults", args.vault_name)
    return f"{vault}/keys/{args.key_name}"
