"""Joins a resource type's inputs with what its service publishes about them.

The Python SDKs say what type an input has; most of what a service accepts is said elsewhere: in AWS's service models,
in Google's discovery documents. Both are trees of named members, and the SDKs' inputs are generated from, or named
after, the same API. So inputs are matched by name, level by level; a table says where to begin, and which names differ.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from rehearsal.rules import Rule
from rehearsal.sdk_schema import Kind, Property, ResourceSchema, Type, keep_file
from toolchain.locations import cache_dir

_DEPTH_LIMIT: Final = 9
"""Types that contain themselves (a firewall's statements) are followed this far."""
_FORMAT: Final = "2"


class Node(Protocol):
    """One place in a service's description."""

    def member(self, name: str) -> "Node | None":
        """Give the member of an object that goes by a normalised name; lists and maps are looked through."""
        ...

    def rule(self) -> Rule:
        """Give what is published about a value here (about an item, where this is a list)."""
        ...


class Source(Protocol):
    """Where a cloud's values are published."""

    @property
    def version(self) -> str:
        """Changes when what is published does."""
        ...

    def node(self, place: str) -> Node | None:
        """Give the place of a name, as tables write it; None if there is none."""
        ...


@dataclass(frozen=True)
class Join:
    """Where a resource type's inputs are described.

    Attributes:
        roots: the objects whose members are the type's inputs, in order of preference.
        names: for inputs that go by other names there: the input's dotted path, and where it is, relative to its own
            level, or absolute with a leading slash. An empty place says that there is none to be found.
    """

    roots: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)


class PublishedRules(BaseModel):
    """What is published about a type's inputs.

    Attributes:
        rules: by dotted path, places in lists left out, a star for any key of a map.
    """

    model_config = ConfigDict(frozen=True)

    rules: dict[str, Rule]


_loaded: Final[dict[tuple[str, str, str], Mapping[str, Rule]]] = {}
"""What this process has loaded: a stack has dozens of resources of one type, each of which is checked in every run."""


def load(source: Source, join: Join, schema: ResourceSchema) -> Mapping[str, Rule]:
    """Give the rules of a type's inputs; kept on disk, as reading a service's description takes up to a second."""
    known = (source.version, repr(join), schema.token)
    if known not in _loaded:
        _loaded[known] = _load(source, join, schema)
    return _loaded[known]


def _load(source: Source, join: Join, schema: ResourceSchema) -> Mapping[str, Rule]:
    key = hashlib.sha256(f"{_FORMAT}{source.version}{join!r}{schema.model_dump_json()}".encode()).hexdigest()[:16]
    kept = cache_dir() / "published-rules" / f"{schema.token.replace(':', '-').replace('/', '-')}-{key}.json"
    with contextlib.suppress(OSError, ValidationError):
        return PublishedRules.model_validate_json(kept.read_bytes()).rules
    rules = dict(_joined(source, join, schema))
    with contextlib.suppress(OSError):
        keep_file(kept, PublishedRules(rules=rules).model_dump_json(exclude_unset=True))
    return rules


def normalised(name: str) -> str:
    """Give a name in the form in which names are compared: letters and digits, lower case, singular."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    for plural, singular in (("ies", "y"), ("ses", "s"), ("s", "")):
        if plain.endswith(plural) and not plain.endswith("ss"):
            return plain.removesuffix(plural) + singular
    return plain


def _joined(source: Source, join: Join, schema: ResourceSchema) -> Iterator[tuple[str, Rule]]:
    roots = [node for root in join.roots if (node := source.node(root)) is not None]

    def walk(
        members: Mapping[str, Property], nodes: Sequence[Node], prefix: str, depth: int
    ) -> Iterator[tuple[str, Rule]]:
        for name, member in members.items():
            path = f"{prefix}{name}"
            node = _found(source, nodes, name, join.names.get(path))
            objects = list(_objects(member.type))
            if node is not None and (not objects or any(each.kind is Kind.STRING for each in member.type.members)):
                yield path, node.rule()
            # A level that has no place of its own there may hold values that the table finds elsewhere.
            below = [] if node is None else [node]
            if depth < _DEPTH_LIMIT and (below or any(each.startswith(f"{path}.") for each in join.names)):
                for each in objects:
                    yield from walk(schema.objects[each], below, f"{path}.", depth + 1)

    return walk(schema.inputs, roots, "", 0)


def _found(source: Source, nodes: Sequence[Node], name: str, renamed: str | None) -> Node | None:
    if renamed is not None and (not renamed or renamed.startswith("/")):
        return source.node(renamed[1:]) if renamed else None
    for node in nodes:
        found: Node | None = node
        for step in (renamed or name).split("."):
            found = None if found is None else found.member(normalised(step))
        if found is not None:
            return found
    return None


def _objects(found: Type) -> Iterator[str]:
    """Yield the names of the objects that a type holds, inside lists, maps and unions too."""
    if found.kind is Kind.OBJECT:
        yield found.name
    elif found.item is not None:
        yield from _objects(found.item)
    for member in found.members:
        yield from _objects(member)
