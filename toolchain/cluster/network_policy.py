"""Turns network policies into one nftables table, which the kernel replaces as a whole.

Every packet between pods, and between a pod and the outside, passes the node's forward hook (pods are routed, see
configuration.py), after kube-proxy has put a pod's address in the place of a Service's. There, the sender's
egress chain and the receiver's ingress chain are passed in turn; what neither drops goes on. From a pod to the node
itself (the API server) it is the input hook and the egress chain alone. From the node to a pod (the kubelet's
probes) nothing is filtered. Replies pass by connection tracking.

Once there is a policy, an address of the pod network that no known pod has is dropped: a new pod can neither reach
others nor be reached before its policies hold.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from toolchain.cluster.policy_objects import Direction, Namespace, NetworkPolicy, Peer, Pod, PortRange, Rule

TABLE = "modelfleet-policy"

# nft's word for the other side's address, seen from the pod that a policy selects.
_OTHER_SIDE = {Direction.INGRESS: "ip saddr", Direction.EGRESS: "ip daddr"}


@dataclass(slots=True)
class _Chains:
    """Chains by content, so that the replicas of a Deployment share one."""

    bodies: dict[str, str] = field(default_factory=dict)

    def name_of(self, direction: Direction, rules: Sequence[str]) -> str:
        body = "\n".join(f"    {rule}" for rule in (*rules, "counter drop"))
        name = f"{direction.value.lower()}-{hashlib.sha256(body.encode()).hexdigest()[:16]}"
        self.bodies[name] = body
        return name


def ruleset(
    pods: Iterable[Pod], namespaces: Iterable[Namespace], policies: Iterable[NetworkPolicy], pod_network: IPv4Network
) -> str:
    """Return what ``nft -f`` puts in the place of the last table, in one transaction."""
    begin = f"add table ip {TABLE}\ndelete table ip {TABLE}\n"
    # The same objects must give the same text, however the caches order them.
    ordered_policies = sorted(policies, key=lambda policy: (policy.namespace, policy.name))
    if not ordered_policies:
        return begin
    ordered_pods = sorted(pods, key=lambda pod: pod.address)
    scope = _Scope(ordered_pods, {namespace.name: namespace for namespace in namespaces})
    chains = _Chains()
    verdicts: dict[Direction, list[str]] = {direction: [] for direction in Direction}
    for pod in ordered_pods:
        selecting = [p for p in ordered_policies if p.namespace == pod.namespace and p.selector.matches(pod.labels)]
        for direction in Direction:
            isolating = [policy for policy in selecting if direction in policy.rules]
            if isolating:
                rules = scope.allowing(direction, pod, isolating)
                chain = chains.name_of(direction, rules)
                verdicts[direction].append(f"{pod.address} : jump {chain}")
    known = [str(pod.address) for pod in ordered_pods]
    itself = [f"{address} . {address}" for address in known]
    parts = [
        *(f"  chain {name} {{\n{body}\n  }}" for name, body in sorted(chains.bodies.items())),
        _set("set known", "ipv4_addr", known),
        _set("set itself", "ipv4_addr . ipv4_addr", itself),
        *(_set(f"map {d.value.lower()}", "ipv4_addr : verdict", verdicts[d]) for d in Direction),
        _base_chains(pod_network),
    ]
    return f"{begin}table ip {TABLE} {{\n" + "\n".join(parts) + "\n}\n"


def _base_chains(pod_network: IPv4Network) -> str:
    return f"""\
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ip saddr . ip daddr @itself accept
    ip saddr {pod_network} ip saddr != @known counter drop
    ip daddr {pod_network} ip daddr != @known counter drop
    ip saddr vmap @egress
    ip daddr vmap @ingress
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    ip saddr {pod_network} ip saddr != @known counter drop
    ip saddr vmap @egress
  }}"""


def _set(kind: str, type_name: str, elements: Sequence[str]) -> str:
    content = f"    elements = {{ {', '.join(elements)} }}\n" if elements else ""
    return f"  {kind} {{\n    type {type_name}\n{content}  }}"


@dataclass(frozen=True, slots=True)
class _Scope:
    """All pods and namespaces, against which selectors are resolved."""

    pods: Sequence[Pod]
    namespaces: Mapping[str, Namespace]

    def allowing(self, direction: Direction, pod: Pod, policies: Iterable[NetworkPolicy]) -> list[str]:
        """Return the nft rules that let through what any of the policies allows."""
        rules: dict[str, None] = {}  # a set that keeps its order
        for policy in policies:
            for rule in policy.rules[direction]:
                for match in self._matches(direction, pod, policy.namespace, rule):
                    rules[f"{match} return".strip()] = None
        return list(rules)

    def _matches(self, direction: Direction, pod: Pod, namespace: str, rule: Rule) -> Iterable[str]:
        other_side = _OTHER_SIDE[direction]
        numbered = None if rule.ports is None else [port for port in rule.ports if not port.name]
        named = [port for port in rule.ports or () if port.name]
        if direction is Direction.INGRESS and numbered is not None:
            # The destination is the selected pod: its names are numbers at once.
            numbered += _resolved(named, pod)
            named = []
        for peer in _peer_matches(self._selected(rule, namespace), rule, other_side):
            for port in _port_matches(numbered):
                yield f"{peer} {port}".strip()
        # On the way out, a name means another number on every destination.
        if named:
            reachable = self.pods if rule.peers is None else self._selected(rule, namespace)
            for destination in reachable:
                for port in _port_matches(_resolved(named, destination)):
                    yield f"{other_side} {destination.address} {port}"

    def _selected(self, rule: Rule, namespace: str) -> list[Pod]:
        peers = [peer for peer in rule.peers or () if peer.block is None]
        return [pod for pod in self.pods if any(self._is_peer(pod, peer, namespace) for peer in peers)]

    def _is_peer(self, pod: Pod, peer: Peer, policy_namespace: str) -> bool:
        if peer.namespace_selector is None:
            if pod.namespace != policy_namespace:
                return False
        else:
            namespace = self.namespaces.get(pod.namespace)
            if namespace is None or not peer.namespace_selector.matches(namespace.labels):
                return False
        return peer.pod_selector is None or peer.pod_selector.matches(pod.labels)


def _peer_matches(selected: Sequence[Pod], rule: Rule, other_side: str) -> Iterable[str]:
    if rule.peers is None:
        yield ""
        return
    if selected:
        yield f"{other_side} {{ {', '.join(str(pod.address) for pod in selected)} }}"
    for peer in rule.peers:
        if peer.block is not None:
            inside = f"{other_side} {peer.block}"
            outside = f" {other_side} != {{ {', '.join(map(str, peer.excluded))} }}" if peer.excluded else ""
            yield f"{inside}{outside}"


def _port_matches(ports: Sequence[PortRange] | None) -> Iterable[str]:
    if ports is None:
        yield ""
        return
    for port in dict.fromkeys(ports):
        if port.first == 0:
            yield f"meta l4proto {port.protocol}"
        elif port.first == port.last:
            yield f"{port.protocol} dport {port.first}"
        else:
            yield f"{port.protocol} dport {port.first}-{port.last}"


def _resolved(named: Iterable[PortRange], pod: Pod) -> list[PortRange]:
    numbers = ((port, pod.named_ports.get((port.name, port.protocol))) for port in named)
    return [PortRange(port.protocol, number, number) for port, number in numbers if number is not None]
