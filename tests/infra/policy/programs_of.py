"""Programs as data: for each cloud the resources that pass, and the changes by which they don't.

The same files are judged directly (fast) and run through the engine, so that what a rule is tested by is what it
meets.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.policy.inputs import Inputs
from infra.policy.rule import Member, Setting, Stack, Subject

FOLDER = Path(__file__).with_name("programs")
CLOUDS = ("aws", "azure", "gcp", "kubernetes")
PROJECT, STACK = "prog", "dev"
_DOCUMENTS = ("policy", "assumeRolePolicy")


@dataclass(frozen=True)
class Resource:
    """A resource of a program; `${name}` in its properties is another one's id."""

    name: str
    kind: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False

    @property
    def urn(self) -> str:
        return f"urn:pulumi:{STACK}::{PROJECT}::{self.kind}::{self.name}"


@dataclass(frozen=True)
class Violation:
    """A change by which a resource of a passing program breaks a rule."""

    rule: str
    resource: str
    program: Mapping[str, Resource]

    def __str__(self) -> str:
        return f"{self.rule}-{self.resource}"


@cache
def compliant(cloud: str) -> Mapping[str, Resource]:
    return {
        name: _finished(Resource(name, row["type"], row.get("properties", {}), row.get("protect", False)))
        for name, row in _document(cloud)["compliant"].items()
    }


def violations(cloud: str) -> Iterator[Violation]:
    document = _document(cloud)
    rows = document["compliant"] | document.get("forbidden", {})
    for row in document["violations"]:
        changed = dict(compliant(cloud))
        target = row.get("of", row["resource"])
        changed.pop(row.get("remove"), None)
        source = rows[target]
        properties = copy.deepcopy(source.get("properties", {}))
        for path, value in row.get("set", {}).items():
            _set(properties, path, value)
        protect = row.get("protect", source.get("protect", False))
        changed[target] = _finished(Resource(target, source["type"], properties, protect))
        yield Violation(row["rule"], row["resource"], changed)


def subject(resource: Resource, setting: Setting, **changes: Any) -> Subject:
    made = Subject(
        kind=resource.kind,
        name=resource.name,
        urn=resource.urn,
        inputs=Inputs(resource.properties),
        protect=resource.protect,
        setting=setting,
    )
    return replace(made, **changes)


def stack(program: Mapping[str, Resource], setting: Setting) -> Stack:
    return Stack(
        tuple(
            Member(
                kind=resource.kind,
                name=resource.name,
                urn=resource.urn,
                outputs=Inputs(resource.properties),
                uses={
                    key: frozenset(program[name].urn for name in references(value) if name in program)
                    for key, value in resource.properties.items()
                },
            )
            for resource in program.values()
        ),
        setting,
    )


def references(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("${"):
        yield value[2:-1]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@cache
def _document(cloud: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{cloud}.yaml").read_text(encoding="utf-8"))


def _set(properties: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    at: Any = properties
    for step in parents:
        if isinstance(at, dict) and at.get(step) is None:
            at[step] = {}
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value


def _finished(resource: Resource) -> Resource:
    """Write AWS policy documents as the text that the cloud takes."""
    properties = {
        key: json.dumps(value) if key in _DOCUMENTS and isinstance(value, Mapping) else value
        for key, value in resource.properties.items()
    }
    return replace(resource, properties=properties)
