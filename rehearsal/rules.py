"""What a value must be, as a service publishes it: one of a list, a pattern, a range, a length."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

_SHOWN: Final = 8
"""How many values of a long enumeration a message names: the closest ones."""


class Rule(BaseModel):
    """Constraints on one value; those that aren't published are None.

    Attributes:
        source: where they are published, as a person would look it up.
        values: every value that the service knows.
        pattern: a regular expression.
        anchored: whether the pattern describes the whole value even where it has no anchors of its own.
        minimum: the least number.
        maximum: the greatest number.
        min_length: the least length of a text.
        max_length: the greatest length of a text.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    values: tuple[str, ...] | None = None
    pattern: str | None = None
    anchored: bool = True
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None

    @property
    def constrains(self) -> bool:
        """Whether anything beyond the type is published."""
        return bool(self.model_fields_set - {"source", "anchored"})

    def violation(self, value: Any) -> str | None:
        """Tell what would be right where a value isn't, None where it is."""
        if isinstance(value, bool):
            return None
        if isinstance(value, (int, float)):
            return self._number(value)
        return self._text(value) if isinstance(value, str) else None

    def _number(self, value: float) -> str | None:
        if self.minimum is not None and value < self.minimum:
            return f"must be at least {self.minimum:g} ({self.source})"
        if self.maximum is not None and value > self.maximum:
            return f"must be at most {self.maximum:g} ({self.source})"
        return None

    def _text(self, value: str) -> str | None:
        if self.values is not None and value not in self.values:
            return f"must be {one_of(self.values, value)} ({self.source})"
        if self.min_length is not None and len(value) < self.min_length:
            return f"must have at least {self.min_length} characters, and has {len(value)} ({self.source})"
        if self.max_length is not None and len(value) > self.max_length:
            return f"must have at most {self.max_length} characters, and has {len(value)} ({self.source})"
        if self.pattern is not None and not _matches(self.pattern, value, anchored=self.anchored):
            return f"must match {self.pattern} ({self.source})"
        return None


@dataclass(frozen=True)
class Habit:
    """A rule of all properties of a name, whatever their type: locations, labels, references to keys.

    Attributes:
        places: matches the end of a dotted path; a star stands for any key of a mapping.
        rule: what values there must be.
        others: types whose property of that name is something else.
    """

    places: re.Pattern[str]
    rule: Rule
    others: frozenset[str] = frozenset()

    def at(self, token: str, place: str) -> bool:
        """Tell whether the rule holds at a place of a type."""
        return token not in self.others and self.places.search(place) is not None


def merged(*tables: Mapping[str, Mapping[str, Rule]]) -> Mapping[str, Mapping[str, Rule]]:
    """Give the rules of several tables (by type, then by dotted path) as one; a later table's count."""
    found: dict[str, dict[str, Rule]] = {}
    for table in tables:
        for token, rules in table.items():
            found.setdefault(token, {}).update(rules)
    return found


def one_of(values: tuple[str, ...], value: str) -> str:
    """Write an enumeration for a message: all of a short one, of a long one what comes closest."""
    if len(values) <= _SHOWN:
        return "one of " + ", ".join(values)
    near = difflib.get_close_matches(value, values, n=_SHOWN, cutoff=0.3) or list(values[:_SHOWN])
    return f"one of {len(values)} values, such as {', '.join(near)}"


@cache
def _compiled(pattern: str) -> "re.Pattern[str] | None":
    try:
        return re.compile(pattern)
    except re.error:
        return None  # Java's expressions know classes that Python's don't; nothing can be said then


def _matches(pattern: str, value: str, *, anchored: bool) -> bool:
    compiled = _compiled(pattern)
    if compiled is None:
        return True
    return (compiled.fullmatch(value) if anchored else compiled.search(value)) is not None
