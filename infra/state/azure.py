"""State on Azure: a container under a vault's key, in a perimeter that admits this subscription's identities.

Neither account nor vault is open to public networks: a network security perimeter lets in managed identities of the
subscription (CI's are) and the ranges of `api.authorizedRanges` (people), and both still need their role
(learn.microsoft.com/azure/private-link/network-security-perimeter-concepts).
URLs as the CLI takes them: pulumi.com/docs/iac/concepts/state-and-backends/#azure-blob-storage and
pulumi.com/docs/iac/concepts/secrets/#azure-key-vault.
"""

import pulumi
from pulumi_azure_native import Provider, authorization, keyvault, network, resources

from infra.clouds.azure.keys import EncryptionKey, EncryptionKeyArgs, Vault, VaultArgs
from infra.clouds.azure.protection import lock
from infra.clouds.azure.roles import PrincipalType, Role, grant
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.storage_account import Redundancy, StorageAccount, StorageAccountArgs
from infra.config import StackSettings

CONTAINER = "state"
_PROFILE = "state"
_RETENTION_DAYS = 90
SECRETS_KEY = "secrets"


class AzureState(pulumi.ComponentResource):
    """Vault, two keys, storage account, container, perimeter.

    Attributes:
        backend: For `pulumi login`.
        secrets_provider: For `pulumi stack init --secrets-provider`.
    """

    backend: pulumi.Output[str]
    secrets_provider: pulumi.Output[str]

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        self._scope = scope = Scope.of(pulumi.get_stack(), settings)
        self._settings = settings
        provider = Provider(
            "azure", subscription_id=scope.subscription, location=scope.location, disable_pulumi_partner_id=True
        )
        own = pulumi.ResourceOptions(providers=[provider], transformations=[scope.placing])
        super().__init__("modelfleet:azure:State", name, None, pulumi.ResourceOptions.merge(own, opts))
        self._inside = pulumi.ResourceOptions(parent=self)
        client = authorization.get_client_config_output(opts=pulumi.InvokeOutputOptions(provider=provider))
        self._group = resources.ResourceGroup("group", resource_group_name=scope.name(), opts=scope.data(self)).name
        vault_name = scope.global_name("vault")
        self._vault = Vault(
            "vault",
            VaultArgs(scope, self._group, vault_name, client.tenant_id, in_perimeter=True),
            opts=self._inside,
        )
        at_rest = self._key("state", vault_name, encrypts=False)
        secrets = self._key(SECRETS_KEY, vault_name, encrypts=True)
        account = StorageAccount(
            "state",
            StorageAccountArgs(
                scope=scope,
                resource_group=self._group,
                account_name=scope.global_name("state"),
                key=at_rest,
                redundancy=Redundancy.GEO_ZONES,
                retention_days=_RETENTION_DAYS,
                endpoints_subnet=None,
                dns=None,
            ),
            opts=self._inside,
        )
        container = account.container(CONTAINER)
        self._make_perimeter({"vault": self._vault.identifier, "account": account.identifier})
        grants = self._grant_people(account.identifier, secrets.identifier)
        lock("account-lock", scope=scope, on=account.identifier, parent=self, after=grants)
        lock("vault-lock", scope=scope, on=self._vault.identifier, parent=self, after=[*grants, at_rest.granted])
        self.backend = pulumi.Output.concat("azblob://", container.name, "?storage_account=", account.account_name)
        self.secrets_provider = self._vault.uri.apply(
            lambda uri: f"azurekeyvault://{uri.removeprefix('https://').rstrip('/')}/keys/{SECRETS_KEY}"
        )
        self.register_outputs({"backend": self.backend, "secretsProvider": self.secrets_provider})

    def _key(self, name: str, vault_name: str, *, encrypts: bool) -> EncryptionKey:
        operation = keyvault.JsonWebKeyOperation
        args = EncryptionKeyArgs(
            scope=self._scope,
            resource_group=self._group,
            vault=self._vault,
            vault_name=vault_name,
            key_name=name,
            encryption=self._settings.encryption,
            operations=(
                (operation.ENCRYPT, operation.DECRYPT) if encrypts else (operation.WRAP_KEY, operation.UNWRAP_KEY)
            ),
            role=Role.KEY_VAULT_CRYPTO_USER if encrypts else Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER,
        )
        return EncryptionKey(f"{name}-key", args, opts=self._inside)

    def _make_perimeter(self, members: dict[str, pulumi.Output[str]]) -> None:
        scope = self._scope
        perimeter = network.NetworkSecurityPerimeter(
            "perimeter",
            resource_group_name=self._group,
            network_security_perimeter_name=scope.name("perimeter"),
            opts=self._inside,
        )
        profile = network.NetworkSecurityPerimeterProfile(
            "perimeter-profile",
            resource_group_name=self._group,
            network_security_perimeter_name=perimeter.name,
            profile_name=_PROFILE,
            opts=self._inside,
        )
        network.NetworkSecurityPerimeterAccessRule(
            "perimeter-identities",
            resource_group_name=self._group,
            network_security_perimeter_name=perimeter.name,
            profile_name=profile.name,
            access_rule_name="identities",
            direction=network.AccessRuleDirection.INBOUND,
            subscriptions=[network.SubscriptionIdArgs(id=scope.subscription_id)],
            opts=self._inside,
        )
        if self._settings.api.authorized_ranges:
            network.NetworkSecurityPerimeterAccessRule(
                "perimeter-people",
                resource_group_name=self._group,
                network_security_perimeter_name=perimeter.name,
                profile_name=profile.name,
                access_rule_name="people",
                direction=network.AccessRuleDirection.INBOUND,
                address_prefixes=list(self._settings.api.authorized_ranges),
                opts=self._inside,
            )
        for member, identifier in members.items():
            network.NetworkSecurityPerimeterAssociation(
                f"perimeter-{member}",
                resource_group_name=self._group,
                network_security_perimeter_name=perimeter.name,
                association_name=member,
                access_mode=network.AssociationAccessMode.ENFORCED,
                private_link_resource=network.SubResourceArgs(id=identifier),
                profile=network.SubResourceArgs(id=profile.id),
                opts=self._inside,
            )

    def _grant_people(self, account: pulumi.Output[str], key: pulumi.Output[str]) -> list[pulumi.Resource]:
        """Let the groups of `api.admins` read and write states, and the secrets in them."""
        return [
            grant(
                f"{part}-{position}",
                scope=self._scope,
                role=role,
                principal_id=group,
                on=on,
                parent=self,
                principal_type=PrincipalType.GROUP,
            )
            for position, group in enumerate(self._settings.api.admins)
            for part, role, on in (
                ("states", Role.STORAGE_BLOB_DATA_CONTRIBUTOR, account),
                ("secrets", Role.KEY_VAULT_CRYPTO_USER, key),
            )
        ]
