"""Who may talk to nodes, and where nodes may talk to.

GKE adds its own rules for what the cluster needs (cloud.google.com/kubernetes-engine/docs/concepts/firewall-rules);
they come first, and what neither they nor these rules allow is refused and logged.
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope

PROXY_RANGES = ("35.191.0.0/16", "130.211.0.0/22")
"""Where Google's load balancers and health checks come from
(cloud.google.com/load-balancing/docs/https#firewall-rules)."""
_EVERYWHERE = "0.0.0.0/0"
_TLS = ("443",)
_PRIORITIES = {
    "front-to-gateway": 100,
    "inner-to-gateway": 110,
    "egress-inner": 200,
    "egress-google-apis": 210,
    "egress-tls": 220,
    "deny-ingress": 65_000,
    "deny-egress": 65_001,
}
"""One sequence for both directions; the lowest comes first."""


@dataclass(frozen=True)
class FirewallArgs:
    """What the firewall guards.

    Attributes:
        network: Id of the VPC.
        inner_ranges: Ranges of nodes, pods and endpoints.
        google_apis: Address of the endpoint for Google APIs.
        origin_ports: Ports that load balancers may ask.
        front_only: Whether only load balancers may ask them; False lets the inner network too.
    """

    network: pulumi.Input[str]
    inner_ranges: tuple[str, ...]
    google_apis: str
    origin_ports: tuple[int, ...]
    front_only: bool


class Firewall(pulumi.ComponentResource):
    """A network firewall policy whose last rules deny."""

    policy: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Firewall", name, None, opts)
        policy = gcp.compute.NetworkFirewallPolicy(
            name,
            name=scope.name("firewall"),
            description="Closed but for what is named",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._policy = policy
        self.policy = policy.name
        ports = tuple(str(port) for port in args.origin_ports)
        rules = [
            _Rule("front-to-gateway", "INGRESS", PROXY_RANGES, ports),
            _Rule("egress-inner", "EGRESS", args.inner_ranges),
            _Rule("egress-google-apis", "EGRESS", (f"{args.google_apis}/32",), _TLS),
            # Through NAT: other people's registries and identity providers.
            _Rule("egress-tls", "EGRESS", (_EVERYWHERE,), _TLS),
        ]
        if not args.front_only:
            rules.append(_Rule("inner-to-gateway", "INGRESS", args.inner_ranges, ports))
        for rule in rules:
            self._make(rule, "allow", _PRIORITIES[rule.name])
        for direction in ("INGRESS", "EGRESS"):
            denied = _Rule(f"deny-{direction.lower()}", direction, (_EVERYWHERE,))
            self._make(denied, "deny", _PRIORITIES[denied.name])
        gcp.compute.NetworkFirewallPolicyAssociation(
            name,
            name=scope.name("firewall"),
            firewall_policy=policy.name,
            attachment_target=args.network,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"policy": self.policy})

    def _make(self, rule: "_Rule", action: str, priority: int) -> None:
        ranges = list(rule.ranges)
        layer4 = [
            gcp.compute.NetworkFirewallPolicyRuleMatchLayer4ConfigArgs(
                ip_protocol="tcp" if rule.tcp_ports else "all", ports=list(rule.tcp_ports) or None
            )
        ]
        match = gcp.compute.NetworkFirewallPolicyRuleMatchArgs
        gcp.compute.NetworkFirewallPolicyRule(
            rule.name,
            rule_name=rule.name,
            firewall_policy=self._policy.name,
            priority=priority,
            direction=rule.direction,
            action=action,
            enable_logging=action == "deny",
            match=match(src_ip_ranges=ranges, layer4_configs=layer4)
            if rule.direction == "INGRESS"
            else match(dest_ip_ranges=ranges, layer4_configs=layer4),
            opts=pulumi.ResourceOptions(parent=self),
        )


@dataclass(frozen=True)
class _Rule:
    """Whom a rule is about; without ports, it is about every protocol."""

    name: str
    direction: str
    ranges: tuple[str, ...]
    tcp_ports: tuple[str, ...] = ()
