"""The tables of names and limits: each rule is about an input that its type has, and refuses what is outside of it."""

import pytest

from rehearsal.aws import CLOUD as AWS
from rehearsal.azure import CLOUD as AZURE
from rehearsal.gcp import CLOUD as GCP
from rehearsal.rules import Rule, merged
from rehearsal.sdk_schema import Kind, Property, ResourceSchema, Type, load
from rehearsal.table import Cloud


def inputs_at(schema: ResourceSchema, place: str) -> Type | None:
    """The type of an input by its dotted path, as tables write it."""
    members, found = schema.inputs, None
    for step in place.split("."):
        if step == "*":
            continue
        if (member := members.get(step)) is None:
            return None
        found = member.type
        members = inside(schema, found)
    return found


def inside(schema: ResourceSchema, found: Type) -> dict[str, Property]:
    if found.kind is Kind.OBJECT:
        return dict(schema.objects[found.name])
    members = inside(schema, found.item) if found.item is not None else {}
    for member in found.members:
        members |= inside(schema, member)
    return members


@pytest.mark.parametrize("cloud", [AWS, AZURE, GCP], ids=lambda cloud: cloud.plugin)
def test_each_rule_is_about_an_input_that_there_is(cloud: Cloud) -> None:
    pytest.importorskip(cloud.package)
    places = [(token, place) for token, rules in cloud.names.items() for place in rules]
    assert places
    assert [each for each in places if inputs_at(load(cloud.package, each[0]), each[1]) is None] == []


@pytest.mark.parametrize("cloud", [AWS, AZURE, GCP], ids=lambda cloud: cloud.plugin)
def test_each_rule_refuses_what_is_outside_of_it(cloud: Cloud) -> None:
    for token, rules in cloud.names.items():
        for place, rule in rules.items():
            wrong: list[object] = []
            if rule.minimum is not None:
                wrong.append(rule.minimum - 1)
            if rule.maximum is not None:
                wrong.append(rule.maximum + 1)
            if rule.max_length is not None:
                wrong.append("a" * (rule.max_length + 1))
            if rule.values is not None or rule.pattern is not None:
                wrong.append("\x00\n#%")  # which no service takes
            assert rule.source
            assert wrong, f"{token} {place} constrains nothing"
            for value in wrong:
                assert rule.violation(value) is not None, f"{token} {place} takes {value!r}"


def test_a_later_table_counts() -> None:
    first, later = Rule(source="a", minimum=1), Rule(source="b", minimum=2)
    assert merged({"t": {"x": first, "y": first}}, {"t": {"x": later}}) == {"t": {"x": later, "y": first}}
