"""Property values of the engine: protobuf structs on the wire, plain Python values here.

The engine marks what a struct cannot say: a secret is an object with a signature key, a value that a preview
does not know yet is a reserved string. Both become types here, so that no plugin compares magic strings.
The constants are those of the Pulumi protocol (sdk/go/common/resource/plugin and sig packages).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from google.protobuf import struct_pb2

SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's marker
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_STRINGS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string, and what the engine sends today for every type
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
    }
)
_UNKNOWN_ON_THE_WIRE: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Path = tuple[str | int, ...]
"""Where a value lies inside a property tree: keys and list indices."""


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN
"""A value that becomes known only when the update runs."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the state stores encrypted and that no output shows."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(…)"


def decode(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Give a struct's Python values: secrets as `Secret`, unknowns as `UNKNOWN`, whole numbers as `int`."""
    return {key: decode_value(value) for key, value in properties.fields.items()}


def decode_value(value: struct_pb2.Value) -> Any:
    """Give the Python value of one protobuf value."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return _decode_object(value.struct_value)
        case "list_value":
            return [decode_value(item) for item in value.list_value.values]
        case "string_value":
            return UNKNOWN if value.string_value in UNKNOWN_STRINGS else value.string_value
        case "number_value":
            number = float(value.number_value)
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _decode_object(struct: struct_pb2.Struct) -> Any:
    signature = struct.fields[SIGNATURE_KEY].string_value if SIGNATURE_KEY in struct.fields else None
    if signature == SECRET_SIGNATURE:
        return Secret(decode_value(struct.fields["value"]) if "value" in struct.fields else None)
    if signature == OUTPUT_SIGNATURE:
        value = decode_value(struct.fields["value"]) if "value" in struct.fields else UNKNOWN
        secret = "secret" in struct.fields and struct.fields["secret"].bool_value
        return Secret(value) if secret else value
    return decode(struct)


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Give the struct of Python values, the inverse of `decode`.

    Raises:
        TypeError: a value of a type that has no place in a property tree, with its path.
    """
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        _encode_into(struct.fields[key], value, (key,))
    return struct


def _encode_into(target: struct_pb2.Value, value: Any, path: Path) -> None:  # noqa: C901 - one case a type
    match value:
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case bool():
            target.bool_value = value
        case int() | float():
            target.number_value = value
        case str():
            target.string_value = value
        case Unknown():
            target.string_value = _UNKNOWN_ON_THE_WIRE
        case Secret():
            target.struct_value.fields[SIGNATURE_KEY].string_value = SECRET_SIGNATURE
            _encode_into(target.struct_value.fields["value"], value.value, path)
        case Mapping():
            target.struct_value.SetInParent()
            for key, item in value.items():
                _encode_into(target.struct_value.fields[str(key)], item, (*path, str(key)))
        case list() | tuple():
            target.list_value.SetInParent()
            for index, item in enumerate(value):
                _encode_into(target.list_value.values.add(), item, (*path, index))
        case _:
            raise TypeError(f"{format_path(path)}: a {type(value).__name__} is no property value")


def reveal(value: Any) -> Any:
    """Give the same tree without any `Secret` around its values."""
    match value:
        case Secret():
            return reveal(value.value)
        case Mapping():
            return {key: reveal(item) for key, item in value.items()}
        case list() | tuple():
            return [reveal(item) for item in value]
        case _:
            return value


def contains_unknown(value: Any) -> bool:
    """Tell whether any part of the tree is `UNKNOWN`."""
    return any(item is UNKNOWN for _, item in walk(value))


def contains_secret(value: Any) -> bool:
    """Tell whether any part of the tree is a `Secret`."""
    return any(True for _ in secret_paths(value))


def walk(value: Any, path: Path = ()) -> Iterable[tuple[Path, Any]]:
    """Yield every leaf of the tree with its path; secrets are looked through."""
    match value:
        case Secret():
            yield from walk(value.value, path)
        case Mapping() if value:
            for key, item in value.items():
                yield from walk(item, (*path, key))
        case list() | tuple() if value:
            for index, item in enumerate(value):
                yield from walk(item, (*path, index))
        case _:
            yield path, value


def secret_paths(value: Any, path: Path = ()) -> Iterable[Path]:
    """Yield the path of every outermost `Secret` of the tree."""
    match value:
        case Secret():
            yield path
        case Mapping():
            for key, item in value.items():
                yield from secret_paths(item, (*path, key))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from secret_paths(item, (*path, index))


def mark_secrets(value: Any, like: Any) -> Any:
    """Give `value` with a `Secret` at each path where `like` has one; paths that `value` lacks are left out.

    A plugin strips secrets to talk to an API; what comes back is marked again before it goes to the state.
    """
    for path in secret_paths(like):
        value = replace_at(value, path, lambda found: found if isinstance(found, Secret) else Secret(found))
    return value


def replace_at(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """Give a copy of the tree with `change` applied to the value at `path`; unchanged if there is none."""
    if not path:
        return change(value)
    if isinstance(value, Secret):
        return value  # all of it is secret already
    step, rest = path[0], path[1:]
    if isinstance(value, Mapping) and step in value:
        return {**value, step: replace_at(value[step], rest, change)}
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [*value[:step], replace_at(value[step], rest, change), *value[step + 1 :]]
    return value


def format_path(path: Path) -> str:
    """Write a path as the engine's property paths are written: `spec.containers[0].image`, `a["b.c"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and all(character.isalnum() or character in "_-$" for character in step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text
