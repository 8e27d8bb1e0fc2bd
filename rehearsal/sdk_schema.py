"""What an SDK publishes about one resource type: the names, types and values of its inputs and outputs.

The models are read from the installed Python packages (`rehearsal.sdk_reader`), which takes seconds for the biggest
modules; each is kept on disk under its SDK's version, so that a plugin imports no SDK once it has met a type.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from rehearsal.sdk_index import resource_classes, sdk_version
from toolchain.locations import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = "3"
"""Changes when these models do: what an earlier version kept is then read anew."""


class UnknownTypeError(Exception):
    """An SDK has no such resource type."""


class Kind(StrEnum):
    """What a value is on the wire."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    ARRAY = "array"
    MAP = "map"
    OBJECT = "object"
    UNION = "union"
    ASSET = "asset"
    RESOURCE = "resource"
    ANY = "any"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Type(_Model):
    """One type.

    Attributes:
        kind: what a value is on the wire.
        item: the type of an array's items or a map's values.
        name: the name of an object's type, a key of `ResourceSchema.objects`.
        members: the members of a union.
        values: the values of an enumeration, None for a free value.
        open: whether other values than those are allowed to be sent, as azure-native's unions of string and enumeration
            are; they are then the ones that the service had when the SDK was made.
    """

    kind: Kind
    item: Type | None = None
    name: str = ""
    members: tuple[Type, ...] = ()
    values: tuple[str | int | float, ...] | None = None
    open: bool = False


class Property(_Model):
    """One property of a resource or an object.

    Attributes:
        type: its type.
        required: whether an input must be given, or an output is always there.
        deprecated: what the SDK says instead of it, empty if it is current.
    """

    type: Type
    required: bool
    deprecated: str = ""


class ResourceSchema(_Model):
    """One resource type; all names are those of the wire (camelCase).

    Attributes:
        token: the type token.
        inputs: its inputs.
        outputs: its outputs, the inputs among them.
        objects: the types of nested objects, those of inputs and of outputs.
    """

    token: str
    inputs: dict[str, Property]
    outputs: dict[str, Property]
    objects: dict[str, dict[str, Property]]


@cache
def load(package: str, token: str) -> ResourceSchema:
    """Give what an SDK publishes about a type.

    Args:
        package: the SDK's Python package, `pulumi_aws`.
        token: the type token, `aws:ec2/vpc:Vpc`.

    Raises:
        SdkMissingError: the SDK isn't installed.
        UnknownTypeError: it has no such type.
    """
    found = resource_classes(package).get(token)
    if found is None:
        raise UnknownTypeError(f"{package} {sdk_version(package)} has no resource type {token}")
    kept = _kept(package, token)
    with contextlib.suppress(OSError, ValidationError):
        return ResourceSchema.model_validate_json(kept.read_bytes())
    from rehearsal.sdk_reader import read  # noqa: PLC0415 - imports the SDK, which a kept model saves

    schema = read(token, *found)
    with contextlib.suppress(OSError):  # a folder that can't be written costs time, nothing else
        keep_file(kept, schema.model_dump_json(exclude_defaults=True))
    return schema


def _kept(package: str, token: str) -> Path:
    name = token.replace(":", "-").replace("/", "-")
    digest = hashlib.sha256(token.encode()).hexdigest()[:8]  # file systems that fold case must not mix types
    return cache_dir() / "sdk-schemas" / f"{package}-{sdk_version(package)}-{_FORMAT}" / f"{name}-{digest}.json"


def keep_file(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it.

    Raises:
        OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".schema-", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)  # noqa: PTH105 - atomic, and both are plain names
