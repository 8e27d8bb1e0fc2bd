"""The rules as a CrossGuard policy pack: what the engine asks, answered.

The engine shows a resource's inputs before it makes the resource, in previews and in updates alike, so a violation
stops it. It shows the whole stack at the end: too late for an update to be stopped, which is why rules look at single
resources wherever they can and `fleet up` previews a cloud stack before it changes anything.

In a preview the results of other resources aren't known yet. A rule that depends on one says so, as advice; it is
judged when the update reaches the resource, before the resource is made.

All rules on single resources are one policy to the engine: pulumi-policy unpacks a resource again for every policy
(0.06 to 0.5 ms each), and the engine waits for it. Each finding starts with the rule's name.
"""

import re
from datetime import date
from pathlib import Path
from typing import Final

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from infra.policy.evaluation import Evaluation, Unjudged
from infra.policy.exemptions import FILE, read
from infra.policy.inputs import Inputs
from infra.policy.rule import Member, Setting, Stack, Subject
from infra.policy.rules import RULES

NAME: Final = "modelfleet"
_API_VERSION: Final = re.compile(r"^(azure-native:\w+)/v\w+:")
_S3_SECOND: Final = re.compile(r"^aws:s3/(\w+?)V2:(\w+?)V2$")
_SAME_BALANCERS: Final = re.compile(r"^aws:(?:alb|applicationloadbalancing)/")
_STACK: Final = "pulumi:pulumi:Stack"


class _WaitsForUpdateError(UnknownValueError):
    """What pulumi-policy turns into advice, in our words."""

    def __init__(self, unjudged: list[Unjudged]) -> None:
        Exception.__init__(self)
        self.message = "judged by the update, before the resource is made: " + "; ".join(map(str, unjudged))


def kind_of(resource_type: str) -> str:
    """Give a type without what differs between versions and names of the same thing."""
    versionless = _SAME_BALANCERS.sub("aws:lb/", _API_VERSION.sub(r"\1:", resource_type))
    return _S3_SECOND.sub(r"aws:s3/\1:\2", versionless)


class Pack:
    """The policies, and what they remember from one resource to the next."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def policies(self) -> list[Policy]:
        """Give the policies that the engine runs."""
        return [
            ResourceValidationPolicy(
                name="rules",
                description="What every resource must keep to (docs/policies.md).",
                validate=self.validate,
                enforcement_level=EnforcementLevel.MANDATORY,
            ),
            StackValidationPolicy(
                name="stack-rules",
                description="What resources must keep to together (docs/policies.md).",
                validate=self.validate_stack,
                enforcement_level=EnforcementLevel.MANDATORY,
            ),
            StackValidationPolicy(
                name="exemptions",
                description="Exemptions in force (infra/policy/exemptions.yaml).",
                validate=self.report_exemptions,
                enforcement_level=EnforcementLevel.ADVISORY,
            ),
        ]

    def validate(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        """Judge a resource that is about to be made or changed."""
        if args.resource_type == _STACK:
            for exemption in self._evaluation.expired:
                report(f"an exemption has expired: {exemption}. Renew it with a reason, or remove it", None)
            return
        verdict = self._evaluation.judge(
            Subject(
                kind=kind_of(args.resource_type),
                name=args.name,
                urn=args.urn,
                inputs=Inputs(args.props),
                protect=args.opts.protect,
                provider=None if args.provider is None else Inputs(args.provider.props),
                setting=_setting(),
            )
        )
        for violation in verdict.violations:
            report(str(violation), None)
        if verdict.unjudged:
            raise _WaitsForUpdateError(list(verdict.unjudged))

    def validate_stack(self, args: StackValidationArgs, report: ReportViolation) -> None:
        """Judge resources among the others."""
        stack = Stack(tuple(_member(resource) for resource in args.resources), _setting())
        unjudged: list[Unjudged] = []
        for member in stack.members:
            verdict = self._evaluation.judge_member(member, stack)
            for violation in verdict.violations:
                report(str(violation), member.urn)
            unjudged += verdict.unjudged
        if unjudged:
            raise _WaitsForUpdateError(unjudged)

    def report_exemptions(self, _args: StackValidationArgs, report: ReportViolation) -> None:
        """Tell which exemptions there are and what they were used for."""
        for exemption in self._evaluation.exemptions:
            uses = self._evaluation.used.get(exemption, set())
            report(f"{exemption} ({len(uses)} resources of this stack)", None)


def _member(resource: PolicyResource) -> Member:
    return Member(
        kind=kind_of(resource.resource_type),
        name=resource.name,
        urn=resource.urn,
        outputs=Inputs(resource.props),
        uses={
            key: frozenset(used.urn for used in resources) for key, resources in resource.property_dependencies.items()
        },
    )


def _setting() -> Setting:
    config = pulumi.Config("modelfleet")
    return Setting(cloud=config.get("cloud") or "", delete_data=config.get_bool("deleteData") or False)


def serve(today: date, file: Path = FILE) -> None:
    """Answer the engine until it ends this process.

    Args:
        today: The day that exemptions are judged by.
        file: Where exemptions are written.

    Raises:
        SettingsError: the file can't be used.
    """
    exemptions = read(file, [rule.id for rule in RULES])
    PolicyPack(NAME, Pack(Evaluation(RULES, exemptions, today)).policies())
