"""Web application firewalls let source code pass: bodies are counted on POST /v1/*, everything else is blocked."""

from collections.abc import Iterator, Mapping
from typing import Final

from infra.policy.inputs import Inputs
from infra.policy.rule import Rule, Severity, Subject

_BODY_RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY"),
    "AWSManagedRulesSQLiRuleSet": ("SQLi_BODY", "SQLiExtendedPatterns_BODY"),
    "AWSManagedRulesUnixRuleSet": ("UNIXShellCommandsVariables_BODY",),
    "AWSManagedRulesWindowsRuleSet": ("WindowsShellCommands_BODY", "PowerShellCommands_BODY"),
    "AWSManagedRulesPHPRuleSet": ("PHPHighRiskMethodsVariables_BODY",),
}
"""Rules of AWS's managed groups that look into bodies
(docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html)."""
_REPUTATION: Final = "AWSManagedRulesAmazonIpReputationList"
_API: Final = "/v1/"


def _web_acl(subject: Subject) -> Iterator[str]:
    acl = subject.inputs
    groups = []
    for rule in acl.blocks("rules[]"):
        for group in rule.blocks("statement.managedRuleGroupStatement"):
            groups.append(group.text("name"))
            yield from _managed_group(rule, group)
    if _REPUTATION not in groups:
        yield f"no rule blocks by reputation ({_REPUTATION})"
    rates = [
        rule for rule in acl.blocks("rules[]") if rule.given("statement.rateBasedStatement") and _blocks_requests(rule)
    ]
    if not rates:
        yield "no rule blocks by rate (rateBasedStatement with action block)"


def _blocks_requests(rule: Inputs) -> bool:
    return any(True for _ in rule.blocks("action.block"))


def _managed_group(rule: Inputs, group: Inputs) -> Iterator[str]:
    name = group.text("name")
    if any(True for _ in rule.blocks("overrideAction.count")):
        yield f"{rule.path} counts all of {name}: headers and URIs must block"
    if _spares_api(group):
        return
    counted = {
        override.text("name")
        for override in group.blocks("ruleActionOverrides[]")
        if any(True for _ in override.blocks("actionToUse.count"))
    }
    blocking = [body for body in _BODY_RULES.get(name, ()) if body not in counted]
    if blocking:
        yield f"{rule.path} blocks by bodies on POST {_API}*: {', '.join(blocking)} must count"


def _spares_api(group: Inputs) -> bool:
    """Tell whether a group isn't asked about the API's paths at all."""
    texts = [text for block in group.blocks("scopeDownStatement.notStatement") for _, text in block.texts()]
    return any(text.startswith(_API.rstrip("/")) for text in texts)


def _cloud_armor(subject: Subject) -> Iterator[str]:
    limits = False
    for rule in subject.inputs.blocks("rules[]"):
        expression = rule.text("match.expr.expression")
        limits = limits or rule.given("rateLimitOptions")
        preconfigured = "evaluatePreconfiguredWaf" in expression or "evaluatePreconfiguredExpr" in expression
        if not preconfigured or rule.value("preview") is True or not rule.text("action").startswith("deny"):
            continue
        if f"!request.path.startsWith('{_API}" not in expression.replace(" ", "").replace('"', "'") and not rule.given(
            "preconfiguredWafConfig.exclusions"
        ):
            yield f"{rule.path} denies by bodies on POST {_API}*: leave the path out, or exclude what bodies hold"
    if not limits and subject.inputs.text("type") in {"", "CLOUD_ARMOR"}:
        yield "no rule limits the rate (rateLimitOptions)"


def _front_door(subject: Subject) -> Iterator[str]:
    policy = subject.inputs
    sets = {rules.text("ruleSetType"): rules for rules in policy.blocks("managedRules.managedRuleSets[]")}
    for wanted in ("Microsoft_DefaultRuleSet", "Microsoft_BotManagerRuleSet"):
        if wanted not in sets:
            yield f"managedRules has no {wanted}"
    if policy.text("policySettings.requestBodyCheck") != "Disabled" and not all(
        _bodies_excluded(rules) for name, rules in sets.items() if name != "Microsoft_BotManagerRuleSet"
    ):
        yield "bodies are checked: set policySettings.requestBodyCheck Disabled, or exclude RequestBodyJsonArgNames"
    if "RateLimitRule" not in map(str, policy.known("customRules.rules.ruleType")):
        yield "no custom rule limits the rate (RateLimitRule)"


def _bodies_excluded(rules: Inputs) -> bool:
    """Tell whether a rule set looks at no argument of a JSON body."""
    return any(
        exclusion.text("matchVariable") == "RequestBodyJsonArgNames"
        and exclusion.text("selectorMatchOperator") == "EqualsAny"
        for exclusion in rules.blocks("exclusions[]")
    )


BODIES_COUNT = Rule(
    id="firewall-passes-code",
    severity=Severity.HIGH,
    demand=(
        "Managed rules count instead of block by the body of POST /v1/*; header, URI, reputation and rate rules block."
    ),
    why="Prompts are source code: SQL, shell and markup in them are the work, not an attack.",
    remedy="Use the rules that `infra/front` sets.",
    checks={
        "aws:wafv2/webAcl:WebAcl": _web_acl,
        "azure-native:frontdoor:Policy": _front_door,
        "gcp:compute/securityPolicy:SecurityPolicy": _cloud_armor,
    },
    sources=(
        "https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html",
        "https://learn.microsoft.com/azure/web-application-firewall/afds/waf-front-door-exclusion",
        "https://cloud.google.com/armor/docs/rule-tuning",
    ),
)

RULES = (BODIES_COUNT,)
