"""The gateway's certificate of a public authority: in a Key Vault of the operator's, handed to pods by AKS's driver.

Front Door trusts public authorities only (learn.microsoft.com/azure/frontdoor/end-to-end-tls). Who gets such a
certificate, and from whom, is a company's own affair; a Key Vault renews it by itself with a partner authority, or
keeps what an ACME client puts there (learn.microsoft.com/azure/key-vault/certificates/certificate-scenarios). Pods read
it under the gateway's identity, which may read this one secret. A renewed one reaches them within the hour
(learn.microsoft.com/azure/aks/csi-secrets-store-configuration-options), and the gateway takes it over by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
import yaml
from pulumi_azure_native import containerservice, managedidentity
from pulumi_kubernetes.apiextensions import CustomResource

from infra.clouds.azure.roles import Role, grant
from infra.clouds.azure.scope import Scope
from infra.clouds.region import VaultCertificate
from infra.config.key_vault import KeyVaultSecret

_DRIVER = "secrets-store.csi.k8s.io"
_CLASS = "gateway-certificate"
_FILE = "tls.pem"
_POLL_INTERVAL = "1h"


@dataclass(frozen=True)
class VaultCertificateArgs:
    """What handing over a certificate takes.

    Attributes:
        scope: The stack's scope.
        tenant_id: The Entra tenant of vault and identity.
        secret: Where key and chain are.
        reader: The gateway's identity.
    """

    scope: Scope
    tenant_id: pulumi.Input[str]
    secret: KeyVaultSecret
    reader: managedidentity.UserAssignedIdentity


def hand_over(args: VaultCertificateArgs, parent: pulumi.Resource) -> VaultCertificate:
    """Let the gateway's identity read the secret, and give what mounts it."""
    allowed = grant(
        "gateway-certificate",
        scope=args.scope,
        role=Role.KEY_VAULT_SECRETS_USER,
        principal_id=args.reader.principal_id,
        on=args.secret.identifier,
        parent=parent,
    )

    def volume(namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> k8s.core.v1.CSIVolumeSourceArgs:
        provider_class = CustomResource(
            _CLASS,
            api_version="secrets-store.csi.x-k8s.io/v1",
            kind="SecretProviderClass",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=_CLASS, namespace=namespace),
            spec={"provider": "azure", "parameters": _parameters(args)},
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[allowed])),
        )
        return k8s.core.v1.CSIVolumeSourceArgs(
            driver=_DRIVER,
            read_only=True,
            volume_attributes=provider_class.id.apply(lambda _: {"secretProviderClass": _CLASS}),
        )

    return VaultCertificate(_FILE, volume)


def secrets_provider() -> Mapping[str, containerservice.ManagedClusterAddonProfileArgs]:
    """The driver, as an add-on of the cluster."""
    config = {"enableSecretRotation": "true", "rotationPollInterval": _POLL_INTERVAL}
    return {
        "azureKeyvaultSecretsProvider": containerservice.ManagedClusterAddonProfileArgs(enabled=True, config=config)
    }


def _parameters(args: VaultCertificateArgs) -> dict[str, pulumi.Input[str]]:
    # learn.microsoft.com/azure/aks/csi-secrets-store-identity-access: by workload identity. The type is `secret`, since
    # a certificate's own holds no key.
    wanted = {"objectName": args.secret.name, "objectType": "secret", "objectAlias": _FILE}
    return {
        "clientID": args.reader.client_id,
        "keyvaultName": args.secret.vault,
        "tenantId": args.tenant_id,
        "objects": yaml.safe_dump({"array": [yaml.safe_dump(wanted)]}),
    }
