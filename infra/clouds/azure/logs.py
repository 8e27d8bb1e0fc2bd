"""Audit and flow logs: kept in an account of their own, under a key of their own.

Blobs rather than a Log Analytics workspace: that is under a customer-managed key only on a dedicated cluster, which is
paid for 100 GB a day at least (learn.microsoft.com/azure/azure-monitor/logs/customer-managed-keys). Whoever has one
adds it as a second destination.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor, network, storage

from infra.clouds.azure.keys import EncryptionKey
from infra.clouds.azure.private_link import PrivateDns
from infra.clouds.azure.protection import lock
from infra.clouds.azure.roles import Role, grant
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.storage_account import Redundancy, StorageAccount, StorageAccountArgs

SOFT_DELETE_DAYS = 30
"""Days that a deleted log can be taken back; its retention is the lifecycle rule's."""

NETWORK_WATCHER_GROUP = "NetworkWatcherRG"
"""Azure makes a network watcher per region, and this group, with a subscription's first network there
(learn.microsoft.com/azure/network-watcher/network-watcher-create)."""

FLOW_LOG_VERSION = 2
"""With bytes and packets per flow (learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview)."""

# Each service's container, as Azure names it: insights-logs-<category>, and one for flow logs.
_FLOW_LOGS = "insights-logs-flowlogflowevent"


@dataclass(frozen=True)
class LogsArgs:
    """What the logs' storage is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        key: The key that encrypts them.
        retention_days: Days that logs of services are kept.
        flow_retention_days: Days that flow logs are kept.
        network_id: The network whose flows are recorded.
        endpoints_subnet: Where the account gets its private address.
        dns: The private zones.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    key: EncryptionKey
    retention_days: int
    flow_retention_days: int
    network_id: pulumi.Output[str]
    endpoints_subnet: pulumi.Input[str]
    dns: PrivateDns


class Logs(pulumi.ComponentResource):
    """Account, retention and flow log.

    Attributes:
        account_id: Id of the account.
    """

    account_id: pulumi.Output[str]

    def __init__(self, name: str, args: LogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Logs", name, None, opts)
        account = StorageAccount(
            "logs",
            StorageAccountArgs(
                scope=args.scope,
                resource_group=args.resource_group,
                account_name=args.scope.global_name("logs"),
                key=args.key,
                redundancy=Redundancy.ZONES,
                retention_days=SOFT_DELETE_DAYS,
                endpoints_subnet=args.endpoints_subnet,
                dns=args.dns,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.account_id = account.identifier
        retention = _retention(args, account)
        writer = grant(
            "flow-log-writer",
            scope=args.scope,
            role=Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
            principal_id=args.key.identity.principal_id,
            on=account.identifier,
            parent=self,
        )
        self._flow_log(args, writer)
        lock("logs-lock", scope=args.scope, on=account.identifier, parent=self, after=[retention, writer])
        self.register_outputs({"accountId": self.account_id})

    def record(
        self, name: str, *, of: pulumi.Input[str], categories: Sequence[str], parent: pulumi.Resource
    ) -> monitor.DiagnosticSetting:
        """Keep a resource's logs.

        Args:
            name: Name within the stack.
            of: Id of the resource.
            categories: Categories of its logs; `audit` and `allLogs` are groups that most services have.
            parent: The component that the resource belongs to.
        """
        groups = {"audit", "allLogs"}
        return monitor.DiagnosticSetting(
            name,
            name="modelfleet",
            resource_uri=of,
            storage_account_id=self.account_id,
            logs=[
                monitor.DiagnosticsLogSettingsArgs(category_group=category, enabled=True)
                if category in groups
                else monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True)
                for category in categories
            ],
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def _flow_log(self, args: LogsArgs, writer: pulumi.Resource) -> None:
        network.FlowLog(
            "flow-log",
            resource_group_name=NETWORK_WATCHER_GROUP,
            network_watcher_name=f"NetworkWatcher_{args.scope.location}",
            flow_log_name=args.scope.name("flows"),
            target_resource_id=args.network_id,
            storage_id=self.account_id,
            enabled=True,
            format=network.FlowLogFormatParametersArgs(type=network.FlowLogFormatType.JSON, version=FLOW_LOG_VERSION),
            # Under an identity, since the account has no shared key
            # (learn.microsoft.com/azure/network-watcher/vnet-flow-logs-managed-identity).
            identity=network.ManagedServiceIdentityArgs(
                type=network.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.key.identity.id]
            ),
            retention_policy=network.RetentionPolicyParametersArgs(enabled=True, days=args.flow_retention_days),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[writer]),
        )


def _retention(args: LogsArgs, account: StorageAccount) -> storage.ManagementPolicy:
    return storage.ManagementPolicy(
        "logs-lifecycle",
        resource_group_name=args.resource_group,
        account_name=account.account_name,
        management_policy_name="default",
        policy=storage.ManagementPolicySchemaArgs(
            rules=[
                _expire("expire-logs", "insights-logs-", max(args.retention_days, args.flow_retention_days)),
                _expire("expire-flow-logs", _FLOW_LOGS, args.flow_retention_days),
            ]
        ),
        opts=pulumi.ResourceOptions(parent=account, depends_on=[account.blobs]),
    )


def _expire(name: str, prefix: str, days: int) -> storage.ManagementPolicyRuleArgs:
    age = storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
    return storage.ManagementPolicyRuleArgs(
        name=name,
        type=storage.RuleType.LIFECYCLE,
        enabled=True,
        definition=storage.ManagementPolicyDefinitionArgs(
            # Services append to their logs; appendBlob knows deletion only.
            filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob", "appendBlob"], prefix_match=[prefix]),
            actions=storage.ManagementPolicyActionArgs(base_blob=storage.ManagementPolicyBaseBlobArgs(delete=age)),
        ),
    )
