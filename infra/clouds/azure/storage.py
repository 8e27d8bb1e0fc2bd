"""The region's weights: a container that model servers read and publishers write."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from infra.clouds.azure.keys import EncryptionKey
from infra.clouds.azure.private_link import PrivateDns
from infra.clouds.azure.protection import lock
from infra.clouds.azure.roles import Role, grant
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.storage_account import Redundancy, StorageAccount, StorageAccountArgs
from infra.config import StorageSettings

MODELS = "models"
"""The container of all models, a folder each."""


@dataclass(frozen=True)
class StorageArgs:
    """What the weights' storage is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        key: The key that encrypts it.
        settings: How long old versions are kept.
        readers: Object ids of who reads the weights, by name.
        endpoints_subnet: Where it gets its private address.
        dns: The private zones.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    key: EncryptionKey
    settings: StorageSettings
    readers: Sequence[tuple[str, pulumi.Input[str]]]
    endpoints_subnet: pulumi.Input[str]
    dns: PrivateDns


class Storage(pulumi.ComponentResource):
    """Account and container of the weights.

    Attributes:
        account_name: Name of the account.
        blob_service_id: Id of its blob service, whose reads and writes are logged.
    """

    account_name: pulumi.Output[str]
    blob_service_id: pulumi.Output[str]

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Storage", name, None, opts)
        account = StorageAccount(
            "models",
            StorageAccountArgs(
                scope=args.scope,
                resource_group=args.resource_group,
                account_name=args.scope.global_name("models"),
                key=args.key,
                redundancy=Redundancy.GEO_ZONES,
                retention_days=args.settings.noncurrent_days,
                endpoints_subnet=args.endpoints_subnet,
                dns=args.dns,
                handed_out=True,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        container = account.container(MODELS)
        _expire_old_versions(args, account)
        readers = [
            grant(
                f"models-read-by-{reader}",
                scope=args.scope,
                role=Role.STORAGE_BLOB_DATA_READER,
                principal_id=principal,
                on=container.id,
                parent=self,
            )
            for reader, principal in args.readers
        ]
        lock("models-lock", scope=args.scope, on=account.identifier, parent=self, after=[container, *readers])
        self.account_name, self.blob_service_id = account.account_name, account.blobs.id
        self.register_outputs({"accountName": self.account_name})

    def model_uri(self, model: str) -> pulumi.Output[str]:
        """The folder of a model; of Azure's URIs, this one names the account too."""
        return pulumi.Output.concat("abfss://", MODELS, "@", self.account_name, ".dfs.core.windows.net/", model)


def _expire_old_versions(args: StorageArgs, account: StorageAccount) -> None:
    storage.ManagementPolicy(
        "models-lifecycle",
        resource_group_name=args.resource_group,
        account_name=account.account_name,
        management_policy_name="default",
        policy=storage.ManagementPolicySchemaArgs(
            rules=[
                storage.ManagementPolicyRuleArgs(
                    name="expire-old-versions",
                    type=storage.RuleType.LIFECYCLE,
                    enabled=True,
                    definition=storage.ManagementPolicyDefinitionArgs(
                        filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"]),
                        actions=storage.ManagementPolicyActionArgs(
                            version=storage.ManagementPolicyVersionArgs(
                                delete=storage.DateAfterCreationArgs(
                                    days_after_creation_greater_than=args.settings.noncurrent_days
                                )
                            )
                        ),
                    ),
                )
            ]
        ),
        opts=pulumi.ResourceOptions(parent=account, depends_on=[account.blobs]),
    )
