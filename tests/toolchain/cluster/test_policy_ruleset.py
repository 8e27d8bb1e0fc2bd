"""The table that network policies become; what it does to packets is in test_network_policies.py."""

import re
from ipaddress import IPv4Address
from typing import Any

from toolchain.cluster.label_selector import LabelSelector
from toolchain.cluster.network_policy import ruleset
from toolchain.cluster.policy_objects import Namespace, NetworkPolicy, Pod
from toolchain.cluster.spec import POD_CIDR

WEB = Pod("home", "web", {"app": "web"}, IPv4Address("10.244.0.5"), {("http", "tcp"): 8080})
TWIN = Pod("home", "web-2", {"app": "web"}, IPv4Address("10.244.0.6"), {("http", "tcp"): 8080})
DATABASE = Pod("home", "db", {"app": "db"}, IPv4Address("10.244.0.7"), {("http", "tcp"): 9000})
STRANGER = Pod("abroad", "x", {"app": "web"}, IPv4Address("10.244.0.8"), {})
PODS = [WEB, TWIN, DATABASE, STRANGER]
NAMESPACES = [Namespace("home", {"team": "red"}), Namespace("abroad", {"team": "blue"})]


def table(*specs: dict[str, Any], pods: list[Pod] = PODS) -> str:
    policies = [
        NetworkPolicy.of({"metadata": {"namespace": "home", "name": f"p{number}"}, "spec": spec})
        for number, spec in enumerate(specs)
    ]
    return ruleset(pods, NAMESPACES, policies, POD_CIDR)


def allowed(text: str, direction: str, pod: Pod) -> list[str]:
    """Return what the chain of one pod lets through."""
    verdicts = re.search(rf"map {direction} {{.*?elements = {{(.*?)}}", text, re.DOTALL)
    assert verdicts is not None
    chain = re.search(rf"{pod.address} : jump ([\w-]+)", verdicts[1])
    assert chain is not None
    body = re.search(rf"chain {chain[1]} {{\n(.*?)\n  }}", text, re.DOTALL)
    assert body is not None
    *rules, last = [line.strip() for line in body[1].splitlines()]
    assert last == "counter drop"
    return rules


def test_without_policies_the_table_is_removed() -> None:
    assert table() == "add table ip modelfleet-policy\ndelete table ip modelfleet-policy\n"


def test_a_selected_pod_is_isolated_and_replicas_share_a_chain() -> None:
    text = table({"podSelector": {"matchLabels": {"app": "web"}}})
    assert allowed(text, "ingress", WEB) == allowed(text, "ingress", TWIN) == []
    assert text.count("chain ingress-") == 1
    assert "10.244.0.7 : jump" not in text
    assert "10.244.0.8 : jump" not in text
    assert "map egress {\n    type ipv4_addr : verdict\n  }" in text


def test_an_empty_rule_allows_all_and_an_absent_list_nothing() -> None:
    assert allowed(table({"podSelector": {}, "ingress": [{}]}), "ingress", WEB) == ["return"]
    assert allowed(table({"podSelector": {}, "ingress": [{"from": [], "ports": []}]}), "ingress", WEB) == ["return"]
    assert allowed(table({"podSelector": {}, "policyTypes": ["Egress"]}), "egress", WEB) == []


def test_peers_are_resolved_in_the_namespaces_they_name() -> None:
    def peer(selector: dict[str, Any]) -> list[str]:
        return allowed(
            table({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [selector]}]}),
            "ingress",
            DATABASE,
        )

    web = {"matchLabels": {"app": "web"}}
    assert peer({"podSelector": web}) == ["ip saddr { 10.244.0.5, 10.244.0.6 } return"]
    assert peer({"namespaceSelector": {"matchLabels": {"team": "blue"}}}) == ["ip saddr { 10.244.0.8 } return"]
    both = {"namespaceSelector": {}, "podSelector": web}
    assert peer(both) == ["ip saddr { 10.244.0.5, 10.244.0.6, 10.244.0.8 } return"]
    assert peer({"namespaceSelector": {"matchLabels": {"team": "none"}}}) == []


def test_ports_by_number_range_protocol_and_name() -> None:
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 1000, "endPort": 2000}, {"protocol": "SCTP"}, {"port": "http"}]
    text = table({"podSelector": {}, "ingress": [{"ports": ports}]})
    common = ["udp dport 53 return", "tcp dport 1000-2000 return", "meta l4proto sctp return"]
    assert allowed(text, "ingress", WEB) == [*common, "tcp dport 8080 return"]
    assert allowed(text, "ingress", DATABASE) == [*common, "tcp dport 9000 return"]


def test_a_named_port_on_the_way_out_is_the_destination_s() -> None:
    spec = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "egress": [{"to": [{"podSelector": {}}], "ports": [{"port": "http"}]}],
    }
    text = table({**spec, "policyTypes": ["Egress"]})
    assert allowed(text, "egress", WEB) == [
        "ip daddr 10.244.0.5 tcp dport 8080 return",
        "ip daddr 10.244.0.6 tcp dport 8080 return",
        "ip daddr 10.244.0.7 tcp dport 9000 return",
    ]


def test_a_name_that_no_pod_has_allows_nothing() -> None:
    assert allowed(table({"podSelector": {}, "ingress": [{"ports": [{"port": "nope"}]}]}), "ingress", WEB) == []


def test_blocks_with_exceptions_and_of_the_other_family() -> None:
    peers = [
        {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.1/32", "192.0.2.128/25"]}},
        {"ipBlock": {"cidr": "2001:db8::/32"}},
    ]
    text = table({"podSelector": {}, "ingress": [{"from": peers}]})
    assert allowed(text, "ingress", WEB) == [
        "ip saddr 192.0.2.0/24 ip saddr != { 192.0.2.1/32, 192.0.2.128/25 } return"
    ]


def test_policies_add_up() -> None:
    text = table(
        {"podSelector": {}},
        {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 80}]}]},
        {"podSelector": {}, "ingress": [{"ports": [{"port": 443}]}]},
    )
    assert allowed(text, "ingress", WEB) == ["tcp dport 80 return", "tcp dport 443 return"]
    assert allowed(text, "ingress", DATABASE) == ["tcp dport 443 return"]


def test_the_same_objects_give_the_same_text_in_any_order() -> None:
    spec = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
    assert table(spec) == table(spec, pods=list(reversed(PODS)))


def test_pods_without_an_address_of_their_own_are_left_out() -> None:
    pod = {
        "metadata": {"namespace": "a", "name": "b"},
        "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 80}]}]},
        "status": {"phase": "Running", "podIP": "10.244.0.9"},
    }
    read = Pod.of(pod)
    assert read is not None
    assert read.named_ports == {("web", "tcp"): 80}
    assert Pod.of({**pod, "status": {"phase": "Pending"}}) is None
    assert Pod.of({**pod, "status": {**pod["status"], "phase": "Succeeded"}}) is None
    assert Pod.of({**pod, "spec": {**pod["spec"], "hostNetwork": True}}) is None


def test_selectors() -> None:
    def matches(labels: dict[str, str], **selector: Any) -> bool:
        return LabelSelector.of(selector).matches(labels)

    def expression(operator: str, *values: str) -> list[dict[str, Any]]:
        return [{"key": "tier", "operator": operator, "values": list(values)}]

    assert matches({})
    assert not matches({}, matchLabels={"a": "b"})
    assert matches({"tier": "x"}, matchExpressions=expression("In", "x", "y"))
    assert not matches({}, matchExpressions=expression("In", "x"))
    assert matches({}, matchExpressions=expression("NotIn", "x"))
    assert not matches({"tier": "x"}, matchExpressions=expression("NotIn", "x"))
    assert matches({"tier": ""}, matchExpressions=expression("Exists"))
    assert matches({}, matchExpressions=expression("DoesNotExist"))
    assert not matches({"tier": "x"}, matchExpressions=expression("Exists"), matchLabels={"a": "b"})
