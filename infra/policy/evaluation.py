"""Rules applied to resources: what is violated, what is exempted, what a preview can't tell."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from infra.policy.exemptions import Exemption
from infra.policy.inputs import NotKnownYetError
from infra.policy.rule import Member, Rule, Stack, Subject

_Checked = TypeVar("_Checked")


@dataclass(frozen=True)
class Violation:
    """A rule that a resource breaks.

    Attributes:
        rule: The rule.
        urn: The resource's URN.
        problem: What is wrong with it.
    """

    rule: Rule
    urn: str
    problem: str

    def __str__(self) -> str:
        return f"{self.rule.id} ({self.rule.severity}): {self.problem}. {self.rule.remedy}"


@dataclass(frozen=True)
class Unjudged:
    """A rule that waits for a value which only the update will know.

    Attributes:
        rule: The rule.
        urn: The resource's URN.
        path: Where the value is.
    """

    rule: Rule
    urn: str
    path: str

    def __str__(self) -> str:
        return f"{self.rule.id} waits for {self.path} of {self.urn.rpartition('::')[2]}"


@dataclass(frozen=True)
class Verdict:
    """What the rules say about a resource."""

    violations: tuple[Violation, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()


@dataclass
class Evaluation:
    """All rules with their exemptions, over the resources of one run.

    Attributes:
        rules: The rules.
        exemptions: The exemptions; those that expired before `today` don't count.
        today: The day of the run.
        used: Filled with the URNs that each exemption was used for.
    """

    rules: Sequence[Rule]
    exemptions: Sequence[Exemption]
    today: date
    used: dict[Exemption, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._checks = _by_kind((rule, kind, check) for rule in self.rules for kind, check in rule.checks.items())
        self._member_checks = _by_kind(
            (rule, kind, check) for rule in self.rules for kind, check in rule.member_checks.items()
        )

    @property
    def expired(self) -> Sequence[Exemption]:
        """Exemptions whose last day is over."""
        return [exemption for exemption in self.exemptions if exemption.expires < self.today]

    def judge(self, subject: Subject) -> Verdict:
        """Apply the rules that look at one resource."""
        package = subject.kind.partition(":")[0]
        checks = [*self._checks.get(subject.kind, ()), *self._checks.get(f"{package}:*", ())]
        return self._verdict(subject.urn, ((rule, lambda check=check: check(subject)) for rule, check in checks))

    def judge_member(self, member: Member, stack: Stack) -> Verdict:
        """Apply the rules that look at a resource among the others."""
        checks = self._member_checks.get(member.kind, ())
        return self._verdict(member.urn, ((rule, lambda check=check: check(member, stack)) for rule, check in checks))

    def _verdict(self, urn: str, checks: Iterable[tuple[Rule, Callable[[], Iterable[str]]]]) -> Verdict:
        violations: list[Violation] = []
        unjudged: list[Unjudged] = []
        for rule, check in checks:
            problems: list[str] = []
            try:
                problems.extend(check())  # what was found before a value wasn't known stays found
            except NotKnownYetError as error:
                unjudged.append(Unjudged(rule, urn, error.path))
            if problems and not self._exempted(rule, urn):
                violations += [Violation(rule, urn, problem) for problem in problems]
        return Verdict(tuple(violations), tuple(unjudged))

    def _exempted(self, rule: Rule, urn: str) -> bool:
        for exemption in self.exemptions:
            if exemption.expires >= self.today and exemption.covers(rule.id, urn):
                self.used.setdefault(exemption, set()).add(urn)
                return True
        return False


def _by_kind(rows: Iterable[tuple[Rule, str, _Checked]]) -> Mapping[str, Sequence[tuple[Rule, _Checked]]]:
    found: dict[str, list[tuple[Rule, _Checked]]] = {}
    for rule, kind, check in rows:
        found.setdefault(kind, []).append((rule, check))
    return found
