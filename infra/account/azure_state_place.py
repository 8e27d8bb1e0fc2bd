"""Where all stacks keep their state on Azure, in the roles of CI's identities."""

from dataclasses import dataclass, replace

from infra.clouds.azure.scope import Scope
from infra.state.azure import CONTAINER, SECRETS_KEY

READ_ACTIONS = ("Microsoft.Storage/storageAccounts/blobServices/containers/read",)
READ_DATA_ACTIONS = (
    "Microsoft.KeyVault/vaults/keys/read",
    "Microsoft.KeyVault/vaults/keys/decrypt/action",
    "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
)
"""What reading states and the secrets in them takes; of the built-in roles, the one that decrypts also signs
(learn.microsoft.com/azure/key-vault/general/rbac-guide)."""


@dataclass(frozen=True)
class StatePlace:
    """Container and key, as `infra/state/azure.py` names them.

    Attributes:
        container: Id of the container of states.
        secrets_key: Id of the key of the secrets in them.
    """

    container: str
    secrets_key: str

    @classmethod
    def of(cls, scope: Scope, stack: str) -> "StatePlace":
        """What a stack of kind `state` of this subscription is called."""
        place = replace(scope, stack=stack)
        account = place.resource_id(place.name(), "Microsoft.Storage/storageAccounts", place.global_name("state"))
        vault = place.resource_id(place.name(), "Microsoft.KeyVault/vaults", place.global_name("vault"))
        return cls(f"{account}/blobServices/default/containers/{CONTAINER}", f"{vault}/keys/{SECRETS_KEY}")
