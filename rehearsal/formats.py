"""Formats that the name of a property promises, whatever the cloud: address ranges, policy documents, durations.

Services check these too; their descriptions call them plain texts.
"""

import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_POLICY_VERSIONS: Final = ("2012-10-17", "2008-10-17")


@dataclass(frozen=True)
class Format:
    """A format of texts.

    Attributes:
        names: matches the names of the properties that have it.
        check: gives what would be right where a text isn't of it, else None.
        others: types whose property of that name is something else.
    """

    names: re.Pattern[str]
    check: Callable[[str], str | None]
    others: frozenset[str] = frozenset()

    def violation(self, value: Any) -> str | None:
        """Tell what would be right where a value isn't of the format."""
        return self.check(value) if isinstance(value, str) and value else None


def of_property(token: str, name: str) -> Format | None:
    """Give the format that a property's name promises, None if it promises none.

    Args:
        token: the resource type.
        name: the property's own name.
    """
    return next((each for each in _FORMATS if each.names.fullmatch(name) and token not in each.others), None)


def _address_range(value: str) -> str | None:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        return f"must be an address range in CIDR notation (RFC 4632): {error}"
    return None


def _address_prefix(value: str) -> str | None:
    """Check an address range of Azure, which may be a service tag: a name in its place."""
    return None if re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*|\*", value) else _address_range(value)


def _policy(value: str) -> str | None:
    """Check a policy document of AWS.

    Its grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    try:
        document = json.loads(value)
    except ValueError as error:
        return f"must be a policy document in JSON: {error}"
    if not isinstance(document, dict):
        return "must be a policy document: an object with Version and Statement"
    if document.get("Version", _POLICY_VERSIONS[0]) not in _POLICY_VERSIONS:
        return f"its Version must be {' or '.join(_POLICY_VERSIONS)}"
    statements = document.get("Statement")
    several = statements if isinstance(statements, list) else [statements]
    return next((wrong for each in several if (wrong := _statement(each)) is not None), None)


def _statement(statement: Any) -> str | None:
    if not isinstance(statement, dict):
        return "must have a Statement, or a list of them"
    unknown = set(statement) - _STATEMENT_KEYS
    if unknown:
        return f"a statement has no {', '.join(sorted(unknown))}: it may have {', '.join(sorted(_STATEMENT_KEYS))}"
    if statement.get("Effect") not in {"Allow", "Deny"}:
        return "each statement's Effect must be Allow or Deny"
    if not {"Action", "NotAction"} & set(statement):
        return "each statement must name an Action or a NotAction"
    return None


def _resource_name(value: str) -> str | None:
    """Check an ARN: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html."""
    if re.fullmatch(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}|aws|cloudfront)?:.+", value):
        return None
    return "must be an ARN: arn:partition:service:region:account:resource"


def _seconds(value: str) -> str | None:
    """Check a duration as Google's APIs write it (https://protobuf.dev/reference/protobuf/google.protobuf/#duration)."""
    if re.fullmatch(r"[0-9]+(\.[0-9]{1,9})?s", value):
        return None
    return "must be a duration in seconds, such as 7776000s"


_STATEMENT_KEYS: Final = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_FORMATS: Final = (
    Format(re.compile(r"(source|destination)?[aA]ddressPrefix(es)?"), _address_prefix),
    Format(
        re.compile(r"(cidrBlocks?|cidrIpv[46]|ipCidrRange|(pod|service|master).*[cC]idrs?(Block)?|.*Cidr(Block)?s?)"),
        _address_range,
    ),
    Format(
        re.compile(r"(policy|assumeRolePolicy|policyDocument)"),
        _policy,
        others=frozenset({"aws:ecr/lifecyclePolicy:LifecyclePolicy", "aws:dlm/lifecyclePolicy:LifecyclePolicy"}),
    ),
    Format(re.compile(r"(.*Arns?|arn)"), _resource_name),
    Format(re.compile(r"(rotationPeriod|destroyScheduledDuration|maxRunDuration|messageRetentionDuration)"), _seconds),
)
