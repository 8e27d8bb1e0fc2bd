"""Two tenants of a real cluster can't reach each other: the program's own objects, held by a real dataplane."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from infra.clouds import Region
from infra.clouds.egress import Destination, Egress
from infra.cluster import Isolation, Tenancy
from infra.cluster.hardening import selector
from tenants import Tenant
from tests.infra.cluster.any_region import recorded
from tests.infra.recording import Recorder, revealed
from tests.toolchain.cluster.probing import Kubernetes, eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FLEET, ACME, GLOBEX = "modelfleet", "tenant-acme", "tenant-globex"
TENANTS = (
    Tenant(name="acme", stacks=("any",), admins=("acme-admins",)),
    Tenant(name="globex", stacks=("any",), admins=("globex-admins",)),
)


def rendered(egress: Callable[[], Egress]) -> Recorder:
    """The objects of a region with both tenants, of whom acme has files in the cloud."""

    def program(region: Region) -> None:
        isolation = Isolation("isolation", region=region)
        for tenant in TENANTS:
            Tenancy(tenant, region=region, isolation=isolation)

    return recorded(program, egress=egress)


@dataclass(frozen=True)
class Outside:
    """Servers on the machine that the cluster is on, which stand for a cloud's services."""

    host: str
    files: int
    database: int

    def egress(self) -> Egress:
        host = f"{self.host}/32"
        return Egress(
            object_store=Destination.at(host, ports=[self.files]), database=Destination.at(host, ports=[self.database])
        )


@pytest.fixture(scope="module")
def outside(kubernetes: Kubernetes) -> Iterator[Outside]:
    subnet = kubernetes.cluster.status().subnet
    assert subnet is not None
    host = str(subnet[1])
    with socket.create_server((host, 0)) as files, socket.create_server((host, 0)) as database:
        yield Outside(host, files.getsockname()[1], database.getsockname()[1])


@dataclass(frozen=True)
class Neighbours:
    """Pods of both tenants, of the fleet, and of a namespace that nothing guards; their addresses by name."""

    kubernetes: Kubernetes
    addresses: dict[str, str]

    def reaches(self, start: str, end: str, port: int = 8080) -> bool:
        namespace, _, pod = start.partition("/")
        return self.kubernetes.connects(namespace, pod, f"{self.addresses.get(end, end)}:{port}")


@pytest.fixture(scope="module")
def neighbours(kubernetes: Kubernetes, outside: Outside) -> Iterator[Neighbours]:
    made = [revealed(args.inputs) for (typ, _), args in rendered(outside.egress).made.items() if "kubernetes:" in typ]
    objects = [one for one in made if "kind" in one]
    for one in objects:
        kubernetes.apply(one)
    kubernetes.namespace("open")
    pods = [(ACME, "worker"), (ACME, "other"), (GLOBEX, "worker"), ("open", "stranger")]
    for namespace, name in pods:
        kubernetes.pod(namespace, name, restricted=True, wait=False)
    for name, component, port in (("gateway", "gateway", 8443), ("server", "model-server", 8000)):
        kubernetes.pod(FLEET, name, ports=(port, 8080), labels=selector(component), restricted=True, wait=False)
        pods.append((FLEET, name))
    yield Neighbours(kubernetes, {f"{place}/{pod}": kubernetes.ready_address(place, pod) for place, pod in pods})
    for name in (ACME, GLOBEX, FLEET, "open"):
        kubernetes.api.http.delete(kubernetes.path("Namespace", name))
    for one in objects:
        if one["kind"] == "PriorityClass":
            kubernetes.delete("PriorityClass", one["metadata"]["name"])


def test_a_tenant_reaches_its_own_pods_and_the_gateway(neighbours: Neighbours) -> None:
    eventually(lambda: neighbours.reaches(f"{ACME}/worker", f"{ACME}/other"), "acme reaches itself", 20)
    eventually(lambda: neighbours.reaches(f"{ACME}/worker", f"{FLEET}/gateway", 8443), "acme reaches the gateway", 20)
    eventually(lambda: neighbours.reaches(f"{GLOBEX}/worker", f"{FLEET}/gateway", 8443), "globex does too", 20)


def test_two_tenants_cannot_reach_each_other(neighbours: Neighbours) -> None:
    eventually(lambda: neighbours.reaches(f"{ACME}/worker", f"{ACME}/other"), "policies are in force", 20)
    assert not neighbours.reaches(f"{ACME}/worker", f"{GLOBEX}/worker")
    assert not neighbours.reaches(f"{GLOBEX}/worker", f"{ACME}/worker")


def test_nobody_else_reaches_a_tenant(neighbours: Neighbours) -> None:
    assert neighbours.reaches("open/stranger", f"{FLEET}/gateway", 8443), "the stranger's probe works"
    for start in ("open/stranger", f"{FLEET}/gateway", f"{FLEET}/server"):
        assert not neighbours.reaches(start, f"{ACME}/worker"), start


def test_a_tenant_reaches_nothing_behind_the_gateway(neighbours: Neighbours) -> None:
    eventually(lambda: neighbours.reaches(f"{FLEET}/gateway", f"{FLEET}/server", 8000), "the gateway does", 20)
    assert not neighbours.reaches(f"{ACME}/worker", f"{FLEET}/server", 8000)
    assert not neighbours.reaches(f"{ACME}/worker", f"{FLEET}/gateway", 8080), "another port of it"
    assert not neighbours.reaches(f"{ACME}/worker", "10.96.0.1", 443), "the API server"


def test_each_reaches_the_cloud_s_services_that_are_its_own(neighbours: Neighbours, outside: Outside) -> None:
    def who_reaches(port: int) -> set[str]:
        starts = (f"{ACME}/worker", f"{GLOBEX}/worker", f"{FLEET}/gateway", f"{FLEET}/server")
        return {start for start in starts if neighbours.reaches(start, outside.host, port)}

    eventually(lambda: who_reaches(outside.files) == {f"{ACME}/worker", f"{FLEET}/server"}, "files", 20)
    eventually(lambda: who_reaches(outside.database) == {f"{FLEET}/gateway"}, "the database", 20)


def test_a_tenant_s_administrators_administer_their_own_namespace(neighbours: Neighbours) -> None:
    def may(group: str, namespace: str, verb: str = "get", kind: str = "/secrets") -> bool:
        api, resource = kind.split("/")
        asked = {"namespace": namespace, "verb": verb, "group": api, "resource": resource}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "somebody", "groups": [group], "resourceAttributes": asked},
        }
        answer = neighbours.kubernetes.api.http.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", json=review)
        return answer.json()["status"]["allowed"]

    assert may("acme-admins", ACME)
    assert may("acme-admins", ACME, "create", "apps/deployments")
    assert may("acme-admins", ACME, "list", "networking.k8s.io/networkpolicies")
    assert not may("acme-admins", GLOBEX)
    assert not may("globex-admins", ACME)
    assert not may("acme-admins", FLEET)
    for verb in ("create", "update", "patch", "delete", "deletecollection"):
        for wall in ("networking.k8s.io/networkpolicies", "/resourcequotas", "/limitranges", "/serviceaccounts"):
            assert not may("acme-admins", ACME, verb, wall), f"{verb} {wall}"
        for kind in ("rolebindings", "roles"):
            assert not may("acme-admins", ACME, verb, f"rbac.authorization.k8s.io/{kind}"), f"{verb} {kind}"


def test_it_is_the_policies_that_keep_them_apart(neighbours: Neighbours) -> None:
    """Comes last: what the others found shut opens when the policies are gone."""
    for namespace in (ACME, GLOBEX):
        for policy in ("deny", "own"):
            neighbours.kubernetes.delete("NetworkPolicy", policy, namespace)
    eventually(lambda: neighbours.reaches(f"{ACME}/worker", f"{GLOBEX}/worker"), "the way is open", 20)
