"""What an Azure subscription has once; recorded without an engine."""

import datetime as dt
from typing import Any

import pulumi
import pytest

from infra.account.azure import AzureAccount
from infra.account.azure_permissions import DEPLOYER_ACTIONS
from infra.clouds.azure.own_roles import OwnRole
from infra.clouds.azure.roles import Role
from infra.config import CiSettings, GuardRailSettings
from infra.state.azure import AzureState
from rehearsal.azure import CLOUD
from tests.infra.clouds.azure.recording import SUBSCRIPTION, Recorder, record, settings_of, whole_region

STACK = "azure-account"


def account_with(**changed: Any) -> Recorder:

    def program(options: pulumi.ResourceOptions) -> None:
        AzureAccount("account", settings_of(STACK, **changed), options, today=lambda: dt.date(2026, 2, 17))

    return record(program, STACK)


@pytest.fixture(scope="module")
def account() -> Recorder:
    return account_with(guard_rails=GuardRailSettings(configuration_record=True))


def test_each_environment_trusts_its_own_workflows_alone(account: Recorder) -> None:
    trusted = account.of("FederatedIdentityCredential")
    for environment in ("preview", "staging", "production"):
        trust = trusted[f"ci-{environment}-github"]
        assert trust["subject"] == f"repo:example/modelfleet:environment:{environment}"
        assert trust["issuer"] == "https://token.actions.githubusercontent.com"
        assert trust["audiences"] == ["api://AzureADTokenExchange"]


def test_the_preview_identity_only_looks(account: Recorder) -> None:
    assert {name for name in account.of("RoleAssignment") if "preview" in name} == {
        "ci-preview-look",
        "ci-preview-read",
        "ci-preview-states",
        "ci-preview-secrets",
    }
    looks = account.one("RoleDefinition", "role-preview")["permissions"][0]["actions"]
    assert not any(action.endswith(("/write", "/delete")) for action in looks)


def test_ci_gets_at_the_states_of_the_stack_that_is_named(account: Recorder) -> None:
    def program(options: pulumi.ResourceOptions) -> None:
        AzureState("state", settings_of("azure-state"), options)

    place = record(program, "azure-state")
    container = place.one("BlobContainer", "state-state")
    account_name, vault_name = container["accountName"], place.one("Vault", "vault")["vaultName"]
    key = place.one("keyvault:Key", "secrets-key")["keyName"]
    given = account.of("RoleAssignment")
    on_files = given["ci-preview-states"]["scope"]
    assert on_files.endswith(f"/{account_name}/blobServices/default/containers/{container['containerName']}")
    for environment in ("preview", "staging", "production"):
        assert given[f"ci-{environment}-secrets"]["scope"].endswith(f"/vaults/{vault_name}/keys/{key}")
    (reads,) = account.one("RoleDefinition", "role-state-reader")["permissions"]
    assert not [
        action
        for action in (*reads["actions"], *reads["dataActions"])
        if not action.endswith(("/read", "/decrypt/action"))
    ]
    unnamed = CiSettings(repository="example/modelfleet", environments=("preview", "production"))
    assert not [name for name in account_with(ci=unnamed).of("RoleAssignment") if name.endswith(("states", "secrets"))]


def test_deployers_have_no_wildcard_and_may_not_make_roles(account: Recorder) -> None:
    (permissions,) = account.one("RoleDefinition", "role-deployer")["permissions"]
    assert not any("*" in action for action in permissions["actions"])
    assert "Microsoft.Authorization/roleDefinitions/write" not in permissions["actions"]
    assert len(permissions["actions"]) == len(set(permissions["actions"]))


def arm_type(template: str) -> str:
    """The type in a resource id's template, such as Microsoft.Storage/storageAccounts/blobServices."""
    _, found, path = template.rpartition("/providers/")
    parts = [part for part in path.split("/") if not part.startswith("{") and part != "default"]
    return "/".join(parts) if found else "Microsoft.Resources/subscriptions/resourceGroups"


def test_deployers_may_change_every_type_that_a_region_has() -> None:
    allowed = {action.lower() for action in DEPLOYER_ACTIONS}
    made = {typ for typ, _ in whole_region().made if typ.startswith("azure-native:")}
    assert len(made) > 30
    for typ in sorted(made):
        assert f"{arm_type(CLOUD.row(typ).id)}/write".lower() in allowed, typ


def test_deployers_give_away_only_what_regions_need(account: Recorder) -> None:
    deploys = account.one("RoleAssignment", "ci-production-deploy")
    condition = deploys["condition"]
    assert deploys["conditionVersion"] == "2.0"
    assert condition.count("roleAssignments/write'") == condition.count("roleAssignments/delete'") == 1
    for role in OwnRole:
        assert role.guid(SUBSCRIPTION) in condition
    assert "8e3af657-a8ff-443c-a75c-2fe8c4bcb635" not in condition  # Owner


def test_deployers_may_give_every_role_that_a_region_gives(account: Recorder) -> None:
    given = {made["roleDefinitionId"].rpartition("/")[2] for made in whole_region().of("RoleAssignment").values()}
    assert Role.KEY_VAULT_SECRETS_USER in given, "the recorded region has a certificate in a vault"
    condition = account.one("RoleAssignment", "ci-production-deploy")["condition"]
    assert [role for role in sorted(given) if condition.count(role) < len(("write", "delete"))] == []


def test_the_budget_begins_with_its_month_and_tells_in_time(account: Recorder) -> None:
    budget = account.one("Budget")
    assert budget["timePeriod"]["startDate"] == "2026-02-01T00:00:00Z"
    assert sorted(notice["threshold"] for notice in budget["notifications"].values()) == [50, 80, 100, 100]
    assert all(notice["contactEmails"] == ["models-oncall@example.com"] for notice in budget["notifications"].values())
    assert account.options_of("Budget", "budget").ignore_changes == ["timePeriod"]


def test_what_regions_count_on_is_the_subscription_s(account: Recorder) -> None:
    assert account.one("SubscriptionFeatureRegistration")["featureName"] == "EncryptionAtHost"
    roles = account.of("RoleDefinition")
    for role in OwnRole:
        assert roles[f"role-{role}"]["roleDefinitionId"] == role.guid(SUBSCRIPTION)
        assert roles[f"role-{role}"]["assignableScopes"] == [f"/subscriptions/{SUBSCRIPTION}"]


def test_groups_without_tags_are_refused_but_azure_s_own(account: Recorder) -> None:
    for tag in ("environment", "owner"):
        required = account.one("PolicyAssignment", f"require-{tag}")
        assert required["parameters"] == {"tagName": {"value": tag}}
        assert required["notScopes"] == [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/NetworkWatcherRG"]


def test_guard_rails_are_optional(account: Recorder) -> None:
    assert "Containers" in {made["pricingName"] for made in account.of("Pricing").values()}
    assert account.one("PolicyAssignment", "security-benchmark")["enforcementMode"] == "DoNotEnforce"
    bare = account_with(guard_rails=GuardRailSettings(threat_detection=False), budget=None, ci=None)
    assert bare.of("Pricing") == bare.of("Budget") == bare.of("UserAssignedIdentity") == {}
    assert "security-benchmark" not in bare.of("PolicyAssignment")
