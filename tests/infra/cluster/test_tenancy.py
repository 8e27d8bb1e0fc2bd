"""What a tenant gets inside the cluster, recorded without an engine (Pulumi's own mocks)."""

import asyncio
import datetime as dt
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from infra.clouds.region import Cluster, TenantPlace
from infra.cluster import Isolation, Tenancy
from tenants import Tenant, TenantState


class Recorder(pulumi.runtime.Mocks):
    def __init__(self) -> None:
        self.made: dict[str, tuple[str, dict[str, Any]]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.made[args.name] = (args.typ.rsplit(":", 1)[-1], args.inputs)
        return f"{args.name}-id", args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args)

    def of(self, tenant: str, kind: str) -> dict[str, Any]:
        (found,) = (
            inputs for name, (made, inputs) in self.made.items() if made == kind and name.startswith(f"{tenant}-")
        )
        return found


class AnyRegion:
    """A region as far as tenants need one."""

    def __init__(self) -> None:
        provider = k8s.Provider("cluster", kubeconfig="{}")
        self.cluster = Cluster(provider=provider, kubeconfig=pulumi.Output.from_input("{}"), lifetime=None)
        place = TenantPlace(
            key=pulumi.Output.from_input("key"),
            storage_uri=pulumi.Output.from_input("s3://bucket/tenants/acme"),
            service_account_annotations={"cloud/identity": "acme-role"},
        )
        self.tenants = {"acme": place}


def made_for(*tenants: Tenant) -> Recorder:
    recorder = Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recorder, project="modelfleet", stack="any")

    @pulumi.runtime.test
    def run() -> None:
        region: Any = AnyRegion()
        isolation = Isolation("isolation", region=region)
        for tenant in tenants:
            Tenancy(tenant, region=region, isolation=isolation)

    run()
    return recorder


ACME = Tenant(name="acme", stacks=("any",), admins=("acme-admins",), priority=5000)
GLOBEX = Tenant(name="globex", stacks=("any",))


@pytest.fixture(scope="module")
def both() -> Recorder:
    return made_for(ACME, GLOBEX)


def test_another_tenant_adds_its_own_resources_and_changes_no_other(both: Recorder) -> None:
    alone = made_for(ACME)
    assert {name: both.made[name] for name in alone.made} == alone.made
    assert all(name.startswith("globex") for name in both.made.keys() - alone.made.keys())


def test_its_namespace_admits_restricted_pods_only(both: Recorder) -> None:
    metadata = both.of("acme", "Namespace")["metadata"]
    assert metadata["name"] == "tenant-acme"
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_its_pods_reach_each_other_the_gateway_and_names_and_nothing_else(both: Recorder) -> None:
    policies = {
        inputs["metadata"]["name"]: inputs["spec"]
        for name, (kind, inputs) in both.made.items()
        if kind == "NetworkPolicy" and name.startswith("acme-")
    }
    assert policies["deny"]["podSelector"] == {}
    assert policies["deny"]["policyTypes"] == ["Ingress", "Egress"]
    own = policies["own"]
    assert own["ingress"] == [{"from": [{"podSelector": {}}]}]
    itself, gateway, names = own["egress"]
    assert itself == {"to": [{"podSelector": {}}]}
    (peer,) = gateway["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "modelfleet"}
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "gateway"
    assert [port["port"] for port in gateway["ports"]] == [8443]
    assert {port["port"] for port in names["ports"]} == {53}


def test_its_service_account_is_tied_to_its_cloud_identity_where_there_is_one(both: Recorder) -> None:
    assert both.of("acme", "ServiceAccount")["metadata"]["annotations"] == {"cloud/identity": "acme-role"}
    assert "annotations" not in both.of("globex", "ServiceAccount")["metadata"]
    assert both.of("globex", "ServiceAccount")["automountServiceAccountToken"] is False


def test_roles_are_bound_to_the_groups_that_its_file_names(both: Recorder) -> None:
    binding = both.of("acme", "RoleBinding")
    assert binding["roleRef"]["name"] == "admin"
    assert [subject["name"] for subject in binding["subjects"]] == ["acme-admins"]
    assert not [name for name, (kind, _) in both.made.items() if kind == "RoleBinding" and name.startswith("globex")]


def test_its_pods_have_its_priority(both: Recorder) -> None:
    assert both.of("acme", "PriorityClass")["value"] == 5000


def test_it_may_open_no_other_door(both: Recorder) -> None:
    hard = both.of("acme", "ResourceQuota")["spec"]["hard"]
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"
    assert hard["requests.nvidia.com/gpu"] == "0"


def test_a_suspended_tenant_keeps_its_objects_and_starts_nothing() -> None:
    suspended = ACME.model_copy(update={"state": TenantState.SUSPENDED, "suspended_since": dt.date(2026, 1, 1)})
    before, after = made_for(ACME), made_for(suspended)
    assert before.made.keys() == after.made.keys()
    assert before.of("acme", "ResourceQuota")["spec"]["hard"]["pods"] == "50"
    assert after.of("acme", "ResourceQuota")["spec"]["hard"]["pods"] == "0"
