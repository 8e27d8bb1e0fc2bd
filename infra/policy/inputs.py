"""A resource's properties, read by paths, where a value may be absent or not known yet.

A path names a value inside nested properties: `settings.ipConfiguration.ipv4Enabled`. Where a list is met, every
element is meant. `[]` after a step says that the list may be empty: `blockDeviceMappings[].ebs.encrypted` asks
something of each mapping there is, `rules.sseAlgorithm` demands that there is a rule.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pulumi_policy.proxy import UnknownValueError

_EACH: Final = "[]"


class NotKnownYetError(Exception):
    """A value that decides is the result of a resource that a preview doesn't make."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True)
class Unknown:
    """In place of a value that only the update will know."""

    path: str


class Inputs:
    """Properties of a resource, or of a part of it.

    Args:
        properties: What the engine sent; secrets are in plain text in it, so no value may be printed unless it is
            known to be harmless.
        path: Where this part is inside its resource, for messages.
    """

    def __init__(self, properties: Mapping[str, Any], path: str = "") -> None:
        self._properties = properties
        self.path = path

    def values(self, path: str) -> Iterator[Any]:
        """Yield every value that a path leads to: None where it is absent, `Unknown` where it isn't known yet."""
        for _, value in self.placed(path):
            yield value

    def placed(self, path: str) -> Iterator[tuple[str, Any]]:
        """Yield the same values, each after the place in the resource where it is or should be."""
        for value, where in self._walk(self._properties, path.split("."), self.path):
            yield where, value

    def known(self, path: str) -> Iterator[Any]:
        """Yield the values that are there.

        Raises:
            NotKnownYetError: one isn't known yet.
        """
        for value in self.values(path):
            if isinstance(value, Unknown):
                raise NotKnownYetError(value.path)
            if value is not None:
                yield value

    def value(self, path: str) -> Any:
        """Give the first value that is there, or None.

        Raises:
            NotKnownYetError: it isn't known yet.
        """
        return next(self.known(path), None)

    def text(self, path: str) -> str:
        """Give a value as text, empty where it is absent.

        Raises:
            NotKnownYetError: it isn't known yet.
        """
        value = self.value(path)
        return "" if value is None else str(value)

    def property(self, key: str) -> Iterator[Any]:
        """Yield the values of one property, whose name may have dots in it.

        Raises:
            NotKnownYetError: one isn't known yet.
        """
        inside = f"{self.path}[{key!r}]"
        for value, _ in self._walk(_child(self._properties, key, self.path), (), inside):
            if isinstance(value, Unknown):
                raise NotKnownYetError(inside)
            if value is not None:
                yield value

    def given(self, path: str) -> bool:
        """Tell whether there is a value; one that isn't known yet is one."""
        return any(value is not None and value != "" for value in self.values(path))

    def blocks(self, path: str) -> Iterator["Inputs"]:
        """Yield the parts that a path leads to.

        Raises:
            NotKnownYetError: one isn't known yet.
        """
        for value, where in self._walk(self._properties, path.split("."), self.path):
            if isinstance(value, Unknown):
                raise NotKnownYetError(value.path)
            if isinstance(value, Mapping):
                yield Inputs(value, where)

    def documents(self, path: str) -> Iterator["Inputs"]:
        """Yield the JSON documents that a path leads to, whether they are written as text or as properties.

        Raises:
            NotKnownYetError: one isn't known yet.
        """
        for value, where in self._walk(self._properties, path.split("."), self.path):
            if isinstance(value, Unknown):
                raise NotKnownYetError(value.path)
            document = _parsed(value) if isinstance(value, str) else value
            if isinstance(document, Mapping):
                yield Inputs(document, where)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield every text in it with its path; what isn't known yet is left out."""
        yield from _texts(self._properties, self.path)

    def names(self) -> frozenset[str]:
        """Name the properties at the top."""
        return frozenset(self._properties)

    def _walk(self, value: Any, steps: Sequence[str], where: str) -> Iterator[tuple[Any, str]]:
        if isinstance(value, Unknown) or value is None or (not steps and not _is_list(value)):
            missing = [] if isinstance(value, Unknown) else [step.removesuffix(_EACH) for step in steps]
            yield value, ".".join(filter(None, (where, *missing)))
            return
        if _is_list(value):
            if not value:
                yield from self._walk(None, steps, where)
            for index in range(len(value)):
                yield from self._walk(_child(value, index, where), steps, f"{where}[{index}]")
            return
        step = steps[0].removesuffix(_EACH)
        inside = f"{where}.{step}" if where else step
        child = _child(value, step, where) if isinstance(value, Mapping) else None
        if child is None and steps[0].endswith(_EACH):
            return
        if _is_list(child) and not child and steps[0].endswith(_EACH):
            return
        yield from self._walk(child, steps[1:], inside)


def _child(parent: Any, key: str | int, where: str) -> Any:
    try:
        return parent[key]
    except UnknownValueError:
        return Unknown(f"{where}[{key}]" if isinstance(key, int) else f"{where}.{key}".lstrip("."))
    except KeyError:
        return None


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key in value:
            yield from _texts(_child(value, key, where), f"{where}.{key}" if where else key)
    elif _is_list(value):
        for index in range(len(value)):
            yield from _texts(_child(value, index, where), f"{where}[{index}]")
