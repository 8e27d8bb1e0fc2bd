"""What an Azure subscription may cost in a month, and each tenant in it; who is told at which share of it."""

import datetime as dt

import pulumi
from pulumi_azure_native import consumption

from infra.account.tenant_budgets import watched_tenants
from infra.clouds.azure.scope import Scope
from infra.config import BudgetSettings, StackSettings
from infra.marks import TENANT_TAG
from tenants import TenantBudget

_THRESHOLDS = (
    (50, consumption.ThresholdType.ACTUAL),
    (80, consumption.ThresholdType.ACTUAL),
    (100, consumption.ThresholdType.ACTUAL),
    (100, consumption.ThresholdType.FORECASTED),
)
"""Percent of the budget; five notifications are the most (learn.microsoft.com/rest/api/consumption/budgets)."""


def make_budgets(scope: Scope, settings: StackSettings, parent: pulumi.Resource, today: dt.date) -> None:
    """Make the subscription's budget and its tenants'."""
    if settings.budget is not None:
        _make("budget", scope.name("monthly"), scope, settings.budget, parent=parent, today=today)
    for tenant in watched_tenants(settings):
        name = f"tenant-{tenant.name}"
        _make(name, scope.name(name), scope, tenant.budget, parent=parent, today=today, tenant=tenant.name)


def _make(
    name: str,
    budget_name: str,
    scope: Scope,
    budget: BudgetSettings | TenantBudget,
    *,
    parent: pulumi.Resource,
    today: dt.date,
    tenant: str | None = None,
) -> None:
    consumption.Budget(
        name,
        budget_name=budget_name,
        scope=scope.subscription_id,
        amount=float(budget.monthly_usd),
        category=consumption.CategoryType.COST,
        time_grain=consumption.TimeGrainType.MONTHLY,
        time_period=consumption.BudgetTimePeriodArgs(start_date=f"{today:%Y-%m}-01T00:00:00Z"),
        filter=None if tenant is None else _by_tag(tenant),
        notifications={
            f"{kind.lower()}-{percent}": consumption.NotificationArgs(
                enabled=True,
                operator=consumption.OperatorType.GREATER_THAN_OR_EQUAL_TO,
                threshold=float(percent),
                threshold_type=kind,
                contact_emails=list(budget.contacts),
            )
            for percent, kind in _THRESHOLDS
        },
        # It began in the month in which it was made.
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["timePeriod"]),
    )


def _by_tag(tenant: str) -> consumption.BudgetFilterArgs:
    return consumption.BudgetFilterArgs(
        tags=consumption.BudgetComparisonExpressionArgs(
            name=TENANT_TAG, operator=consumption.BudgetOperatorType.IN_, values=[tenant]
        )
    )
