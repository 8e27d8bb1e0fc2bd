"""What a Google Cloud project has once: guard rails, a budget, and CI without a key."""

import pytest

from infra.account.gcp import GcpAccount
from infra.config import BudgetSettings, CiSettings, GuardRailSettings, from_stack_file
from infra.state.gcp import GcpState
from tests.infra.clouds.gcp.recording import NUMBER, ROOT, Recorder, record

BASIC = {"roles/owner", "roles/editor", "roles/viewer"}


def account_with(**changes: object) -> Recorder:
    given = from_stack_file(ROOT / "Pulumi.gcp-account.yaml").model_copy(update=changes)
    return record(lambda: GcpAccount("account", given), stack="gcp-account")


@pytest.fixture(scope="module")
def account() -> Recorder:
    return account_with()


def test_workflows_are_trusted_by_repository_and_environment(account: Recorder) -> None:
    (provider,) = account.of("WorkloadIdentityPoolProvider").values()
    assert provider["oidc"] == {"issuerUri": "https://token.actions.githubusercontent.com"}
    assert 'assertion.repository == "example/modelfleet"' in provider["attributeCondition"]
    for environment in ("preview", "staging", "production"):
        grant = account.one("serviceaccount/iAMMember:IAMMember", f"{environment}-github")
        assert grant["role"] == "roles/iam.workloadIdentityUser"
        assert grant["member"].endswith(f"/subject/repo:example/modelfleet:environment:{environment}")


def test_a_preview_only_reads_and_nobody_holds_a_basic_role(account: Recorder) -> None:
    grants = account.of("projects/iAMMember:IAMMember")
    assert not {grant["role"] for grant in grants.values()} & BASIC
    preview = {grant["role"] for name, grant in grants.items() if name.startswith("preview-")}
    assert preview
    of_states = {"roles/storage.objectViewer", "roles/cloudkms.cryptoKeyDecrypter"}
    assert of_states < preview
    assert all(role.endswith(("viewer", "Viewer", "reader", "Reviewer", "browser")) for role in preview - of_states)


def test_a_deployment_may_give_only_the_roles_that_regions_need(account: Recorder) -> None:
    grant = account.one("projects/iAMMember:IAMMember", "production-grants")
    assert grant["role"] == "roles/resourcemanager.projectIamAdmin"
    assert "modifiedGrantsByRole" in grant["condition"]["expression"]
    assert "roles/container.defaultNodeServiceAccount" in grant["condition"]["expression"]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_deployers_use_the_states_and_change_nothing_of_their_place(account: Recorder, environment: str) -> None:
    place = record(lambda: GcpState("state", from_stack_file(ROOT / "Pulumi.gcp-state.yaml")), stack="gcp-state")
    bucket, ring = place.one("storage/bucket:Bucket")["name"], place.one("KeyRing")["name"]
    grants = {
        grant["role"]: (grant.get("condition") or {}).get("expression")
        for name, grant in account.of("projects/iAMMember:IAMMember").items()
        if name.startswith(f"{environment}-")
    }
    states, key = f"projects/_/buckets/{bucket}", 'resource.name.extract("/keyRings/{rest}")'
    for role in ("roles/storage.admin", "roles/cloudkms.admin"):
        assert grants[role] == (
            f'resource.name != "{states}" && !resource.name.startsWith("{states}/") && '
            f'{key} != "{ring}" && !{key}.startsWith("{ring}/")'
        )
    assert grants["roles/storage.objectUser"] == (
        f'resource.name == "{states}" || resource.name.startsWith("{states}/objects/")'
    )
    secrets = place.of("CryptoKey")["secrets"]["name"]
    assert grants["roles/cloudkms.cryptoKeyEncrypterDecrypter"] == f'{key}.startsWith("{ring}/cryptoKeys/{secrets}")'
    anywhere = {role for role, where in grants.items() if where is None}
    assert not [role for role in anywhere if role.startswith(("roles/storage.", "roles/cloudkms."))]


def test_a_preview_reads_states_and_the_secrets_in_them_and_nothing_else_that_is_stored(account: Recorder) -> None:
    for reads, writes in (
        ("storage.objectViewer", "storage.objectUser"),
        ("cloudkms.cryptoKeyDecrypter", "cloudkms.cryptoKeyEncrypterDecrypter"),
    ):
        given = account.one("projects/iAMMember:IAMMember", f"preview-{reads}")
        assert given["condition"] == account.one("projects/iAMMember:IAMMember", f"production-{writes}")["condition"]


def test_another_place_of_states_is_named_in_the_stack_file() -> None:
    given = CiSettings(repository="example/modelfleet", environments=("production",), state_stack="elsewhere")
    grant = account_with(ci=given).one("projects/iAMMember:IAMMember", "production-storage.objectUser")
    assert "/modelfleet-production-elsewhere-state" in grant["condition"]["expression"]


def test_no_key_of_a_service_account_can_be_made(account: Recorder) -> None:
    names = {policy["name"] for policy in account.of("orgpolicy/policy:Policy").values()}
    for constraint in (
        "iam.disableServiceAccountKeyCreation",
        "storage.publicAccessPrevention",
        "sql.restrictPublicIp",
    ):
        assert f"projects/{NUMBER}/policies/{constraint}" in names
    external = account.one("orgpolicy/policy:Policy", "compute-vmExternalIpAccess")
    assert external["spec"]["rules"] == [{"denyAll": "TRUE"}]


def test_services_stay_on_when_the_stack_goes(account: Recorder) -> None:
    services = account.of("Service").values()
    assert {service["service"] for service in services} >= {"container.googleapis.com", "cloudkms.googleapis.com"}
    assert not any(service["disableOnDestroy"] for service in services)
    assert "securitycenter.googleapis.com" in {service["service"] for service in services}
    off = account_with(guard_rails=GuardRailSettings(threat_detection=False)).of("Service").values()
    assert "securitycenter.googleapis.com" not in {service["service"] for service in off}


def test_identities_that_keys_are_opened_to_are_made(account: Recorder) -> None:
    made = {each["service"] for each in account.of("ServiceIdentity").values()}
    assert {"sqladmin.googleapis.com", "memorystore.googleapis.com", "artifactregistry.googleapis.com"} <= made


def test_the_budget_tells_at_half_most_and_all(account: Recorder) -> None:
    (budget,) = account.of("billing/budget:Budget").values()
    assert budget["amount"]["specifiedAmount"] == {"currencyCode": "USD", "units": "250000"}
    assert budget["budgetFilter"]["projects"] == [f"projects/{NUMBER}"]
    spent = [rule["thresholdPercent"] for rule in budget["thresholdRules"] if rule["spendBasis"] == "CURRENT_SPEND"]
    assert spent == [0.5, 0.8, 1.0]
    assert len(budget["allUpdatesRule"]["monitoringNotificationChannels"]) == 1


def test_a_budget_without_a_billing_account_only_has_contacts() -> None:
    made = account_with(budget=BudgetSettings(monthly_usd=10, contacts=("a@example.com",)))
    assert not made.of("billing/budget:Budget")
    assert len(made.of("NotificationChannel")) == 1


def test_an_account_without_ci_trusts_nobody() -> None:
    made = account_with(ci=None)
    assert not made.of("WorkloadIdentityPool")
    assert not made.of("projects/iAMMember:IAMMember")
