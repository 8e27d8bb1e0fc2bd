"""What a cloud account has once: who deploys to it, what it may cost, what watches it."""

from enum import StrEnum

from pydantic import Field

from documents.values import Email, FileModel, Name
from infra.config.placement import Cloud


class TenantTag(StrEnum):
    """How AWS comes to sum up costs by the tag of what is a tenant's alone."""

    OFF = "off"
    ACTIVATE = "activate"
    ACTIVE = "active"


class BudgetSettings(FileModel):
    """What may be spent, and who is told."""

    monthly_usd: int = Field(gt=0, description="Dollars a month")
    contacts: tuple[Email, ...] = Field(min_length=1, description="Who is told at 50, 80 and 100 %")
    billing_account: str | None = Field(
        None, min_length=1, description="Google Cloud only: the billing account that the project is paid by"
    )
    tenant_tag: TenantTag = Field(
        TenantTag.OFF,
        description="AWS only: how tenants' costs are known, so that their budgets can be watched. `activate` makes "
        "modelfleet-tenant a cost allocation tag, a day after the first region with a tenant came up and where the "
        "account pays for itself; `active`: the account that pays has done so; `off`: tenants' budgets are not watched",
    )


class CiSettings(FileModel):
    """The GitHub repository whose workflows deploy, without any stored key."""

    repository: str = Field(pattern=r"^[A-Za-z0-9][-A-Za-z0-9]*/[-._A-Za-z0-9]+$", description="owner/name on GitHub")
    environments: tuple[str, ...] = Field(
        ("preview", "staging", "production"),
        min_length=1,
        description="GitHub environments, each with a role of its own; `preview` may only read",
    )
    state_stack: Name | None = Field(
        None,
        description="The stack of kind `state` in the same account: deployments use its files and secrets, previews "
        "read them, and neither can change its bucket and keys. Unset: CLOUD-state, as `fleet bootstrap` calls it; on "
        "Azure, where roles need it to be there, none",
    )

    def state_stack_of(self, cloud: Cloud) -> str:
        """The name of the stack that keeps all states."""
        return self.state_stack or f"{cloud}-state"


class GuardRailSettings(FileModel):
    """What watches the account, beside budgets and encryption defaults that are always on."""

    threat_detection: bool = Field(True, description="GuardDuty, Defender for Cloud, Security Command Center")
    configuration_record: bool = Field(False, description="AWS Config, Azure Policy's and Google's asset history")
