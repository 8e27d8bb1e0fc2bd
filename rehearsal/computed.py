"""What a cloud computes: ids and outputs, from a type's row and from what its SDK publishes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rehearsal.sdk_schema import Kind, ResourceSchema, Type
from rehearsal.table import Cloud, Row
from rehearsal.template import PlaceUnknownError, Within, fill

_MOMENT: Final = "2026-01-01T00:00:00Z"
"""When everything here was made: a date that changes would make equal rehearsals differ."""
_DEPTH_LIMIT: Final = 4
"""Nested types may contain themselves."""


@dataclass(frozen=True)
class Scope:
    """Where a provider works.

    Attributes:
        account: what the cloud calls the account (AWS account, Azure subscription, Google project).
        region: the provider's region, empty if it has none.
        config: the provider's configuration.
    """

    account: str
    region: str
    config: Mapping[str, Any]

    def known(self) -> dict[str, Any]:
        """Give what templates may name."""
        return {"account": self.account, "region": self.region, "config": self.config}


def scope_of(cloud: Cloud, config: Mapping[str, Any], rehearsal: Mapping[str, Any]) -> Scope:
    """Tell from a provider's configuration where it works.

    Args:
        cloud: the tables.
        config: the provider's inputs, as the engine hands them over.
        rehearsal: what counts where they don't say; empty in the world.

    Raises:
        PlaceUnknownError: nothing says what account that is.
    """
    known = {"config": {key: _parsed(value) for key, value in config.items()}, "rehearsal": rehearsal}
    account = first_filled(cloud.account, known)
    return Scope(account=account, region=first_filled(cloud.region, known), config=known["config"])


def place_known(
    cloud: Cloud, row: Row, token: str, scope: Scope, *, inputs: Mapping[str, Any], logical_name: str, seed: str = ""
) -> dict[str, Any]:
    """Give what the template of a resource's id may name.

    Args:
        cloud: the tables.
        row: what is particular to the type.
        token: the type.
        scope: where it is made.
        inputs: the checked inputs, without secrets' marks.
        logical_name: the resource's name in the program.
        seed: what random values are drawn from.
    """
    _, module, class_name = token.split(":", 2)
    given = {key: value for key, value in inputs.items() if value is not None}
    return {
        **scope.known(),
        **{key: fill(template, scope.known(), seed) for key, template in cloud.input_defaults.items()},
        "module": module.split("/", maxsplit=1)[0],
        "class": class_name,
        "label": given.get(row.name or "name", logical_name),
        **given,
    }


def first_filled(templates: tuple[str, ...], known: Mapping[str, Any]) -> str:
    """Give the first of some templates whose places are all known.

    Raises:
        PlaceUnknownError: there is none.
    """
    for template in templates:
        try:
            return fill(template, known, "")
        except PlaceUnknownError:
            continue
    raise PlaceUnknownError(" or ".join(templates))


def compute(
    cloud: Cloud,
    row: Row,
    schema: ResourceSchema,
    scope: Scope,
    *,
    inputs: Mapping[str, Any],
    logical_name: str,
    seed: str,
    self_id: str | None = None,
) -> tuple[str, dict[str, Any]]:
    """Give a resource's id and everything that the cloud adds to its inputs.

    Args:
        cloud: the tables.
        row: what is particular to the type.
        schema: what the SDK publishes about the type.
        scope: where it is made.
        inputs: the checked inputs, without secrets' marks.
        logical_name: the resource's name in the program.
        seed: what random values are drawn from.
        self_id: the id, where the resource has one already.

    Raises:
        PlaceUnknownError: the id names an input that isn't there.
    """
    given = {key: value for key, value in inputs.items() if value is not None}
    known = place_known(cloud, row, schema.token, scope, inputs=inputs, logical_name=logical_name, seed=seed)
    known["id"] = self_id if self_id is not None else fill(row.id, known, seed)
    outputs: dict[str, Any] = {}
    for key, template in (*_common(cloud, schema), *row.outputs.items()):
        if isinstance(template, Within) and key not in given:
            continue
        try:
            outputs[key] = fill(template, {**outputs, **known}, seed)
        except PlaceUnknownError:
            continue  # the type has an output of a common name that isn't made of the usual parts
    for key, published in schema.outputs.items():
        if published.required and key not in outputs and key not in given:
            outputs[key] = _synthesise(schema, published.type, key, fill("{hex:12}", {}, f"{seed}/{key}"), 0)
    return known["id"], outputs


def overlaid(computed: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a program's inputs over what the cloud computed: inside of objects too, so that both are there."""
    laid = {**computed, **given}
    for key in computed.keys() & given.keys():
        ours, theirs = computed[key], given[key]
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            laid[key] = overlaid(ours, theirs)
        elif isinstance(ours, Mapping) and isinstance(theirs, list):
            laid[key] = ours  # the cloud answers with a mapping where it takes a list
    return laid


def is_computed(schema: ResourceSchema, row: Row, cloud: Cloud, key: str) -> bool:
    """Tell whether the cloud gives an output, where the program doesn't."""
    published = schema.outputs.get(key)
    return key in row.outputs or (published is not None and (published.required or key in cloud.common_outputs))


def _parsed(value: Any) -> Any:
    """Give a configuration value: bridged plugins get everything but texts as JSON in a text."""
    if not isinstance(value, str) or value[:1] not in {"[", "{", '"'}:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _common(cloud: Cloud, schema: ResourceSchema) -> list[tuple[str, Any]]:
    return [(key, template) for key, template in cloud.common_outputs.items() if key in schema.outputs]


def _synthesise(  # noqa: PLR0911 - one case a type
    schema: ResourceSchema, published: Type, name: str, drawn: str, depth: int
) -> Any:
    """Make a value of a published type, for an output that no row describes but that is always there."""
    if published.values is not None:
        return published.values[0]
    match published.kind:
        case Kind.BOOLEAN:
            return False
        case Kind.INTEGER | Kind.NUMBER:
            return 0
        case Kind.ARRAY:
            return []
        case Kind.MAP:
            return {}
        case Kind.OBJECT if depth < _DEPTH_LIMIT:
            return {
                key: _synthesise(schema, member.type, key, drawn, depth + 1)
                for key, member in schema.objects[published.name].items()
                if member.required
            }
        case Kind.STRING if name.endswith(("At", "Time", "Timestamp", "Date")):
            return _MOMENT
        case Kind.STRING:
            return f"simulated-{name}-{drawn}"
        case _:
            return None
