"""Values as a cloud's tables describe them: texts with places to fill, lists and mappings of such texts.

`arn:aws:ec2:{region}:{account}:vpc/{id}` is a text with places. A place is a path into what is known about the
resource (`{vpcId}`, `{vpcConfig.subnetIds.0}`), or something that a cloud draws at random (`{hex:17}`): drawn from the
resource's own seed, so that a value is the same whenever it is asked for and another one for every resource. A place
that may be empty starts with a question mark (`{?setIdentifier}`).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_PLACE: Final = re.compile(r"\{(\??[A-Za-z_][\w.:/-]*)\}")
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class PlaceUnknownError(Exception):
    """A text of a table names something that isn't known about the resource."""


@dataclass(frozen=True)
class From:
    """A value taken over as it is, with its type: `From("vpcConfig.subnetIds")`.

    Attributes:
        path: where it is.
        default: what to take where there is none.
    """

    path: str
    default: Any = None


@dataclass(frozen=True)
class Merged:
    """Mappings laid over each other, the last one on top; those that are missing count as empty."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class Within:
    """Parts that the cloud adds to an object, where the program gives that object.

    Attributes:
        parts: templates of the parts.
    """

    parts: Mapping[str, Any]


@dataclass(frozen=True)
class Keyed:
    """A mapping whose keys a program gave as a list (Azure's user-assigned identities): each of them to `value`.

    Attributes:
        path: where the list is; a mapping there is taken over.
        value: template of what each key has.
    """

    path: str
    value: Any


def fill(value: Any, known: Mapping[str, Any], seed: str) -> Any:  # noqa: PLR0911 - one case a kind of value
    """Give a table's value with all its places filled.

    Args:
        value: a text, or a list or mapping of values; anything else is its own value.
        known: what is known about the resource, by the first name of a path.
        seed: what random values are drawn from.

    Raises:
        PlaceUnknownError: a place names what isn't known.
    """
    match value:
        case str():
            return _PLACE.sub(lambda place: _text(place[1], known, seed), value)
        case From(path=path, default=default):
            found = look_up(known, path)
            return default if found is None else found
        case Merged(paths=paths):
            merged: dict[str, Any] = {}
            for path in paths:
                found = look_up(known, path)
                merged.update(found if isinstance(found, Mapping) else {})
            return merged
        case Within(parts=parts):
            return fill(parts, known, seed)
        case Keyed(path=path, value=each):
            keys = look_up(known, path) or []
            return {key: fill(each, known, f"{seed}/{key}") for key in keys}
        case Mapping():
            return {key: fill(item, known, seed) for key, item in value.items()}
        case list() | tuple():
            return [fill(item, known, seed) for item in value]
        case _:
            return value


def places(text: str) -> list[str]:
    """Name the places of a text."""
    return _PLACE.findall(text)


def draws(text: str) -> bool:
    """Tell whether a text holds anything random, so that two resources with equal inputs have different ones."""
    return any(place.partition(":")[0] in _DRAWS for place in places(text))


def look_up(known: Mapping[str, Any], path: str) -> Any:
    """Give what lies at a dotted path (numbers are places in a list), None if there is nothing."""
    found: Any = known
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _text(place: str, known: Mapping[str, Any], seed: str) -> str:
    if place.startswith("?"):
        return str(look_up(known, place[1:]) or "")
    kind, _, argument = place.partition(":")
    if kind in _DRAWS:
        return _DRAWS[kind](hashlib.sha256(f"{seed}\n{place}".encode()).hexdigest(), argument)
    if kind == "last":  # the last part of an id or ARN
        return re.split(r"[/:]", _text(argument, known, seed))[-1]
    if kind == "arm":  # the resource type inside an Azure id
        _, _, path = _text(argument, known, seed).rpartition("/providers/")
        namespace, *rest = path.split("/")
        return "/".join([namespace, *rest[::2]])
    if kind == "host":  # a URL's host and path
        return _text(argument, known, seed).removeprefix("https://")
    found = look_up(known, place)
    if found is None or isinstance(found, (Mapping, list)):
        raise PlaceUnknownError(place)
    return str(found)


def _hexadecimal(digest: str, length: str) -> str:
    return digest[: int(length)]


def _decimal(digest: str, length: str) -> str:
    return f"{int(digest, 16) % 10 ** int(length):0{length}d}"


def _capitals(digest: str, length: str) -> str:
    number = int(digest, 16)
    return "".join(_LETTERS[number >> 5 * place & 31] for place in range(int(length)))


def _uuid(digest: str, label: str) -> str:
    del label  # tells one of a resource's from another
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def _address(digest: str, network: str) -> str:
    """Draw an address below a prefix of two numbers, 10.250 by default."""
    return f"{network or '10.250'}.{int(digest[:2], 16) % 250}.{int(digest[2:4], 16) % 250 + 4}"


_DRAWS: Final = {"hex": _hexadecimal, "digits": _decimal, "capitals": _capitals, "uuid": _uuid, "address": _address}
