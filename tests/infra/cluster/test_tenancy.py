"""What a tenant gets inside the cluster, recorded without an engine (Pulumi's own mocks)."""

import datetime as dt
from typing import Any

import pytest

from infra.clouds import Region
from infra.cluster import Isolation, Tenancy
from tenants import Tenant, TenantState
from tests.infra.cluster.any_region import policies, reached, recorded
from tests.infra.recording import Recorder


def made_for(*tenants: Tenant) -> Recorder:
    def program(region: Region) -> None:
        isolation = Isolation("isolation", region=region)
        for tenant in tenants:
            Tenancy(tenant, region=region, isolation=isolation)

    return recorded(program)


def of(made: Recorder, tenant: str, kind: str) -> dict[str, Any]:
    (found,) = (inputs for name, inputs in made.of(kind).items() if name.startswith(f"{tenant}-"))
    return found


ACME = Tenant(name="acme", stacks=("any",), admins=("acme-admins",), priority=5000)
GLOBEX = Tenant(name="globex", stacks=("any",))


@pytest.fixture(scope="module")
def both() -> Recorder:
    return made_for(ACME, GLOBEX)


def test_another_tenant_adds_its_own_resources_and_changes_no_other(both: Recorder) -> None:
    alone = made_for(ACME)
    assert all(both.made[key].inputs == args.inputs for key, args in alone.made.items())
    added = both.made.keys() - alone.made.keys()
    assert added
    assert all(name.startswith("globex") for _, name in added)


def test_its_namespace_admits_restricted_pods_only(both: Recorder) -> None:
    metadata = of(both, "acme", "Namespace")["metadata"]
    assert metadata["name"] == "tenant-acme"
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_its_pods_reach_each_other_the_gateway_its_files_and_names_and_nothing_else(both: Recorder) -> None:
    found = policies(both, "acme-")
    assert found["deny"]["podSelector"] == {}
    assert found["deny"]["policyTypes"] == ["Ingress", "Egress"]
    own = found["own"]
    assert own["ingress"] == [{"from": [{"podSelector": {}}]}]
    itself, gateway, _, _, names = own["egress"]
    assert itself == {"to": [{"podSelector": {}}]}
    (peer,) = gateway["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "modelfleet"}
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "gateway"
    assert [port["port"] for port in gateway["ports"]] == [8443]
    assert {port["port"] for port in names["ports"]} == {53}
    assert reached(own) == {"198.51.100.0/24": {443}, "169.254.0.1/32": {80}}


def test_without_a_place_of_its_own_in_the_cloud_it_has_no_way_there(both: Recorder) -> None:
    assert reached(policies(both, "globex-")["own"]) == {}


def test_its_service_account_is_tied_to_its_cloud_identity_where_there_is_one(both: Recorder) -> None:
    assert of(both, "acme", "ServiceAccount")["metadata"]["annotations"] == {"cloud/identity": "acme-role"}
    assert "annotations" not in of(both, "globex", "ServiceAccount")["metadata"]
    assert of(both, "globex", "ServiceAccount")["automountServiceAccountToken"] is False


def test_roles_are_bound_to_the_groups_that_its_file_names(both: Recorder) -> None:
    binding = of(both, "acme", "RoleBinding")
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("Role", "administrator")
    assert [subject["name"] for subject in binding["subjects"]] == ["acme-admins"]
    assert not [name for name in both.of("RoleBinding") if name.startswith("globex")]


def test_its_pods_have_its_priority(both: Recorder) -> None:
    assert of(both, "acme", "PriorityClass")["value"] == 5000


def test_it_may_open_no_other_door(both: Recorder) -> None:
    hard = of(both, "acme", "ResourceQuota")["spec"]["hard"]
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"
    assert hard["requests.nvidia.com/gpu"] == "0"


def test_a_suspended_tenant_keeps_its_objects_and_starts_nothing() -> None:
    suspended = ACME.model_copy(update={"state": TenantState.SUSPENDED, "suspended_since": dt.date(2026, 1, 1)})
    before, after = made_for(ACME), made_for(suspended)
    assert before.made.keys() == after.made.keys()
    assert of(before, "acme", "ResourceQuota")["spec"]["hard"]["pods"] == "50"
    assert of(after, "acme", "ResourceQuota")["spec"]["hard"]["pods"] == "0"
