"""Places in AWS's service models: operations' inputs, shapes, and what is published about their values.

A file of its own, imported with the first rule that isn't kept on disk: a simulator that has all of them does without
botocore.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from rehearsal.published import Node, normalised
from rehearsal.rules import Rule


def node_at(place: str) -> Node | None:
    """Give the input of an operation, or a shape, of a service: `service.Name`, with members after more dots."""
    service, name, *members = place.split(".")
    model = _model(service)
    shape = model.operation_model(name).input_shape if name in model.operation_names else _shape(model, name)
    found: Node | None = None if shape is None else _ShapeNode(service, shape)
    for member in members:
        found = None if found is None else found.member(normalised(member))
    return found


class _ShapeNode:
    def __init__(self, service: str, shape: Shape) -> None:
        self._service = service
        self._shape = _item(shape)

    def member(self, name: str) -> "_ShapeNode | None":
        if not isinstance(self._shape, StructureShape):
            return None
        members: Mapping[str, Shape] = self._shape.members
        for key, shape in members.items():
            if normalised(key) == name:
                return _ShapeNode(self._service, shape)
        return None

    def rule(self) -> Rule:
        metadata: dict[str, Any] = self._shape.metadata
        kind = self._shape.type_name
        found: dict[str, Any] = {"source": f"{self._service} {self._shape.name}"}
        if metadata.get("enum"):
            found["values"] = tuple(metadata["enum"])
        if kind == "string" and "values" not in found:
            found |= _present({"min_length": metadata.get("min"), "max_length": metadata.get("max")})
            if pattern := metadata.get("pattern"):
                found |= {"pattern": pattern, "anchored": not pattern.startswith("^") and not pattern.endswith("$")}
        elif kind in {"integer", "long", "double", "float"}:
            found |= _present({"minimum": metadata.get("min"), "maximum": metadata.get("max")})
        return Rule(**found)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _item(shape: Shape) -> Shape:
    """Look through lists and maps to what they hold."""
    while isinstance(shape, (ListShape, MapShape)):
        shape = shape.member if isinstance(shape, ListShape) else shape.value
    return shape


def _shape(model: ServiceModel, name: str) -> Shape | None:
    return model.shape_for(name) if name in model.shape_names else None


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)
