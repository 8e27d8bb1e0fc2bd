"""Whether an input is one that the cloud would take, told without a cloud.

Each input is held against what is published: the SDK's own types (names, required, nested types, enumerations), the
service's description where one is joined to the type (`rehearsal.published`), the naming rules of the type, and formats
that a name promises (an address range, a policy document). What a preview doesn't know yet is passed over.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from rehearsal import formats, published
from rehearsal.differences import DEFAULTS
from rehearsal.rules import Rule, one_of
from rehearsal.sdk_schema import Kind, Property, ResourceSchema, Type
from rehearsal.table import Cloud
from toolchain.provider.properties import UNKNOWN, Path, Secret, format_path

_SHOWN: Final = 80
"""How much of a wrong value a message shows."""


class Evidence(StrEnum):
    """How well a value could be checked."""

    VALUES = "values"
    """An enumeration, pattern, range, length or format is published, and the value was held against it."""
    FREE = "free"
    """The service's description has the property, and allows any value of its type."""
    TYPE = "type"
    """Only the SDK's type is known."""


@dataclass(frozen=True)
class Finding:
    """One input that isn't right.

    Attributes:
        path: where it is, as the engine writes property paths.
        reason: what is there, and what would be right.
        is_error: whether the cloud would refuse it; else it is worth knowing.
        is_secret: whether the value must not be shown.
    """

    path: str
    reason: str
    is_error: bool = True
    is_secret: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        findings: what isn't right.
        evidence: how well each value could be checked, by dotted path.
    """

    findings: list[Finding]
    evidence: Mapping[str, Evidence]


def check_inputs(cloud: Cloud, schema: ResourceSchema, inputs: Mapping[str, Any]) -> Checked:
    """Check a resource's inputs against everything that is published about them.

    Args:
        cloud: the cloud's tables.
        schema: what the SDK publishes about the type.
        inputs: the inputs as the program sends them, secrets and unknown values marked.
    """
    join = cloud.joins.get(schema.token)
    rules = published.load(cloud.source, join, schema) if cloud.source is not None and join is not None else {}
    check = _Check(cloud, schema, {**rules, **cloud.names.get(schema.token, {})})
    given = {key: value for key, value in inputs.items() if key != DEFAULTS}
    findings = list(check.members(schema.inputs, given, ()))
    return Checked(findings, check.evidence)


class _Check:
    """One resource's check: walks types and values together."""

    def __init__(self, cloud: Cloud, schema: ResourceSchema, rules: Mapping[str, Rule]) -> None:
        self._cloud = cloud
        self._schema = schema
        self._rules = rules
        self.evidence: dict[str, Evidence] = {}

    def members(
        self, published_members: Mapping[str, Property], given: Mapping[str, Any], path: Path, *, place: str = ""
    ) -> Iterator[Finding]:
        """Check the members of an object (or the inputs of a resource)."""
        for name, value in given.items():
            member = published_members.get(name)
            if member is None:
                near = difflib.get_close_matches(name, published_members, n=3)
                hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(published_members)}"
                yield Finding(format_path((*path, name)), f"{self._schema.token} has no such property{hint[:400]}")
                continue
            if value is None:
                continue
            if member.deprecated:
                yield Finding(format_path((*path, name)), f"is deprecated: {member.deprecated}", is_error=False)
            yield from self.value(member.type, value, (*path, name), place=f"{place}.{name}".removeprefix("."))
        for name, member in published_members.items():
            if member.required and given.get(name) is None:
                yield Finding(format_path((*path, name)), "is missing, and required")

    def value(self, expected: Type, value: Any, path: Path, *, place: str, hidden: bool = False) -> Iterator[Finding]:
        """Check one value against its type, then against the rules of its place.

        Args:
            expected: its type.
            value: what the program sends.
            path: where it is, for messages.
            place: the same as tables write it: without places in lists, a star for any key of a mapping.
            hidden: whether it is part of a secret, which no message shows.
        """
        if isinstance(value, Secret):
            yield from self.value(expected, value.value, path, place=place, hidden=True)
            return
        if value is UNKNOWN or value is None:
            return
        match expected.kind:
            case Kind.ARRAY if isinstance(value, list):
                yield from self._items(expected, enumerate(value), path, place=place, hidden=hidden)
            case Kind.MAP if isinstance(value, Mapping):
                yield from self._items(expected, value.items(), path, place=f"{place}.*", hidden=hidden)
            case Kind.OBJECT if isinstance(value, Mapping):
                yield from self.members(self._schema.objects[expected.name], value, path, place=place)
            case Kind.UNION:
                yield from self._union(expected, value, path, place=place, hidden=hidden)
            case Kind.ANY | Kind.ASSET | Kind.RESOURCE:
                return
            case _ if not _fits(expected.kind, value):
                reason = f"is {_shown(value, hidden)}, must be {_described(expected)}"
                yield Finding(format_path(path), reason, is_secret=hidden)
            case _:
                yield from self._scalar(expected, value, path, place=place, hidden=hidden)

    def _items(
        self, expected: Type, items: Iterable[tuple[str | int, Any]], path: Path, *, place: str, hidden: bool
    ) -> Iterator[Finding]:
        """Check each item of a list, or each value of a mapping."""
        for key, item in items:
            yield from self.value(expected.item or Type(kind=Kind.ANY), item, (*path, key), place=place, hidden=hidden)

    def _union(self, expected: Type, value: Any, path: Path, *, place: str, hidden: bool) -> Iterator[Finding]:
        """Take the member that fits best: what is wrong with it is what a person wants to read."""
        attempts = [list(self.value(member, value, path, place=place, hidden=hidden)) for member in expected.members]
        yield from min(attempts, key=len, default=[])

    def _scalar(self, expected: Type, value: Any, path: Path, *, place: str, hidden: bool) -> Iterator[Finding]:
        where = format_path(path)
        rule = self._rules.get(place) or self._rules.get(place.removesuffix(".*"))
        self._note(place, Evidence.TYPE if rule is None else Evidence.FREE)
        if isinstance(value, bool):
            self._note(place, Evidence.VALUES)
            return
        if expected.values is not None and (self._cloud.sdk_values_bind or not expected.open):
            self._note(place, Evidence.VALUES)
            known = (*map(str, expected.values), *self._cloud.extra_values.get(f"{self._schema.token}.{place}", ()))
            if str(value) not in known:
                yield Finding(
                    where, f"is {_shown(value, hidden)}, must be {one_of(known, str(value))} (the SDK's type)"
                )
                return
        for check in self._checks(rule, place):
            self._note(place, Evidence.VALUES)
            if (wrong := check.violation(value)) is not None:
                reason = wrong.replace(str(value), "[secret]") if hidden else wrong
                yield Finding(where, f"is {_shown(value, hidden)}, {reason}", is_secret=hidden)
                return

    def _checks(self, rule: Rule | None, place: str) -> Iterator[Rule | formats.Format]:
        """Yield everything that a value at a place is held against."""
        if rule is not None and rule.constrains:
            yield rule
        yield from (each.rule for each in self._cloud.habits if each.at(self._schema.token, place))
        if (form := formats.of_property(self._schema.token, place.removesuffix(".*").rpartition(".")[2])) is not None:
            yield form

    def _note(self, place: str, evidence: Evidence) -> None:
        """Remember the best evidence of a place."""
        order = list(reversed(Evidence))
        self.evidence[place] = max(evidence, self.evidence.get(place, evidence), key=order.index)


def _fits(kind: Kind, value: Any) -> bool:
    match kind:
        case Kind.STRING:
            return isinstance(value, str)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case _:
            return False


def _described(expected: Type) -> str:
    return {
        Kind.STRING: "a text",
        Kind.BOOLEAN: "true or false",
        Kind.INTEGER: "a whole number",
        Kind.NUMBER: "a number",
        Kind.ARRAY: "a list",
        Kind.MAP: "a mapping",
        Kind.OBJECT: f"an object ({expected.name.rsplit('.', 1)[-1]})",
    }.get(expected.kind, str(expected.kind))


def _shown(value: Any, hidden: bool) -> str:
    if hidden:
        return "[secret]"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
