"""An estimate against what may be spent: the account's budget, and at which of its alarms people are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from documents import SettingsError
from fleet.cost.estimate import Amount, Estimate
from infra.config import StackKind, StackSettings, from_stack_file
from tenants import Tenant

ALARMS = (0.5, 0.8, 1.0)
"""Shares of a budget at which its contacts are told: those that the account stacks set (`infra/account`)."""


class Verdict(StrEnum):
    """Whether a month stays within a budget."""

    WITHIN = "within"
    TIGHT = "tight"
    OVER = "over"


@dataclass(frozen=True)
class BudgetCheck:
    """One budget and what it is for.

    Attributes:
        of: What has it: an account's stack, or a tenant.
        stacks: Region stacks that are paid from it.
        monthly_usd: What may be spent.
        amount: What they cost.
    """

    of: str
    stacks: tuple[str, ...]
    monthly_usd: int
    amount: Amount

    @property
    def verdict(self) -> Verdict:
        """`over` where the expected month is, `tight` where the most that may happen is."""
        if self.amount.expected > self.monthly_usd:
            return Verdict.OVER
        return Verdict.TIGHT if self.amount.high > self.monthly_usd else Verdict.WITHIN

    @property
    def alarms(self) -> tuple[float, ...]:
        """Shares of the budget whose alarm an expected month sets off: all are noise then."""
        return tuple(share for share in ALARMS if self.amount.expected >= share * self.monthly_usd)


@dataclass(frozen=True)
class Account:
    """An account's stack and its regions' ones.

    Attributes:
        stack: Name of the stack of kind `account`; empty where no file is one of this account.
        settings: Its settings.
        regions: Settings of the account's region stacks by name, as far as their files can be read.
    """

    stack: str
    settings: StackSettings | None
    regions: dict[str, StackSettings]


def account_of(settings: StackSettings, folder: Path) -> Account:
    """Find the other stacks of an account among the stack files of a folder."""
    found = Account("", None, {})
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        try:
            other = from_stack_file(file)
        except SettingsError:  # told by the command that is about that stack
            continue
        if (other.cloud, other.account) != (settings.cloud, settings.account):
            continue
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        if other.kind is StackKind.ACCOUNT:
            found = Account(name, other, found.regions)
        elif other.kind is StackKind.REGION:
            found.regions[name] = other
    return found


def account_check(account: Account, estimates: Sequence[Estimate]) -> BudgetCheck | None:
    """Hold an account's regions against its budget; None where it has none."""
    if account.settings is None or account.settings.budget is None:
        return None
    total = sum((each.total for each in estimates), Amount())
    stacks = tuple(each.stack for each in estimates)
    return BudgetCheck(account.stack, stacks, account.settings.budget.monthly_usd, total)


def tenant_checks(tenants: Sequence[Tenant], found: Estimate) -> list[BudgetCheck]:
    """Hold each tenant's part of one region against the tenant's budget, where it has one."""
    amounts = found.by_tenant()
    return [
        BudgetCheck(f"tenant {tenant.name}", (found.stack,), tenant.budget.monthly_usd, amounts[tenant.name])
        for tenant in tenants
        if tenant.budget is not None
    ]
