"""Enterprise tenants: one file each (`tenants/<name>.yaml`), read by the Pulumi program and by `fleet`."""

from tenants.folder import TENANTS_FOLDER, TenantError, TenantFolder
from tenants.tenant import Plan, Tenant, TenantBudget, TenantLimits, TenantQuotas, TenantState

__all__ = [
    "TENANTS_FOLDER",
    "Plan",
    "Tenant",
    "TenantBudget",
    "TenantError",
    "TenantFolder",
    "TenantLimits",
    "TenantQuotas",
    "TenantState",
]
