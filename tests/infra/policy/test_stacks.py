"""Stacks of this repository keep to every rule, with no exemption: their programs, recorded without an engine."""

from datetime import date

import pytest

from tenants import Tenant, TenantFolder, TenantState
from tests.infra.policy.judged import violations

STACKS = (
    *("aws-us-east-1", "azure-westeurope"),
    *("aws-account", "azure-account", "gcp-account"),
    *("aws-state", "azure-state", "gcp-state"),
)


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_needs_no_exemption(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert violations(name, monkeypatch) == []


@pytest.mark.parametrize("name", ["aws-us-east-1", "azure-westeurope"])
def test_a_tenant_can_leave_under_the_rules(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leaving = Tenant(name="acme", stacks=(name,), state=TenantState.LEAVING, suspended_since=date(2026, 1, 1))
    monkeypatch.setattr(TenantFolder, "of_stack", lambda *_: (leaving,))
    assert violations(name, monkeypatch) == []
