"""The web application firewall of CloudFront: it blocks by header, address, reputation and rate, never by source code.

Bodies of `POST /v1/*` are prompts: source code, with SQL, shell and markup in it, often beyond what a body rule
inspects. So the managed groups' body rules only count, on all paths, and another rule blocks every body that is not for
`/v1/` (docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

HOME = "us-east-1"
"""Where CloudFront's firewalls and certificates live (docs.aws.amazon.com/waf/latest/developerguide/
how-aws-waf-works-resources.html)."""
API = "/v1/"
_WINDOW_S = 300
_COUNTED: Mapping[str, Sequence[str]] = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": (
        "JavaDeserializationRCE_BODY",
        "Log4JRCE_BODY",
        "ReactJSRCE_BODY",
    ),
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
    ),
    "AWSManagedRulesSQLiRuleSet": ("SQLi_BODY", "SQLiExtendedPatterns_BODY"),
}
"""The managed groups in the order of their turn, and of each the rules that look into bodies."""

_Statement = aws.wafv2.WebAclRuleStatementArgs


@dataclass(frozen=True)
class FirewallArgs:
    """What the firewall is made from.

    Attributes:
        name: Of the web ACL, and the beginning of its metrics' names.
        requests_per_5_minutes: What one address may ask before it is blocked.
        blocked_countries: ISO 3166 codes of countries that get no answer.
    """

    name: str
    requests_per_5_minutes: int
    blocked_countries: Sequence[str] = ()


def make_firewall(args: FirewallArgs, opts: pulumi.ResourceOptions) -> aws.wafv2.WebAcl:
    """The web ACL, its rules by priority."""
    rules = [
        _rule("rate", _rate(args.requests_per_5_minutes), blocks=True),
        _rule("bodies-elsewhere", _bodies_elsewhere(), blocks=True),
    ]
    if args.blocked_countries:
        countries = aws.wafv2.WebAclRuleStatementGeoMatchStatementArgs(country_codes=list(args.blocked_countries))
        rules.append(_rule("countries", _Statement(geo_match_statement=countries), blocks=True))
    rules += [_rule(name, _managed(name, bodies), blocks=False) for name, bodies in _COUNTED.items()]
    for priority, rule in enumerate(rules):
        rule.priority = priority
    return aws.wafv2.WebAcl(
        "firewall",
        name=args.name,
        scope="CLOUDFRONT",
        default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
        rules=rules,
        visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
            cloudwatch_metrics_enabled=True, metric_name=args.name, sampled_requests_enabled=False
        ),
        region=HOME,
        opts=opts,
    )


def _rule(name: str, statement: aws.wafv2.WebAclRuleStatementArgs, *, blocks: bool) -> aws.wafv2.WebAclRuleArgs:
    """A rule of our own, which blocks, or a managed group, whose rules' own actions hold."""
    return aws.wafv2.WebAclRuleArgs(
        name=name,
        priority=0,
        statement=statement,
        action=aws.wafv2.WebAclRuleActionArgs(block=aws.wafv2.WebAclRuleActionBlockArgs()) if blocks else None,
        override_action=None
        if blocks
        else aws.wafv2.WebAclRuleOverrideActionArgs(none=aws.wafv2.WebAclRuleOverrideActionNoneArgs()),
        # Samples would keep clients' headers.
        visibility_config=aws.wafv2.WebAclRuleVisibilityConfigArgs(
            cloudwatch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
        ),
    )


def _rate(limit: int) -> aws.wafv2.WebAclRuleStatementArgs:
    return _Statement(
        rate_based_statement=aws.wafv2.WebAclRuleStatementRateBasedStatementArgs(
            aggregate_key_type="IP", limit=limit, evaluation_window_sec=_WINDOW_S
        )
    )


def _bodies_elsewhere() -> aws.wafv2.WebAclRuleStatementArgs:
    transformation = [
        aws.wafv2.WebAclRuleStatementByteMatchStatementTextTransformationArgs(priority=0, type="NORMALIZE_PATH")
    ]
    api = _Statement(
        byte_match_statement=aws.wafv2.WebAclRuleStatementByteMatchStatementArgs(
            search_string=API,
            positional_constraint="STARTS_WITH",
            field_to_match=aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
                uri_path=aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchUriPathArgs()
            ),
            text_transformations=transformation,
        )
    )
    body = _Statement(
        size_constraint_statement=aws.wafv2.WebAclRuleStatementSizeConstraintStatementArgs(
            comparison_operator="GT",
            size=0,
            field_to_match=aws.wafv2.WebAclRuleStatementSizeConstraintStatementFieldToMatchArgs(
                body=aws.wafv2.WebAclRuleStatementSizeConstraintStatementFieldToMatchBodyArgs(oversize_handling="MATCH")
            ),
            text_transformations=[
                aws.wafv2.WebAclRuleStatementSizeConstraintStatementTextTransformationArgs(priority=0, type="NONE")
            ],
        )
    )
    elsewhere = _Statement(not_statement=aws.wafv2.WebAclRuleStatementNotStatementArgs(statement=api))
    return _Statement(and_statement=aws.wafv2.WebAclRuleStatementAndStatementArgs(statements=[body, elsewhere]))


def _managed(name: str, bodies: Sequence[str]) -> aws.wafv2.WebAclRuleStatementArgs:
    count = aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
        count=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
    )
    return _Statement(
        managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
            vendor_name="AWS",
            name=name,
            rule_action_overrides=[
                aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(
                    name=body, action_to_use=count
                )
                for body in bodies
            ],
        )
    )
