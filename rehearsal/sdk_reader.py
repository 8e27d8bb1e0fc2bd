"""Reads a resource type's schema from the classes of an installed SDK.

The generated classes carry everything that the service's schema says about names, types, enumerations and what is
required: each property is a getter with a type hint, marked with its name on the wire, and the constructor of an
argument class has a default for what may be left out.
"""

import collections.abc
import enum
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any, Final, Union, get_args, get_origin

import pulumi

from rehearsal.sdk_schema import Kind, Property, ResourceSchema, Type

_PRIMITIVES: Final = {
    str: Kind.STRING,
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    object: Kind.ANY,
    Any: Kind.ANY,
}
_DEPRECATION: Final = re.compile(r"(\w+) is deprecated: (.*)", re.DOTALL)
"""The warning that an argument class's constructor gives for a deprecated input: the name in Python, and what is said
of it."""


def read(token: str, module: str, class_name: str) -> ResourceSchema:
    """Read one resource type; imports its module of the SDK.

    Args:
        token: the type token.
        module: the Python module, `pulumi_aws.ec2`.
        class_name: the resource's class in it.
    """
    home = importlib.import_module(module)
    resource = getattr(home, class_name)
    reader = _Reader()
    return ResourceSchema(
        token=token,
        inputs=reader.inputs(_arguments_class(resource)),
        outputs=reader.outputs(resource),
        objects=reader.objects,
    )


class _Reader:
    """Collects the nested types on the way."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Property]] = {}

    def inputs(self, cls: type | None) -> dict[str, Property]:
        """Read an argument class; a resource without one takes no inputs."""
        if cls is None:
            return {}
        parameters = inspect.signature(cls.__init__).parameters
        deprecated = _deprecations(cls)
        found: dict[str, Property] = {}
        for python_name, wire_name, hint in _properties(cls):
            parameter = parameters.get(python_name)
            found[wire_name] = Property(
                type=self.wire_type(hint),
                required=parameter is not None and parameter.default is inspect.Parameter.empty,
                deprecated=deprecated.get(python_name, ""),
            )
        return found

    def outputs(self, cls: type) -> dict[str, Property]:
        """Read a resource's or an output type's class."""
        return {
            wire_name: Property(type=self.wire_type(hint), required=not _is_optional(hint))
            for _, wire_name, hint in _properties(cls)
        }

    def wire_type(self, hint: Any) -> Type:
        """Turn a type hint into a type of the wire."""
        members = list(_members(hint))
        if len(members) == 1:
            return self._single(members[0])
        kinds = [self._single(member) for member in members]
        enumerations = [each for each in kinds if each.values is not None]
        # `str | SomeEnum`: the service's own list at the time of the SDK, and room for what it learns later.
        if len(enumerations) == 1 and len(kinds) == 2 and any(each.values is None for each in kinds):
            return enumerations[0].model_copy(update={"open": True})
        return Type(kind=Kind.UNION, members=tuple(kinds)) if kinds else Type(kind=Kind.ANY)

    def _single(self, hint: Any) -> Type:  # noqa: PLR0911 - one case a type
        if hint in _PRIMITIVES:
            return Type(kind=_PRIMITIVES[hint])
        origin = get_origin(hint)
        if origin in {list, collections.abc.Sequence}:
            return Type(kind=Kind.ARRAY, item=self.wire_type(get_args(hint)[0]))
        if origin in {dict, collections.abc.Mapping}:
            return Type(kind=Kind.MAP, item=self.wire_type(get_args(hint)[1]))
        if not isinstance(hint, type):
            return Type(kind=Kind.ANY)
        if issubclass(hint, enum.Enum):
            values = tuple(member.value for member in hint)
            return Type(kind=_PRIMITIVES.get(type(values[0]), Kind.STRING), values=values)
        if issubclass(hint, (pulumi.Asset, pulumi.Archive)):
            return Type(kind=Kind.ASSET)
        if issubclass(hint, pulumi.Resource):
            return Type(kind=Kind.RESOURCE)
        if list(_properties_of(hint)):
            return self._object(hint)
        return Type(kind=Kind.MAP, item=Type(kind=Kind.ANY)) if issubclass(hint, dict) else Type(kind=Kind.ANY)

    def _object(self, cls: type) -> Type:
        name = f"{cls.__module__.removeprefix('pulumi_')}.{cls.__name__}"
        if name not in self.objects:
            self.objects[name] = {}  # types may contain themselves
            is_output = cls.__module__.endswith(".outputs")
            self.objects[name].update(self.outputs(cls) if is_output else self.inputs(cls))
        return Type(kind=Kind.OBJECT, name=name)


def _arguments_class(resource: type) -> type | None:
    """Find the class of a resource's arguments; where a nested type has taken its name, it is called otherwise."""
    module = sys.modules[resource.__module__]
    for name in (f"{resource.__name__}Args", f"{resource.__name__}InitArgs"):
        found = getattr(module, name, None)
        if isinstance(found, type) and found.__module__ == resource.__module__:
            return found
    return None


def _deprecations(cls: type) -> dict[str, str]:
    """Give what the constructor says of deprecated inputs, by their names in Python."""
    constants = [each for each in cls.__init__.__code__.co_consts if isinstance(each, str)]
    return {found[1]: found[2] for each in constants if (found := _DEPRECATION.fullmatch(each))}


def _properties(cls: type) -> Iterator[tuple[str, str, Any]]:
    """Yield a class's properties: name in Python, name on the wire, resolved type hint."""
    scope = {**vars(sys.modules[cls.__module__]), "Output": pulumi.Output, "pulumi": pulumi, "T": object}
    for python_name, wire_name, getter in _properties_of(cls):
        # Equal annotations of two modules (`'SkuName' | str`) are one object, which keeps what it was first resolved to
        # unless the local namespace is another one than the global.
        hint = typing.get_type_hints(getter, globalns=scope, localns={})["return"]
        yield python_name, wire_name, hint


def _properties_of(cls: type) -> Iterator[tuple[str, str, Any]]:
    for base in reversed(cls.__mro__):
        for python_name, value in vars(base).items():
            if isinstance(value, property) and value.fget is not None:
                # The mark that `pulumi.getter` leaves on the function.
                wire_name = getattr(value.fget, "_pulumi_name", None)
                if isinstance(wire_name, str):
                    yield python_name, wire_name, value.fget


def _members(hint: Any) -> Iterator[Any]:
    """Yield what a value may be, without the wrappers in which a program may hand it over."""
    origin = get_origin(hint)
    if origin is pulumi.Output:
        yield from _members(get_args(hint)[0])
    elif origin in {Union, types.UnionType}:
        seen: list[Any] = []
        for each in get_args(hint):
            if each is type(None) or get_origin(each) in {pulumi.Output, collections.abc.Awaitable}:
                continue
            for member in _members(each):
                if member not in seen and not _is_typed_dict(member):
                    seen.append(member)
                    yield member
    else:
        yield hint


def _is_optional(hint: Any) -> bool:
    if get_origin(hint) is pulumi.Output:
        return _is_optional(get_args(hint)[0])
    return get_origin(hint) in {Union, types.UnionType} and type(None) in get_args(hint)


def _is_typed_dict(hint: Any) -> bool:
    """Tell whether a hint is the dictionary spelling of an argument class that stands beside it."""
    return isinstance(hint, type) and typing.is_typeddict(hint)
