"""What a tenant has of its own, in each state of its life."""

import pytest

from infra.clouds.azure import AzureRegion
from infra.clouds.azure.roles import Role
from infra.clouds.azure.tenants import MOST_TENANTS
from infra.marks import TENANT_TAG
from tenants import Tenant
from tests.infra.clouds.azure.recording import STACK, Recorder, record, settings_of, whole_region


@pytest.fixture(scope="module")
def region() -> Recorder:
    return whole_region()


def own(region: Recorder, tenant: str) -> set[tuple[str, str]]:
    return {(typ, name) for typ, name in region.made if name.startswith(f"tenant-{tenant}")}


def test_tenants_share_no_resource(region: Recorder) -> None:
    kinds = {typ for typ, _ in own(region, "acme")}
    for kind in ("keyvault:Vault", "keyvault:Key", "storage:StorageAccount", "managedidentity:UserAssignedIdentity"):
        assert f"azure-native:{kind}" in kinds
    accounts = region.of("storage:StorageAccount")
    assert accounts["tenant-acme-files"]["accountName"] != accounts["tenant-globex-files"]["accountName"]
    uses = accounts["tenant-acme-files"]["encryption"]["keyVaultProperties"]
    assert uses["keyName"] == "tenant-acme"
    assert uses["keyVaultUri"] != accounts["models"]["encryption"]["keyVaultProperties"]["keyVaultUri"]


def test_an_active_tenant_s_pods_open_its_files_alone(region: Recorder) -> None:
    trust = region.one("FederatedIdentityCredential", "tenant-acme-trust")
    assert trust["subject"] == "system:serviceaccount:tenant-acme:tenant"
    grant = region.one("RoleAssignment", "tenant-acme-files-use")
    assert grant["scope"].endswith("storage:StorageAccount/tenant-acme-files")
    assert grant["roleDefinitionId"].endswith(Role.STORAGE_BLOB_DATA_CONTRIBUTOR)


def test_what_a_tenant_alone_costs_carries_its_name(region: Recorder) -> None:
    tagged = {
        (typ, name): args.inputs["tags"][TENANT_TAG]
        for (typ, name), args in region.made.items()
        if TENANT_TAG in (args.inputs.get("tags") or {})
    }
    for tenant in ("acme", "globex"):
        its_own = {place for place in own(region, tenant) if "tags" in region.made[place].inputs}
        assert {place for place, name in tagged.items() if name == tenant} == its_own
        kinds = {typ.rpartition(":")[2] for typ, _ in its_own}
        assert {"Vault", "StorageAccount", "PrivateEndpoint"} <= kinds


@pytest.mark.parametrize("tenant", ["globex", "initech"])
def test_nobody_is_let_in_for_a_tenant_that_isn_t_active(region: Recorder, tenant: str) -> None:
    assert f"tenant-{tenant}-trust" not in region.of("FederatedIdentityCredential")
    assert f"tenant-{tenant}-files-use" not in region.of("RoleAssignment")
    assert f"tenant-{tenant}-files" in region.of("storage:StorageAccount")


@pytest.mark.parametrize(("tenant", "kept"), [("acme", True), ("globex", True), ("initech", False)])
def test_data_is_kept_until_the_tenant_leaves(region: Recorder, tenant: str, kept: bool) -> None:
    for kind, name in (("keyvault:Vault", "vault"), ("keyvault:Key", "key"), ("storage:StorageAccount", "files")):
        assert bool(region.options_of(kind, f"tenant-{tenant}-{name}").protect) is kept
    locks = region.of("ManagementLockByScope")
    assert (f"tenant-{tenant}-lock" in locks) is kept
    assert (f"tenant-{tenant}-vault-lock" in locks) is kept


def test_more_tenants_than_a_subscription_s_region_holds_are_refused() -> None:

    many = tuple(Tenant(name=f"t{number}", stacks=(STACK,)) for number in range(MOST_TENANTS + 1))
    with pytest.raises(ValueError, match="241 tenants: a subscription's region has room for 240"):
        record(lambda options: AzureRegion("region", settings_of(STACK, tenants=many), options), STACK)
