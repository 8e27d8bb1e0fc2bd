"""Enterprise tenants: one file each (`tenants/<name>.yaml`), read by the Pulumi program and by `fleet`."""

from tenants.tenant import Plan, Tenant, TenantBudget, TenantLimits, TenantQuotas, TenantState
from tenants.tenant_files import TENANTS_FOLDER, load_tenants, tenants_of

__all__ = [
    "TENANTS_FOLDER",
    "Plan",
    "Tenant",
    "TenantBudget",
    "TenantLimits",
    "TenantQuotas",
    "TenantState",
    "load_tenants",
    "tenants_of",
]
