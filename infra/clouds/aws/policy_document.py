"""IAM policy documents, typed (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import pulumi

_COMPACT: Final = (",", ":")
"""KMS and S3 count a document's spaces."""

Conditions = Mapping[str, Mapping[str, pulumi.Input[str] | Sequence[pulumi.Input[str]]]]


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        sid: What it is for.
        actions: Actions by name, such as s3:GetObject.
        resources: ARNs; "*" in a key policy means the key, elsewhere only for actions that know no resources.
        principals: ARNs or services by kind ("AWS", "Service", "Federated"); None in a role's own policy.
        conditions: Values by operator and condition key.
        effect: Deny wins over any Allow.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ("*",)
    principals: Mapping[str, pulumi.Input[str] | Sequence[pulumi.Input[str]]] | None = None
    conditions: Conditions = field(default_factory=dict)
    effect: Literal["Allow", "Deny"] = "Allow"

    def as_json(self, *, with_resources: bool = True) -> dict[str, object]:
        """The statement in IAM's words; a trust policy's statements have no resources."""
        statement: dict[str, object] = {"Sid": self.sid, "Effect": self.effect, "Action": list(self.actions)}
        if self.principals is not None:
            statement["Principal"] = "*" if self.principals == EVERYBODY else dict(self.principals)
        if with_resources:
            statement["Resource"] = list(self.resources)
        if self.conditions:
            statement["Condition"] = {operator: dict(values) for operator, values in self.conditions.items()}
        return statement


EVERYBODY: Mapping[str, pulumi.Input[str] | Sequence[pulumi.Input[str]]] = {"AWS": "*"}
"""Of a Deny: nobody is exempt."""


def document(*statements: Statement) -> pulumi.Output[str]:
    """A policy as JSON."""
    return _json([statement.as_json() for statement in statements])


def trust(*statements: Statement) -> pulumi.Output[str]:
    """A trust policy as JSON: who may become a role."""
    return _json([statement.as_json(with_resources=False) for statement in statements])


def service_trust(service: str, *, account: str) -> pulumi.Output[str]:
    """Trust in a service, acting for this account alone (the confused deputy problem, IAM user guide)."""
    return trust(
        Statement(
            "Service",
            ["sts:AssumeRole"],
            principals={"Service": service},
            conditions={"StringEquals": {"aws:SourceAccount": account}},
        )
    )


def actions(service: str, verbs: Sequence[str]) -> list[str]:
    """Actions of one service by their full names."""
    return [f"{service}:{verb}" for verb in verbs]


def _json(statements: list[dict[str, object]]) -> pulumi.Output[str]:
    """Write a document as soon as the results in it are known.

    `pulumi.Output.json_dumps` makes an output of every name and value in it, several hundred for a key's policy.
    """
    document = {"Version": "2012-10-17", "Statement": statements}
    results: list[pulumi.Output[str]] = []

    def collect(value: object) -> str:
        if not isinstance(value, pulumi.Output):
            raise TypeError(f"a policy document can't hold a {type(value).__name__}: {value!r}")
        results.append(value)
        return ""

    text = _dumps(document, collect)
    if not results:
        return pulumi.Output.from_input(text)

    def fill(values: Sequence[str]) -> str:
        in_order = iter(values)
        return _dumps(document, lambda _: next(in_order))

    return pulumi.Output.all(*results).apply(fill)


def _dumps(document: object, default: Callable[[object], object]) -> str:
    return json.dumps(document, default=default, separators=_COMPACT)
