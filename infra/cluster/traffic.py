"""The pieces that our network policies are put together from."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.egress import Destination
from infra.clouds.region import ApiCallers
from infra.cluster.hardening import selector

_DNS_PORT = 53
_DNS_PODS = ("kube-dns", "node-local-dns")
"""The cluster's name service, and the cache that GKE puts before it on every node: its dataplane leads queries there
and judges them by where they end (cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache)."""


def port(number: int, protocol: str = "TCP") -> k8s.networking.v1.NetworkPolicyPortArgs:
    """One port."""
    return k8s.networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol)


def pods(component: str) -> k8s.meta.v1.LabelSelectorArgs:
    """The pods of one of our components."""
    return k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector(component)))


def all_pods() -> k8s.meta.v1.LabelSelectorArgs:
    """Every pod of the policy's namespace."""
    return k8s.meta.v1.LabelSelectorArgs()


def namespace(name: pulumi.Input[str]) -> k8s.meta.v1.LabelSelectorArgs:
    """One namespace, by the label that the API server itself keeps."""
    return k8s.meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": name})


def nothing() -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Deny all pods of a namespace everything that no other policy allows."""
    return k8s.networking.v1.NetworkPolicySpecArgs(pod_selector=all_pods(), policy_types=["Ingress", "Egress"])


def to(*destinations: Destination | None) -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgs]:
    """Let pods connect to what there is of some destinations outside of the cluster."""
    return [
        k8s.networking.v1.NetworkPolicyEgressRuleArgs(
            to=destination.ranges.apply(blocks),
            ports=[port(number) for number in destination.ports],
        )
        for destination in destinations
        if destination is not None
    ]


def blocks(ranges: Sequence[str]) -> list[k8s.networking.v1.NetworkPolicyPeerArgs]:
    """The peers of some ranges.

    Raises:
        ValueError: there are none, which would admit every peer.
    """
    if not ranges:
        msg = "a destination without addresses: a network policy would take it for any; ask the region's `egress`"
        raise ValueError(msg)
    return [
        k8s.networking.v1.NetworkPolicyPeerArgs(ip_block=k8s.networking.v1.IPBlockArgs(cidr=cidr)) for cidr in ranges
    ]


def to_name_service() -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """Let pods ask the cluster's DNS."""
    dns = k8s.meta.v1.LabelSelectorRequirementArgs(key="k8s-app", operator="In", values=list(_DNS_PODS))
    return k8s.networking.v1.NetworkPolicyEgressRuleArgs(
        to=[
            k8s.networking.v1.NetworkPolicyPeerArgs(
                namespace_selector=namespace("kube-system"),
                pod_selector=k8s.meta.v1.LabelSelectorArgs(match_expressions=[dns]),
            )
        ],
        ports=[port(_DNS_PORT, "UDP"), port(_DNS_PORT)],
    )


def api_callers(callers: ApiCallers) -> list[k8s.networking.v1.NetworkPolicyPeerArgs]:
    """The peers that speak for the API server; none where that is the pod's own node."""
    ranges = blocks(callers.ranges) if callers.ranges else []
    if not callers.agents:
        return ranges
    agents = k8s.meta.v1.LabelSelectorArgs(match_labels=dict(callers.agents))
    return [
        *ranges,
        k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=namespace("kube-system"), pod_selector=agents),
    ]
