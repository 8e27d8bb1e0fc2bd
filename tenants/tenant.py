"""One enterprise tenant: where it is served, what it may use, who may act for it."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from catalog import known_residences
from documents.values import CpuQuantity, Email, FileModel, HostName, MemoryQuantity, Name


class Plan(StrEnum):
    """What a tenant has bought; `fleet tenant add` writes each one's amounts into the file."""

    TRIAL = "trial"
    STANDARD = "standard"
    ENTERPRISE = "enterprise"


class TenantState(StrEnum):
    """A tenant's life.

    A suspended tenant keeps its data, but no request gets through. After the retention it is leaving: the next update
    lifts the protection of its data; then its file can be deleted, and the update after that leaves nothing behind.
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"


class TenantQuotas(FileModel):
    """What the tenant's namespace may hold in all (a Kubernetes ResourceQuota)."""

    cpu: CpuQuantity = Field("16", description="CPU requested, in all")
    memory: MemoryQuantity = Field("64Gi", description="Memory requested, in all")
    gpus: int = Field(0, ge=0, le=4096, description="nvidia.com/gpu requested, in all")
    pods: int = Field(50, ge=1, le=5000, description="Pods at once")
    storage: MemoryQuantity = Field("100Gi", description="Storage requested by claims, in all")


class TenantLimits(FileModel):
    """What the gateway lets through for this tenant."""

    requests_per_minute: int = Field(600, ge=1, le=1_000_000, description="Requests a minute")
    tokens_per_minute: int = Field(200_000, ge=1, le=1_000_000_000, description="Tokens in and out a minute")
    concurrent_requests: int = Field(32, ge=1, le=10_000, description="Requests in flight at once")


class TenantBudget(FileModel):
    """What the tenant may spend, and who is told."""

    monthly_usd: int = Field(gt=0, description="Dollars a month")
    contacts: tuple[Email, ...] = Field(min_length=1, description="Who is told at 50, 80 and 100 %")


class Tenant(FileModel):
    """An enterprise tenant, as its file says."""

    name: Name = Field(
        max_length=30, description="Its name, as its file's: of its namespace, key, storage prefix and priority class"
    )
    plan: Plan = Field(Plan.STANDARD, description="What it has bought")
    stacks: tuple[str, ...] = Field(min_length=1, description="Region stacks that host it")
    admins: tuple[str, ...] = Field((), description="OIDC groups that may change what is in its namespace")
    viewers: tuple[str, ...] = Field((), description="OIDC groups that may look at it")
    quotas: TenantQuotas = Field(default_factory=TenantQuotas, description=TenantQuotas.__doc__)
    limits: TenantLimits = Field(default_factory=TenantLimits, description=TenantLimits.__doc__)
    gpu_pool: Name | None = Field(
        None, description="Dedicated GPU pool: the `gpuPools` entry of each of its stacks that names this tenant"
    )
    # Kubernetes keeps priorities from 1,000,000,000 on for itself.
    priority: int = Field(1000, ge=0, le=999_999, description="Its pods' priority; the higher goes first")
    domain: HostName | None = Field(
        None, description="Its own name for the endpoint, right below the front's domain, with a certificate for it"
    )
    budget: TenantBudget | None = Field(None, description=TenantBudget.__doc__)
    residency: tuple[str, ...] = Field(
        (),
        description="Where its data may be: ISO 3166 country codes (DE) or areas (EU); empty: anywhere",
    )
    state: TenantState = Field(
        TenantState.ACTIVE, description="active; suspended: no request gets through; leaving: its data may be deleted"
    )
    suspended_since: date | None = Field(None, description="Day of the suspension")
    retention_days: int = Field(30, ge=0, le=3650, description="Days that a suspended tenant's data is kept")

    @property
    def data_deletable(self) -> bool:
        """Whether the protection of its key and its data is lifted, so that an update may delete them."""
        return self.state is TenantState.LEAVING

    @property
    def removable_from(self) -> date | None:
        """The first day on which a suspended tenant's data may be deleted; None while it is active."""
        return None if self.suspended_since is None else self.suspended_since + timedelta(days=self.retention_days)

    @field_validator("residency")
    @classmethod
    def _residences_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = known_residences()
        for place in value:
            if place not in known:
                msg = f"{place!r} is no country or area that a cloud has a region in; known: {', '.join(sorted(known))}"
                raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _suspension_is_dated(self) -> Self:
        if self.state is not TenantState.ACTIVE and self.suspended_since is None:
            msg = f"suspendedSince is missing: a {self.state} tenant's retention is counted from that day"
            raise ValueError(msg)
        if self.state is TenantState.ACTIVE and self.suspended_since is not None:
            msg = "suspendedSince is for suspended tenants: remove it, or set state: suspended"
            raise ValueError(msg)
        return self
