"""What network policies are made of: namespaces, pods, policies, read from the API's objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from toolchain.cluster.label_selector import LabelSelector


class Direction(StrEnum):
    """Of traffic, as the pod that a policy selects sees it."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace and its labels."""

    name: str
    labels: Mapping[str, str]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Namespace":
        """Read a namespace."""
        return cls(item["metadata"]["name"], item["metadata"].get("labels") or {})


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that has an address of its own.

    Attributes:
        namespace: its namespace.
        name: its name.
        labels: its labels.
        address: its address.
        named_ports: (name, protocol in small letters) -> number.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    address: IPv4Address
    named_ports: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Pod | None":
        """Read a pod; ``None`` if it has no address of its own: not yet, not any more, or it has the node's."""
        spec, status = item["spec"], item.get("status", {})
        address = status.get("podIP")
        if not address or spec.get("hostNetwork") or status.get("phase") in {"Succeeded", "Failed"}:
            return None
        containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
        ports = {
            (port["name"], port.get("protocol", "TCP").lower()): port["containerPort"]
            for container in containers
            for port in container.get("ports") or ()
            if "name" in port
        }
        metadata = item["metadata"]
        return cls(metadata["namespace"], metadata["name"], metadata.get("labels") or {}, IPv4Address(address), ports)


@dataclass(frozen=True, slots=True)
class PortRange:
    """A port of a rule.

    Attributes:
        protocol: tcp, udp or sctp.
        first: the lowest number; 0 means every port of the protocol.
        last: the highest one.
        name: a named port, instead of numbers.
    """

    protocol: str
    first: int = 0
    last: int = 0
    name: str = ""

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "PortRange":
        """Read a NetworkPolicyPort."""
        protocol, port = (item.get("protocol") or "TCP").lower(), item.get("port")
        if isinstance(port, str):
            return cls(protocol, name=port)
        first = int(port or 0)
        return cls(protocol, first, int(item.get("endPort") or first))


@dataclass(frozen=True, slots=True)
class Peer:
    """The other side of a rule: pods by selectors, or a block of addresses."""

    namespace_selector: LabelSelector | None = None
    pod_selector: LabelSelector | None = None
    block: IPv4Network | None = None
    excluded: tuple[IPv4Network, ...] = ()

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Peer | None":
        """Read a NetworkPolicyPeer; ``None`` for an IPv6 block, which nothing here can match."""
        if (block := item.get("ipBlock")) is not None:
            if ":" in block["cidr"]:
                return None
            excluded = tuple(IPv4Network(one, strict=False) for one in block.get("except") or ())
            return cls(block=IPv4Network(block["cidr"], strict=False), excluded=excluded)
        namespaces, pods = item.get("namespaceSelector"), item.get("podSelector")
        return cls(
            namespace_selector=None if namespaces is None else LabelSelector.of(namespaces),
            pod_selector=None if pods is None else LabelSelector.of(pods),
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """What a policy allows.

    Attributes:
        peers: the other sides; ``None`` means every one.
        ports: the destination's ports; ``None`` means every one.
    """

    peers: tuple[Peer, ...] | None
    ports: tuple[PortRange, ...] | None

    @classmethod
    def of(cls, item: Mapping[str, Any], peers_field: str) -> "Rule":
        """Read an ingress rule (``from``) or an egress rule (``to``)."""
        # An empty list means the same as an absent one (NetworkPolicyIngressRule).
        peers, ports = item.get(peers_field) or None, item.get("ports") or None
        return cls(
            None if peers is None else tuple(peer for one in peers if (peer := Peer.of(one)) is not None),
            None if ports is None else tuple(PortRange.of(one) for one in ports),
        )


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A network policy.

    Attributes:
        namespace: its namespace, whose pods it selects from.
        name: its name.
        selector: which pods it isolates.
        rules: what it allows in the directions that it isolates.
    """

    namespace: str
    name: str
    selector: LabelSelector
    rules: Mapping[Direction, tuple[Rule, ...]]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "NetworkPolicy":
        """Read a policy."""
        spec, metadata = item["spec"], item["metadata"]
        default_types = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        types = set(spec.get("policyTypes") or default_types)
        fields = {Direction.INGRESS: ("ingress", "from"), Direction.EGRESS: ("egress", "to")}
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            selector=LabelSelector.of(spec.get("podSelector") or {}),
            rules={
                direction: tuple(Rule.of(one, peers) for one in spec.get(field) or ())
                for direction, (field, peers) in fields.items()
                if direction.value in types
            },
        )
