"""Which tenants' budgets an account's stack knows: those of tenants that a region of the same account hosts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.config import StackSettings, TenantTag

ACCOUNT: dict[str, Any] = {"kind": "account", "budget": {"monthlyUsd": 1000, "contacts": ["ops@example.com"]}}
BUDGET = {"monthlyUsd": 100, "contacts": ["finops@acme.example.com"]}
WriteTenant = Callable[..., None]


@pytest.fixture(autouse=True)
def regions(write: Callable[..., Path]) -> None:
    write("here")
    write("there", account="444455556666")
    write("elsewhere", cloud="gcp")


@pytest.mark.parametrize(
    ("stacks", "known"),
    [(["here"], True), (["elsewhere", "here"], True), (["there"], False), (["elsewhere"], False), (["gone"], False)],
)
def test_a_budget_is_the_account_s_business_where_a_region_of_it_hosts_the_tenant(
    load: Callable[..., StackSettings], tenant: WriteTenant, stacks: list[str], known: bool
) -> None:
    tenant("acme", stacks=stacks, budget=BUDGET)
    tenant("frugal", stacks=stacks)
    assert [each.name for each in load(**ACCOUNT).budgeted] == (["acme"] if known else [])


def test_what_else_a_region_s_file_says_wrong_hides_no_budget(
    load: Callable[..., StackSettings], tenant: WriteTenant, write: Callable[..., Path]
) -> None:
    tenant("acme", stacks=["here"], budget=BUDGET)
    write("here", gpuPools="many")
    assert [each.name for each in load(**ACCOUNT).budgeted] == ["acme"]


def test_a_region_has_no_budgets_of_tenants(load: Callable[..., StackSettings], tenant: WriteTenant) -> None:
    tenant("acme", stacks=["test"], budget=BUDGET)
    assert load().budgeted == ()


def test_a_stack_file_can_t_write_them(told: Callable[..., list[str]]) -> None:
    assert told(**ACCOUNT, budgeted=[{"name": "acme", "stacks": ["here"]}]) == [
        "modelfleet:budgeted: tenants have files of their own: tenants/<name>.yaml, `budget`"
    ]


def test_only_aws_asks_how_tenants_costs_are_known(
    load: Callable[..., StackSettings], told: Callable[..., list[str]]
) -> None:
    with_tag = {**ACCOUNT, "budget": {**ACCOUNT["budget"], "tenantTag": "activate"}}
    budget = load(**with_tag).budget
    assert budget is not None
    assert budget.tenant_tag is TenantTag.ACTIVATE
    (finding,) = told(cloud="azure", **with_tag)
    assert finding.startswith("modelfleet:budget.tenantTag: is AWS's: azure sums up costs by any tag")
