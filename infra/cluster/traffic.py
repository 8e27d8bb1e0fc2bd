"""The pieces that our network policies are put together from."""

import pulumi
import pulumi_kubernetes as k8s

from infra.cluster.hardening import selector

_DNS_PORT = 53


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


def to_name_service() -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """Let pods ask the cluster's DNS."""
    return k8s.networking.v1.NetworkPolicyEgressRuleArgs(
        to=[
            k8s.networking.v1.NetworkPolicyPeerArgs(
                namespace_selector=namespace("kube-system"),
                pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
            )
        ],
        ports=[port(_DNS_PORT, "UDP"), port(_DNS_PORT)],
    )
