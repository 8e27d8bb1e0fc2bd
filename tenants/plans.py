"""What each plan gives a tenant.

A new tenant's file starts from these amounts; the file is what counts from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tenants.tenant import Plan, TenantLimits, TenantQuotas


@dataclass(frozen=True)
class PlanAmounts:
    """The amounts of one plan.

    Attributes:
        quotas: Of the tenant's namespace.
        limits: At the gateway.
        priority: Of its pods; the higher goes first.
        retention_days: Days that its data is kept after a suspension.
    """

    quotas: TenantQuotas
    limits: TenantLimits
    priority: int
    retention_days: int


PLANS: Mapping[Plan, PlanAmounts] = {
    Plan.TRIAL: PlanAmounts(
        TenantQuotas(cpu="4", memory="16Gi", gpus=0, pods=10, storage="20Gi"),
        TenantLimits(requests_per_minute=60, tokens_per_minute=20_000, concurrent_requests=4),
        priority=100,
        retention_days=7,
    ),
    Plan.STANDARD: PlanAmounts(TenantQuotas(), TenantLimits(), priority=1000, retention_days=30),
    Plan.ENTERPRISE: PlanAmounts(
        TenantQuotas(cpu="64", memory="512Gi", gpus=16, pods=200, storage="1Ti"),
        TenantLimits(requests_per_minute=6000, tokens_per_minute=4_000_000, concurrent_requests=256),
        priority=5000,
        retention_days=90,
    ),
}
