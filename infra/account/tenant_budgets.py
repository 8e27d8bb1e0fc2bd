"""Which tenants' budgets an account watches: each counts what is the tenant's alone in this account, by its tag.

Clouds sum up what resources cost, and machines that tenants share are nobody's: of a tenant they know its dedicated
pool, its keys and, on Azure, its storage account. Its part of the rest is estimated by `fleet cost`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.config import Cloud, StackSettings, TenantTag
from infra.marks import TENANT_TAG
from tenants import TENANTS_FOLDER, TenantBudget


@dataclass(frozen=True)
class WatchedTenant:
    """A tenant and what it may spend in an account.

    Attributes:
        name: The tenant.
        budget: Its file's.
    """

    name: str
    budget: TenantBudget


def watched_tenants(settings: StackSettings) -> Sequence[WatchedTenant]:
    """Give the tenants whose budgets the account can watch; of the others the update says that nobody does."""
    watched = [WatchedTenant(each.name, each.budget) for each in settings.budgeted if each.budget is not None]
    if not watched or (missing := _missing(settings)) is None:
        return watched
    for tenant in watched:
        pulumi.log.warn(f"{TENANTS_FOLDER}/{tenant.name}.yaml has a budget that nobody watches: {missing}")
    return ()


def _missing(settings: StackSettings) -> str | None:
    """Tell what the stack file lacks for tenants' budgets."""
    if settings.budget is None:
        return "give this stack a modelfleet:budget"
    if settings.cloud is Cloud.AWS and settings.budget.tenant_tag is TenantTag.OFF:
        return (
            f"AWS sums up costs by the tag {TENANT_TAG} once that is a cost allocation tag; then set "
            "modelfleet:budget.tenantTag (docs/clouds.md, tenants' budgets)"
        )
    return None
