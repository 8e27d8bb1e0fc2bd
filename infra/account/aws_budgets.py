"""What an AWS account may cost in a month, and each tenant in it; who is told at which share of it.

AWS sums up costs by a tag once it is a cost allocation tag, from that day on. Only the account that pays can make it
one, and only after a resource has had it for up to a day (docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/
activating-tags.html): so the stack file says when.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.account.tenant_budgets import watched_tenants
from infra.clouds.aws.scope import Scope
from infra.config import BudgetSettings, StackSettings, TenantTag
from infra.marks import TENANT_TAG
from tenants import TenantBudget

STEPS = ((50, "ACTUAL"), (80, "ACTUAL"), (100, "ACTUAL"), (100, "FORECASTED"))
"""Percent of a budget at which its contacts are told, spent or foreseen."""


def make_budgets(scope: Scope, settings: StackSettings, parent: pulumi.Resource) -> None:
    """Make the account's budget and its tenants', as far as the stack file has what they need."""
    if settings.budget is not None:
        _make("monthly", scope, settings.budget, pulumi.ResourceOptions(parent=parent))
    if not (tenants := watched_tenants(settings)):
        return
    tag = _activate(settings, parent)
    for tenant in tenants:
        _make(
            f"tenant-{tenant.name}",
            scope,
            tenant.budget,
            pulumi.ResourceOptions(parent=parent, depends_on=tag),
            tenant=tenant.name,
        )


def _activate(settings: StackSettings, parent: pulumi.Resource) -> list[pulumi.Resource]:
    if settings.budget is None or settings.budget.tenant_tag is not TenantTag.ACTIVATE:
        return []
    opts = pulumi.ResourceOptions(parent=parent)
    return [aws.costexplorer.CostAllocationTag("tenant", tag_key=TENANT_TAG, status="Active", opts=opts)]


def _make(
    name: str,
    scope: Scope,
    budget: BudgetSettings | TenantBudget,
    opts: pulumi.ResourceOptions,
    tenant: str | None = None,
) -> None:
    # docs.aws.amazon.com/cost-management/latest/userguide/budgets-create.html
    aws.budgets.Budget(
        name,
        name=scope.name(name),
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=str(budget.monthly_usd),
        limit_unit="USD",
        cost_filters=None if tenant is None else _by_tag(tenant),
        notifications=[
            aws.budgets.BudgetNotificationArgs(
                comparison_operator="GREATER_THAN",
                threshold=percent,
                threshold_type="PERCENTAGE",
                notification_type=kind,
                subscriber_email_addresses=list(budget.contacts),
            )
            for percent, kind in STEPS
        ],
        opts=opts,
    )


def _by_tag(tenant: str) -> Sequence[aws.budgets.BudgetCostFilterArgs]:
    # A tag that isn't AWS's own is told by `user:`; without it the budget is taken and counts nothing
    # (docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html).
    return [aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:{TENANT_TAG}${tenant}"])]
