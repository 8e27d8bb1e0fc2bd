"""The product's own vault and key, as a region makes them: what they find when the stack was there before."""

import pulumi
from pulumi_azure_native import authorization, resources

from infra.clouds.azure.keys import EncryptionKey, EncryptionKeyArgs, Vault, VaultArgs
from infra.clouds.azure.scope import Scope
from infra.config import EncryptionSettings

scope = Scope(
    stack="test",
    subscription="00000000-0000-4000-8000-000000000001",
    location="westeurope",
    environment="test",
    delete_data=True,
    recover=frozenset(pulumi.Config().get_object("kept") or ()),
)
pulumi.runtime.register_stack_transformation(scope.placing)
group = resources.ResourceGroup("group", resource_group_name=scope.name())
vault_name = scope.global_name("vault")
vault = Vault(
    "vault",
    VaultArgs(scope, group.name, vault_name, authorization.get_client_config().tenant_id),
)
EncryptionKey(
    "storage-key",
    EncryptionKeyArgs(
        scope=scope,
        resource_group=group.name,
        vault=vault,
        vault_name=vault_name,
        key_name="storage",
        encryption=EncryptionSettings(),
    ),
)
