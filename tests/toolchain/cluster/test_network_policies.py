"""Network policies of a real cluster, seen by real connections."""

from collections.abc import Callable, Iterator

import pytest

from tests.toolchain.cluster.probing import Kubernetes, eventually, fetch, kill_daemon

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

DENY = {"policyTypes": ["Ingress"], "ingress": []}


class Neighbourhood:
    """A server and those who may want something of it, in two namespaces."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self.kubernetes = kubernetes
        kubernetes.namespace("home")
        kubernetes.namespace("abroad", team="blue")
        self.server = ""
        for namespace, name in (("home", "client"), ("home", "stranger"), ("abroad", "visitor")):
            kubernetes.pod(namespace, name, wait=False)
        self.server = kubernetes.pod("home", "server", ports=(8080, 8081, 9000, 9001, 9002))
        for namespace, name in (("home", "client"), ("home", "stranger"), ("abroad", "visitor")):
            kubernetes.ready_address(namespace, name)

    def who_reaches(self, port: int) -> set[str]:
        callers = (("home", "client"), ("home", "stranger"), ("abroad", "visitor"))
        to = f"{self.server}:{port}"
        return {name for namespace, name in callers if self.kubernetes.connects(namespace, name, to)}

    def expect(self, port: int, *names: str) -> None:
        eventually(lambda: self.who_reaches(port) == set(names), f"port {port} is reached by {names}", 20)


@pytest.fixture(scope="module")
def place(kubernetes: Kubernetes) -> Neighbourhood:
    return Neighbourhood(kubernetes)


@pytest.fixture
def policy(kubernetes: Kubernetes) -> Iterator[Callable[..., None]]:
    made: list[tuple[str, str]] = []

    def make(namespace: str, name: str, **spec: object) -> None:
        made.append((namespace, name))
        kubernetes.policy(namespace, name, **spec)

    yield make
    for namespace, name in made:
        kubernetes.delete("NetworkPolicy", name, namespace)


def test_without_a_policy_everybody_reaches_everybody(place: Neighbourhood) -> None:
    place.expect(8080, "client", "stranger", "visitor")


def test_default_deny_stops_all_but_the_node(place: Neighbourhood, policy: Callable[..., None]) -> None:
    policy("home", "deny", **DENY)
    place.expect(8080)
    # The kubelet's readiness probe and the API server's proxy come from the node.
    assert place.kubernetes.ask("home", "server", "") == "server"
    assert place.kubernetes.ready_address("home", "server") == place.server
    # A policy isolates its own namespace's pods alone.
    visitor = place.kubernetes.ready_address("abroad", "visitor")
    assert place.kubernetes.connects("home", "client", f"{visitor}:8080")
    # And a pod always reaches itself.
    assert place.kubernetes.connects("home", "server", f"{place.server}:8080")


def test_ingress_by_pod_selector_and_named_port(place: Neighbourhood, policy: Callable[..., None]) -> None:
    policy("home", "deny", **DENY)
    policy(
        "home",
        "clients",
        podSelector={"matchLabels": {"app": "server"}},
        ingress=[
            {
                "from": [
                    {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["client"]}]}}
                ],
                "ports": [{"port": "web"}],
            }
        ],
    )
    place.expect(8080, "client")
    place.expect(8081)


def test_ingress_by_namespace_selector_and_port_range(place: Neighbourhood, policy: Callable[..., None]) -> None:
    policy(
        "home",
        "blue",
        podSelector={"matchLabels": {"app": "server"}},
        ingress=[
            {
                "from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}],
                "ports": [{"port": 9000, "endPort": 9001, "protocol": "TCP"}],
            }
        ],
    )
    place.expect(9000, "visitor")
    place.expect(9001, "visitor")
    place.expect(9002)
    place.expect(8080)


def test_both_selectors_in_one_peer_must_match(place: Neighbourhood, policy: Callable[..., None]) -> None:
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "abroad"}},
        "podSelector": {"matchLabels": {"app": "client"}},
    }
    policy("home", "both", podSelector={"matchLabels": {"app": "server"}}, ingress=[{"from": [peer]}])
    place.expect(8080)


def test_egress_is_limited_to_what_is_allowed(place: Neighbourhood, policy: Callable[..., None]) -> None:
    kubernetes = place.kubernetes
    assert kubernetes.connects("home", "client", "10.96.0.1:443")
    policy(
        "home",
        "out",
        podSelector={"matchLabels": {"app": "client"}},
        policyTypes=["Egress"],
        egress=[{"to": [{"podSelector": {"matchLabels": {"app": "server"}}}], "ports": [{"port": "web"}]}],
    )
    place.expect(8081, "stranger", "visitor")
    assert kubernetes.connects("home", "client", f"{place.server}:8080")
    # The node is not among the allowed ones, whether by the API server's Service or directly.
    assert not kubernetes.connects("home", "client", "10.96.0.1:443")
    # Nor is the machine outside, by the host's end of the link.
    assert not kubernetes.connects("home", "client", "10.96.0.10:53")
    # Requests to the isolated pod, and its replies, are no business of an egress policy.
    client = kubernetes.ready_address("home", "client")
    assert kubernetes.connects("home", "stranger", f"{client}:8080")


def test_address_blocks_with_exceptions(place: Neighbourhood, policy: Callable[..., None]) -> None:
    kubernetes = place.kubernetes
    address = kubernetes.load_balancer("home", "front", {"app": "server"}, externalTrafficPolicy="Local")
    url = f"http://{address}/"
    eventually(lambda: fetch(url), "the load balancer answers", 20)
    subnet = kubernetes.cluster.status().subnet
    assert subnet is not None
    select = {"podSelector": {"matchLabels": {"app": "server"}}}
    policy("home", "block", **select, ingress=[{"from": [{"ipBlock": {"cidr": str(subnet)}}]}])
    place.expect(8080)
    assert fetch(url) is not None
    block = {"cidr": str(subnet), "except": [f"{subnet[1]}/32"]}
    policy("home", "block", **select, ingress=[{"from": [{"ipBlock": block}]}])
    eventually(lambda: fetch(url) is None, "the host is excepted", 20)
    kubernetes.delete("Service", "front", "home")


def test_a_new_pod_is_held_from_its_first_packet(place: Neighbourhood, policy: Callable[..., None]) -> None:
    policy("home", "deny", **DENY)
    place.expect(8080)
    place.kubernetes.pod("home", "latecomer")
    assert not place.kubernetes.connects("home", "latecomer", f"{place.server}:8080")
    place.kubernetes.delete("Pod", "latecomer", "home")


def test_policies_come_back_after_the_controller_was_killed(place: Neighbourhood, policy: Callable[..., None]) -> None:
    policy("home", "deny", **DENY)
    place.expect(8080)
    kill_daemon(place.kubernetes.cluster, "node_controllers")
    # What it left in the kernel holds meanwhile, and what is asked afterwards is done.
    assert place.who_reaches(8080) == set()
    policy("home", "open", ingress=[{}])
    place.expect(8080, "client", "stranger", "visitor")
