"""Cloud Armor before the front: what it refuses, and what it only counts.

Rules are tried by priority, and the first that matches decides. A throttling rule that lets a request pass decides too,
so it comes last. OWASP rule sets look into bodies, and prompts are SQL, shell and markup: under `/v1` they are on
preview, which logs and lets pass; everywhere else they refuse. What needs no body (method, path, origin) is refused
everywhere.
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope
from infra.config import FrontSettings

_API = "/v1/"
_SETS = ("sqli", "xss", "lfi", "rce", "protocolattack")
"""OWASP rule sets, version 3.3 (cloud.google.com/armor/docs/waf-rules)."""
_SENSITIVITY = 1
"""Of four, the one with the fewest false alarms (same page)."""
_BAD_SOURCES = ("iplist-known-malicious-ips", "iplist-tor-exit-nodes")
"""Google's lists (cloud.google.com/armor/docs/threat-intelligence); they come with Cloud Armor Enterprise."""
_METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
_INTERVAL_S = 300
_DEFAULT = 2_147_483_647
"""Every policy's last rule (cloud.google.com/armor/docs/security-policy-overview)."""
_EVERYBODY = "*"


@dataclass(frozen=True)
class _Rule:
    """An expression, and what happens to requests that it matches."""

    description: str
    expression: str
    preview: bool = False


class CloudArmor(pulumi.ComponentResource):
    """The security policy of a front."""

    policy: pulumi.Output[str]

    def __init__(
        self, name: str, scope: Scope, settings: FrontSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:CloudArmor", name, None, opts)
        compute = gcp.compute
        adaptive = compute.SecurityPolicyAdaptiveProtectionConfigArgs
        policy = compute.SecurityPolicy(
            name,
            name=scope.name("firewall"),
            description="Before every region of Google Cloud",
            type="CLOUD_ARMOR",
            adaptive_protection_config=adaptive(
                layer7_ddos_defense_config=compute.SecurityPolicyAdaptiveProtectionConfigLayer7DdosDefenseConfigArgs(
                    enable=True, rule_visibility="STANDARD"
                )
            ),
            # Verbose logs would hold pieces of prompts.
            advanced_options_config=compute.SecurityPolicyAdvancedOptionsConfigArgs(
                json_parsing="DISABLED", log_level="NORMAL"
            ),
            rules=[
                *(_denial(100 * number, rule) for number, rule in enumerate(_rules(settings), start=1)),
                _throttle(settings),
                _pass(),
            ],
            labels=dict(scope.labels),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.policy = policy.id
        self.register_outputs({"policy": self.policy})


def _rules(settings: FrontSettings) -> list[_Rule]:
    rules = [
        _Rule("sources of attacks", " || ".join(f"evaluateThreatIntelligence('{name}')" for name in _BAD_SOURCES)),
        _Rule("methods that nothing here has", f"!request.method.matches('{_METHODS}')"),
        _Rule("paths out of the root", "request.path.urlDecode().contains('..')"),
    ]
    if settings.blocked_countries:
        countries = "|".join(settings.blocked_countries)
        rules.insert(0, _Rule("blocked countries", f"origin.region_code.matches('{countries}')"))
    for rule_set in _SETS:
        found = f"evaluatePreconfiguredWaf('{rule_set}-v33-stable', {{'sensitivity': {_SENSITIVITY}}})"
        rules.append(_Rule(rule_set, f"!request.path.startsWith('{_API}') && {found}"))
        rules.append(_Rule(f"{rule_set}, counted", f"request.path.startsWith('{_API}') && {found}", preview=True))
    return rules


def _denial(priority: int, rule: _Rule) -> gcp.compute.SecurityPolicyRuleArgs:
    compute = gcp.compute
    return compute.SecurityPolicyRuleArgs(
        priority=priority,
        description=rule.description,
        action="deny(403)",
        preview=rule.preview,
        match=compute.SecurityPolicyRuleMatchArgs(
            expr=compute.SecurityPolicyRuleMatchExprArgs(expression=rule.expression)
        ),
    )


def _throttle(settings: FrontSettings) -> gcp.compute.SecurityPolicyRuleArgs:
    compute = gcp.compute
    return compute.SecurityPolicyRuleArgs(
        priority=_DEFAULT - 1,
        description="too many requests of one address",
        action="throttle",
        match=_everybody(),
        rate_limit_options=compute.SecurityPolicyRuleRateLimitOptionsArgs(
            conform_action="allow",
            exceed_action="deny(429)",
            enforce_on_key="IP",
            rate_limit_threshold=compute.SecurityPolicyRuleRateLimitOptionsRateLimitThresholdArgs(
                count=settings.requests_per_5_minutes, interval_sec=_INTERVAL_S
            ),
        ),
    )


def _pass() -> gcp.compute.SecurityPolicyRuleArgs:
    return gcp.compute.SecurityPolicyRuleArgs(
        priority=_DEFAULT, description="everything else", action="allow", match=_everybody()
    )


def _everybody() -> gcp.compute.SecurityPolicyRuleMatchArgs:
    compute = gcp.compute
    return compute.SecurityPolicyRuleMatchArgs(
        versioned_expr="SRC_IPS_V1", config=compute.SecurityPolicyRuleMatchConfigArgs(src_ip_ranges=[_EVERYBODY])
    )
