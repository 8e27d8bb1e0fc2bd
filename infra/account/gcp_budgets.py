"""What a Google Cloud project may cost in a month, and each tenant in it; who is told at which share of it."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_gcp as gcp

from infra.account.tenant_budgets import WatchedTenant
from infra.clouds.gcp.scope import Scope, shortened
from infra.config import BudgetSettings
from infra.marks import of_tenant
from tenants import TenantBudget

THRESHOLDS = (0.5, 0.8, 1.0)
_CHANNELS_AT_MOST = 5
"""Of a budget (cloud.google.com/billing/docs/how-to/budgets-notification-recipients)."""
_DISPLAY_NAME_LIMIT = 60
"""cloud.google.com/billing/docs/reference/budget/rest/v1/billingAccounts.budgets#Budget."""


class Budgets(pulumi.ComponentResource):
    """The project's budget, its tenants', and the mail addresses that each tells.

    They are kept at the billing account that pays the project: without one in the stack file there are addresses only.
    """

    def __init__(
        self,
        name: str,
        scope: Scope,
        settings: BudgetSettings,
        tenants: Sequence[WatchedTenant],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("modelfleet:gcp:Budget", name, None, opts)
        self._scope, self._billing_account = scope, settings.billing_account
        self._make(name, scope.name(), settings, self._channels("", settings.contacts))
        for tenant in tenants:
            part = f"tenant-{tenant.name}"
            channels = self._channels(f"{part}-", tenant.budget.contacts)
            self._make(part, scope.name(part), tenant.budget, channels, labels=of_tenant(tenant.name))
        self.register_outputs({"monthlyUsd": settings.monthly_usd})

    def _channels(self, prefix: str, contacts: Sequence[str]) -> Sequence[gcp.monitoring.NotificationChannel]:
        return [
            gcp.monitoring.NotificationChannel(
                f"{prefix}mail-{index}",
                display_name=f"{self._scope.stack}: {contact}",
                type="email",
                labels={"email_address": contact},
                user_labels=dict(self._scope.labels),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for index, contact in enumerate(contacts[:_CHANNELS_AT_MOST])
        ]

    def _make(
        self,
        name: str,
        display_name: str,
        budget: BudgetSettings | TenantBudget,
        channels: Sequence[gcp.monitoring.NotificationChannel],
        *,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        if not self._billing_account:
            return
        billing = gcp.billing
        threshold = billing.BudgetThresholdRuleArgs
        billing.Budget(
            name,
            billing_account=self._billing_account,
            display_name=shortened(display_name, _DISPLAY_NAME_LIMIT),
            amount=billing.BudgetAmountArgs(
                specified_amount=billing.BudgetAmountSpecifiedAmountArgs(
                    currency_code="USD", units=str(budget.monthly_usd)
                )
            ),
            budget_filter=billing.BudgetBudgetFilterArgs(
                projects=[pulumi.Output.concat("projects/", self._scope.project_number)],
                labels=labels,
                calendar_period="MONTH",
            ),
            threshold_rules=[
                *(threshold(threshold_percent=share, spend_basis="CURRENT_SPEND") for share in THRESHOLDS),
                threshold(threshold_percent=1.0, spend_basis="FORECASTED_SPEND"),
            ],
            all_updates_rule=billing.BudgetAllUpdatesRuleArgs(
                monitoring_notification_channels=[channel.name for channel in channels],
                disable_default_iam_recipients=True,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
