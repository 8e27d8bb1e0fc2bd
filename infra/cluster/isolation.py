"""The namespace that serves, and what it is kept from: privileges, the network, other people's share of the node."""

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.cluster.hardening import selector

GATEWAY_PORT = 8443
GATEWAY_ADMIN_PORT = 9090
SERVER_PORT = 8000
_DNS_PORT = 53


class Isolation(pulumi.ComponentResource):
    """Namespace with Pod Security "restricted", a quota, default limits, and network policies that deny by default."""

    namespace: pulumi.Output[str]

    def __init__(self, name: str, *, region: Region, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:cluster:Isolation", name, None, opts)
        inside = pulumi.ResourceOptions(
            parent=self, provider=region.cluster.provider, deleted_with=region.cluster.lifetime
        )
        namespace = k8s.core.v1.Namespace(
            "namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name="modelfleet",
                labels={
                    "app.kubernetes.io/part-of": "modelfleet",
                    "pod-security.kubernetes.io/enforce": "restricted",
                    "pod-security.kubernetes.io/warn": "restricted",
                },
            ),
            opts=inside,
        )
        self.namespace = namespace.metadata.name
        within = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[namespace]))
        self._limits(within)
        self._network_policies(within)
        self.register_outputs({"namespace": self.namespace})

    def _metadata(self, name: str) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=name, namespace=self.namespace, labels={"app.kubernetes.io/part-of": "modelfleet"}
        )

    def _limits(self, opts: pulumi.ResourceOptions) -> None:
        k8s.core.v1.ResourceQuota(
            "quota",
            metadata=self._metadata("modelfleet"),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(
                # Nothing of ours needs these, and each is a way around the gateway or the node's limits.
                hard={"services.nodeports": "0", "services.loadbalancers": "1", "pods": "1000", "secrets": "100"}
            ),
            opts=opts,
        )
        k8s.core.v1.LimitRange(
            "limits",
            metadata=self._metadata("modelfleet"),
            spec=k8s.core.v1.LimitRangeSpecArgs(
                limits=[
                    k8s.core.v1.LimitRangeItemArgs(
                        type="Container",
                        default={"memory": "256Mi"},
                        default_request={"cpu": "50m", "memory": "128Mi"},
                    )
                ]
            ),
            opts=opts,
        )

    def _network_policies(self, opts: pulumi.ResourceOptions) -> None:
        net = k8s.networking.v1

        def policy(name: str, spec: k8s.networking.v1.NetworkPolicySpecArgs) -> None:
            net.NetworkPolicy(
                f"allow-{name}" if name != "deny" else name, metadata=self._metadata(name), spec=spec, opts=opts
            )

        def pods(component: str) -> k8s.meta.v1.LabelSelectorArgs:
            return k8s.meta.v1.LabelSelectorArgs(match_labels=selector(component))

        def port(number: int, protocol: str = "TCP") -> k8s.networking.v1.NetworkPolicyPortArgs:
            return net.NetworkPolicyPortArgs(port=number, protocol=protocol)

        policy(
            "deny",
            net.NetworkPolicySpecArgs(pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
        )
        policy(
            "gateway",
            net.NetworkPolicySpecArgs(
                pod_selector=pods("gateway"),
                policy_types=["Ingress", "Egress"],
                ingress=[net.NetworkPolicyIngressRuleArgs(ports=[port(GATEWAY_PORT)])],
                egress=[
                    net.NetworkPolicyEgressRuleArgs(
                        to=[net.NetworkPolicyPeerArgs(pod_selector=pods("model-server"))], ports=[port(SERVER_PORT)]
                    ),
                    net.NetworkPolicyEgressRuleArgs(
                        to=[
                            net.NetworkPolicyPeerArgs(
                                namespace_selector=k8s.meta.v1.LabelSelectorArgs(
                                    match_labels={"kubernetes.io/metadata.name": "kube-system"}
                                ),
                                pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
                            )
                        ],
                        ports=[port(_DNS_PORT, "UDP"), port(_DNS_PORT)],
                    ),
                ],
            ),
        )
        policy(
            "model-server",
            net.NetworkPolicySpecArgs(
                pod_selector=pods("model-server"),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    net.NetworkPolicyIngressRuleArgs(
                        from_=[net.NetworkPolicyPeerArgs(pod_selector=pods("gateway"))], ports=[port(SERVER_PORT)]
                    )
                ],
            ),
        )
