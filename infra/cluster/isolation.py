"""The namespace that serves, and what it is kept from: privileges, the network, other people's share of the node."""

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.clouds.egress import Egress
from infra.clouds.names import NAMESPACE
from infra.cluster import traffic
from infra.cluster.hardening import POD_SECURITY_LABELS, default_limits

GATEWAY_PORT = 8443
GATEWAY_HEALTH_PATH = "/healthz"
"""What load balancers and fronts ask the gateway's own port, without a key."""
GATEWAY_ADMIN_PORT = 9090
SERVER_PORT = 8000


class Isolation(pulumi.ComponentResource):
    """Namespace with Pod Security "restricted", a quota, default limits, and network policies that deny by default."""

    namespace: pulumi.Output[str]

    def __init__(self, name: str, *, region: Region, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:cluster:Isolation", name, None, opts)
        self._cluster = region.cluster
        inside = pulumi.ResourceOptions(
            parent=self, provider=region.cluster.provider, deleted_with=region.cluster.lifetime
        )
        namespace = k8s.core.v1.Namespace(
            "namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=NAMESPACE,
                labels={"app.kubernetes.io/part-of": "modelfleet", **POD_SECURITY_LABELS},
            ),
            opts=inside,
        )
        self.namespace = namespace.metadata.name
        within = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[namespace]))
        self._limits(within)
        self._network_policies(region.egress, within)
        self.register_outputs({"namespace": self.namespace})

    def inside(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Give the options of what a component makes in the namespace: it comes after all of this, and ends with it."""
        return pulumi.ResourceOptions(
            parent=parent, provider=self._cluster.provider, deleted_with=self._cluster.lifetime, depends_on=[self]
        )

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
            spec=default_limits(),
            opts=opts,
        )

    def _network_policies(self, outside: Egress, opts: pulumi.ResourceOptions) -> None:
        net = k8s.networking.v1

        def policy(name: str, spec: k8s.networking.v1.NetworkPolicySpecArgs) -> None:
            net.NetworkPolicy(
                f"allow-{name}" if name != "deny" else name, metadata=self._metadata(name), spec=spec, opts=opts
            )

        # Weights that are on the node already need no way out at all.
        weights = (
            [*traffic.to(outside.object_store, outside.identity), traffic.to_name_service()]
            if outside.object_store is not None
            else None
        )
        policy("deny", traffic.nothing())
        policy(
            "gateway",
            net.NetworkPolicySpecArgs(
                pod_selector=traffic.pods("gateway"),
                policy_types=["Ingress", "Egress"],
                ingress=[net.NetworkPolicyIngressRuleArgs(ports=[traffic.port(GATEWAY_PORT)])],
                egress=[
                    net.NetworkPolicyEgressRuleArgs(
                        to=[net.NetworkPolicyPeerArgs(pod_selector=traffic.pods("model-server"))],
                        ports=[traffic.port(SERVER_PORT)],
                    ),
                    *traffic.to(outside.database, outside.cache, outside.identity),
                    traffic.to_name_service(),
                ],
            ),
        )
        policy(
            "model-server",
            net.NetworkPolicySpecArgs(
                pod_selector=traffic.pods("model-server"),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    net.NetworkPolicyIngressRuleArgs(
                        from_=[net.NetworkPolicyPeerArgs(pod_selector=traffic.pods("gateway"))],
                        ports=[traffic.port(SERVER_PORT)],
                    )
                ],
                egress=weights,
            ),
        )
