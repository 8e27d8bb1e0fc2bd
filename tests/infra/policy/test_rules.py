"""Every rule finds what it is there for, on every type that it knows, and nothing in a program that keeps to all."""

from collections.abc import Iterator
from datetime import date

import pytest

from infra.policy.evaluation import Evaluation
from infra.policy.rule import Rule, Setting
from infra.policy.rules import RULES
from tests.infra.policy.programs_of import CLOUDS, Violation, compliant, stack, subject, violations

SETTING = Setting(cloud="aws")


def evaluation() -> Evaluation:
    return Evaluation(RULES, (), date(2026, 1, 1))


def broken(violation: Violation) -> set[str]:
    """The rules that a program's changed resource breaks."""
    judge = evaluation()
    whole = stack(violation.program, SETTING)
    urn = violation.program[violation.resource].urn
    verdicts = [judge.judge(subject(violation.program[violation.resource], SETTING))]
    verdicts += [judge.judge_member(member, whole) for member in whole.members if member.urn == urn]
    return {found.rule.id for verdict in verdicts for found in verdict.violations}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_program_that_keeps_to_all_rules_passes(cloud: str) -> None:
    judge = evaluation()
    program = compliant(cloud)
    whole = stack(program, SETTING)
    verdicts = [judge.judge(subject(resource, SETTING)) for resource in program.values()]
    verdicts += [judge.judge_member(member, whole) for member in whole.members]
    assert [str(found) + found.urn for verdict in verdicts for found in verdict.violations] == []


@pytest.mark.parametrize("violation", [found for cloud in CLOUDS for found in violations(cloud)], ids=str)
def test_a_violation_is_found(violation: Violation) -> None:
    assert violation.rule in broken(violation)


def kinds(rule: Rule) -> Iterator[str]:
    yield from (kind for kind in rule.checks if not kind.endswith(":*"))
    yield from rule.member_checks


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_type_that_a_rule_knows_has_a_program_that_fails(rule: Rule) -> None:
    failing = {
        found.program[found.resource].kind for cloud in CLOUDS for found in violations(cloud) if found.rule == rule.id
    }
    assert set(kinds(rule)) - failing == set()
    assert failing


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
