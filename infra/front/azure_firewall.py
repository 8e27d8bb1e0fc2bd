"""Front Door's firewall: it stops attacks in headers, addresses and rates, and lets code in bodies pass.

Prompts are source code, which looks like injection to rules that read bodies. Front Door can't let a rule block on
some paths and count on others, so that the arguments of JSON bodies are taken out of what the managed rules see;
headers, addresses and query strings stay in it
(learn.microsoft.com/azure/web-application-firewall/afds/waf-front-door-exclusion).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import frontdoor

from infra.clouds.azure.scope import Scope

_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_EVERY_ADDRESS = ("0.0.0.0/0", "::/0")
_WINDOW_MIN = 5


@dataclass(frozen=True)
class FirewallArgs:
    """What the firewall is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        requests_per_5_minutes: Requests of one client address before it is blocked.
        blocked_countries: ISO 3166 codes of countries that get no answer.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    requests_per_5_minutes: int
    blocked_countries: Sequence[str]


def make_firewall(args: FirewallArgs, opts: pulumi.ResourceOptions) -> frontdoor.Policy:
    """Make the policy: our own rules first, then Microsoft's."""
    return frontdoor.Policy(
        "firewall",
        resource_group_name=args.resource_group,
        # Letters and digits only.
        policy_name="".join(character for character in args.scope.name("firewall") if character.isalnum()),
        location="Global",
        sku=frontdoor.SkuArgs(name=frontdoor.SkuName.PREMIUM_AZURE_FRONT_DOOR),
        policy_settings=frontdoor.PolicySettingsArgs(
            enabled_state=frontdoor.PolicyEnabledState.ENABLED,
            mode=frontdoor.PolicyMode.PREVENTION,
            request_body_check=frontdoor.PolicyRequestBodyCheck.ENABLED,
            custom_block_response_status_code=403,
        ),
        custom_rules=frontdoor.CustomRuleListArgs(rules=_own_rules(args)),
        managed_rules=frontdoor.ManagedRuleSetListArgs(
            managed_rule_sets=[
                frontdoor.ManagedRuleSetArgs(
                    rule_set_type="Microsoft_DefaultRuleSet",
                    rule_set_version="2.1",
                    rule_set_action=frontdoor.ManagedRuleSetActionType.BLOCK,
                    exclusions=[
                        frontdoor.ManagedRuleExclusionArgs(
                            match_variable=frontdoor.ManagedRuleExclusionMatchVariable.REQUEST_BODY_JSON_ARG_NAMES,
                            selector_match_operator=frontdoor.ManagedRuleExclusionSelectorMatchOperator.EQUALS_ANY,
                            selector="*",
                        )
                    ],
                ),
                frontdoor.ManagedRuleSetArgs(rule_set_type="Microsoft_BotManagerRuleSet", rule_set_version="1.1"),
            ]
        ),
        opts=opts,
    )


def _own_rules(args: FirewallArgs) -> list[frontdoor.CustomRuleArgs]:
    address = frontdoor.MatchVariable.SOCKET_ADDR  # the address that connects, whatever its headers say
    rules = [
        frontdoor.CustomRuleArgs(
            name="Methods",
            priority=10,
            rule_type=frontdoor.RuleType.MATCH_RULE,
            action=frontdoor.ActionType.BLOCK,
            match_conditions=[
                frontdoor.MatchConditionArgs(
                    match_variable=frontdoor.MatchVariable.REQUEST_METHOD,
                    operator=frontdoor.Operator.EQUAL,
                    negate_condition=True,
                    match_value=list(_METHODS),
                )
            ],
        ),
        frontdoor.CustomRuleArgs(
            name="Rate",
            priority=20,
            rule_type=frontdoor.RuleType.RATE_LIMIT_RULE,
            action=frontdoor.ActionType.BLOCK,
            rate_limit_duration_in_minutes=_WINDOW_MIN,
            rate_limit_threshold=args.requests_per_5_minutes,
            group_by=[frontdoor.GroupByVariableArgs(variable_name=frontdoor.VariableName.SOCKET_ADDR)],
            match_conditions=[
                frontdoor.MatchConditionArgs(
                    match_variable=address, operator=frontdoor.Operator.IP_MATCH, match_value=list(_EVERY_ADDRESS)
                )
            ],
        ),
    ]
    if args.blocked_countries:
        rules.append(
            frontdoor.CustomRuleArgs(
                name="Countries",
                priority=30,
                rule_type=frontdoor.RuleType.MATCH_RULE,
                action=frontdoor.ActionType.BLOCK,
                match_conditions=[
                    frontdoor.MatchConditionArgs(
                        match_variable=address,
                        operator=frontdoor.Operator.GEO_MATCH,
                        match_value=list(args.blocked_countries),
                    )
                ],
            )
        )
    return rules
