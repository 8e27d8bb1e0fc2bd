"""A secret in an Azure Key Vault, named by its id in Azure Resource Manager.

The id rather than the vault's address: it is also what a role is given on.
"""

import re
from dataclasses import dataclass

_ID = re.compile(
    r"/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/resourceGroups/[\w.()-]{1,90}"
    r"/providers/Microsoft\.KeyVault/vaults/(?P<vault>[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9])"
    r"/secrets/(?P<name>[A-Za-z0-9-]{1,127})"
)
"""learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault"""

FORM = "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.KeyVault/vaults/<vault>/secrets/<name>"


@dataclass(frozen=True)
class KeyVaultSecret:
    """Where a secret is.

    Attributes:
        identifier: Its id.
        vault: Name of its vault.
        name: Its own name; a certificate's secret, which holds the key too, has the certificate's name.
    """

    identifier: str
    vault: str
    name: str

    @classmethod
    def of(cls, identifier: str) -> "KeyVaultSecret":
        """Read an id.

        Raises:
            ValueError: it is none of a secret.
        """
        match = _ID.fullmatch(identifier)
        if match is None:
            msg = f"{identifier!r} is not the id of a secret in a Key Vault: use {FORM}"
            raise ValueError(msg)
        return cls(identifier, match["vault"], match["name"])
