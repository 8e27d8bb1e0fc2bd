"""Every key of a stack file with its meaning and its default, for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infra.config.load import NAMESPACE
from infra.config.settings import StackSettings

_NOT_IN_A_FILE = {"tenants"}


@dataclass(frozen=True)
class DescribedKey:
    """A key that a stack file may have.

    Attributes:
        path: As a stack file writes it; `[]` after a list: `modelfleet:gpuPools[].sku`.
        default: What it is if it isn't written; `required` where it must be.
        meaning: A sentence.
    """

    path: str
    default: str
    meaning: str


def described_keys() -> Iterator[DescribedKey]:
    """Give every key, those of nested parts instead of the parts."""
    yield from _keys(StackSettings, f"{NAMESPACE}:")


def _keys(model: type[BaseModel], prefix: str) -> Iterator[DescribedKey]:
    for name, field in model.model_fields.items():
        if name in _NOT_IN_A_FILE:
            continue
        path = prefix + (field.alias or name)
        inner, listed = _inner(field.annotation)
        if inner is None:
            yield DescribedKey(path, _default(field), field.description or "")
        else:
            yield from _keys(inner, path + ("[]." if listed else "."))


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Give the model that a key holds, one or a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    found = next((inner for part in get_args(annotation) if (inner := _inner(part)[0]) is not None), None)
    return found, found is not None and not isinstance(annotation, UnionType) and get_origin(annotation) is tuple


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "" if field.default_factory_takes_validated_data else str(field.get_default(call_default_factory=True))
    value = field.default
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
