"""Tenants' budgets, which each cloud's account watches by a tag; recorded without an engine."""

import datetime as dt
from typing import Any

import pulumi
import pytest

from infra.account.tenant_budgets import watched_tenants
from infra.config import StackSettings, TenantTag, from_stack_file
from infra.marks import TENANT_TAG
from rehearsal.aws import CLOUD as AWS
from rehearsal.azure import CLOUD as AZURE
from rehearsal.gcp import CLOUD as GCP
from rehearsal.inputs import check_inputs
from rehearsal.sdk_schema import load
from rehearsal.table import Cloud
from tenants import Tenant
from tests.infra.clouds.aws import recording as aws
from tests.infra.clouds.azure import recording as azure
from tests.infra.clouds.gcp import recording as gcp
from tests.infra.recording import ROOT

ACME = Tenant.model_validate(
    {"name": "acme", "stacks": ["any"], "budget": {"monthlyUsd": 800, "contacts": ["finops@acme.example.com"]}}
)


def settings(cloud: str, tag: TenantTag = TenantTag.OFF) -> StackSettings:
    given = from_stack_file(ROOT / f"Pulumi.{cloud}-account.yaml")
    assert given.budget is not None
    budget = given.budget.model_copy(update={"tenant_tag": tag})
    return given.model_copy(update={"ci": None, "budgeted": (ACME,), "budget": budget})


def findings(cloud: Cloud, token: str, inputs: dict[str, Any]) -> list[object]:
    """What a simulated cloud says to inputs."""
    return list(check_inputs(cloud, load(cloud.package, token), inputs).findings)


def aws_account(given: StackSettings) -> aws.Recorder:
    def program() -> None:
        from infra.account.aws import AwsAccount  # noqa: PLC0415 - the SDK takes a second to import

        AwsAccount("account", given)

    return aws.record("aws-account", program)


def test_aws_counts_what_has_the_tenant_s_tag_once_that_is_a_cost_allocation_tag() -> None:
    made = aws_account(settings("aws", TenantTag.ACTIVATE))
    tag = made.one("CostAllocationTag")
    assert tag == {"tagKey": TENANT_TAG, "status": "Active"}
    assert findings(AWS, "aws:costexplorer/costAllocationTag:CostAllocationTag", tag) == []
    budget = made.one("Budget", "tenant-acme")
    assert budget["name"] == "modelfleet-aws-account-tenant-acme"
    assert (budget["limitAmount"], budget["limitUnit"]) == ("800", "USD")
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": [f"user:{TENANT_TAG}$acme"]}]
    assert findings(AWS, "aws:budgets/budget:Budget", budget) == []
    unmarked = budget | {"costFilters": [{"name": "TagKeyValue", "values": [f"{TENANT_TAG}$acme"]}]}
    assert findings(AWS, "aws:budgets/budget:Budget", unmarked), "AWS takes it, and counts nothing"
    assert {step["threshold"] for step in budget["notifications"]} == {50, 80, 100}
    assert all(step["subscriberEmailAddresses"] == ["finops@acme.example.com"] for step in budget["notifications"])
    assert "costFilters" not in made.one("Budget", "monthly")


def test_a_tag_that_the_paying_account_has_activated_is_left_to_it() -> None:
    made = aws_account(settings("aws", TenantTag.ACTIVE))
    assert sorted(made.of("Budget")) == ["monthly", "tenant-acme"]
    assert not made.of("CostAllocationTag")


def test_aws_makes_no_budget_that_would_count_nothing() -> None:
    assert sorted(aws_account(settings("aws")).of("Budget")) == ["monthly"]


def test_azure_counts_what_has_the_tenant_s_tag() -> None:
    from infra.account.azure import AzureAccount  # noqa: PLC0415 - the SDK takes seconds to import

    def program(options: pulumi.ResourceOptions) -> None:
        AzureAccount("account", settings("azure"), options, today=lambda: dt.date(2026, 2, 17))

    made = azure.record(program, "azure-account")
    budget = made.one("Budget", "tenant-acme")
    assert budget["budgetName"] == "modelfleet-azure-account-tenant-acme"
    assert budget["scope"] == f"/subscriptions/{azure.SUBSCRIPTION}"
    assert budget["amount"] == 800
    assert budget["filter"] == {"tags": {"name": TENANT_TAG, "operator": "In", "values": ["acme"]}}
    assert findings(AZURE, "azure-native:consumption:Budget", budget) == []
    assert {tuple(notice["contactEmails"]) for notice in budget["notifications"].values()} == {
        ("finops@acme.example.com",)
    }
    assert made.options_of("Budget", "tenant-acme").ignore_changes == ["timePeriod"]
    assert "filter" not in made.one("Budget", "budget")


def test_google_cloud_counts_what_has_the_tenant_s_label() -> None:
    from infra.account.gcp import GcpAccount  # noqa: PLC0415 - the SDK takes a second to import

    made = gcp.record(lambda: GcpAccount("account", settings("gcp")), stack="gcp-account")
    budget = made.one("billing/budget:Budget", "tenant-acme")
    assert budget["displayName"] == "modelfleet-gcp-account-tenant-acme"
    assert budget["amount"]["specifiedAmount"]["units"] == "800"
    assert budget["budgetFilter"]["labels"] == {TENANT_TAG: "acme"}
    assert budget["budgetFilter"]["projects"] == [f"projects/{gcp.NUMBER}"]
    assert findings(GCP, "gcp:billing/budget:Budget", budget) == []
    told = made.one("NotificationChannel", "tenant-acme-mail-0")
    assert told["labels"] == {"email_address": "finops@acme.example.com"}
    (channel,) = budget["allUpdatesRule"]["monitoringNotificationChannels"]
    assert channel == "tenant-acme-mail-0"
    assert "labels" not in made.one("billing/budget:Budget", "budget")["budgetFilter"]


@pytest.mark.parametrize(
    ("cloud", "changes", "missing"),
    [("aws", {}, "modelfleet:budget.tenantTag"), ("gcp", {"budget": None}, "modelfleet:budget")],
)
def test_a_budget_that_nobody_watches_is_told(
    cloud: str, changes: dict[str, object], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    assert watched_tenants(settings(cloud).model_copy(update=changes)) == ()
    (warning,) = told
    assert warning.startswith("tenants/acme.yaml has a budget that nobody watches")
    assert missing in warning
