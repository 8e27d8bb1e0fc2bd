"""A row of a rule's table: a path into a resource's inputs, and what must be found there."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.policy.inputs import Inputs, NotKnownYetError, Unknown
from infra.policy.rule import Check, Subject


@dataclass(frozen=True)
class Condition:
    """What a value must be.

    Attributes:
        words: Completes the sentence "it must …".
        holds: Whether a value meets it; None stands for an absent one.
        holds_unknown: Whether a value that isn't known yet meets it: for references to other resources.
    """

    words: str
    holds: Callable[[Any], bool]
    holds_unknown: bool = False


@dataclass(frozen=True)
class Requirement:
    """A path and what must be found at every value that it leads to."""

    path: str
    condition: Condition

    def problems(self, inputs: Inputs) -> Iterator[str]:
        """Yield what is wrong.

        Raises:
            NotKnownYetError: a value that decides isn't known yet.
        """
        for where, value in inputs.placed(self.path):
            if isinstance(value, Unknown):
                if not self.condition.holds_unknown:
                    raise NotKnownYetError(value.path)
            elif not self.condition.holds(value):
                yield f"{where} is {_shown(value)}; it must {self.condition.words}"


def table(rows: Mapping[str, tuple[Requirement, ...]]) -> Mapping[str, Check]:
    """Make a rule's checks out of requirements by resource type."""
    return {kind: _check(requirements) for kind, requirements in rows.items()}


def _check(requirements: tuple[Requirement, ...]) -> Check:
    def check(subject: Subject) -> Iterator[str]:
        for requirement in requirements:
            yield from requirement.problems(subject.inputs)

    return check


def _shown(value: Any) -> str:
    """Show what can't be a secret: switches, numbers and short words; never more."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return repr(value) if isinstance(value, str) and len(value) <= 40 else "another value"


def is_true(path: str) -> Requirement:
    """The switch must be on, and written."""
    return Requirement(path, Condition("be true", lambda value: value is True))


def is_false(path: str) -> Requirement:
    """The switch must be off, and written: the cloud's default is on."""
    return Requirement(path, Condition("be false", lambda value: value is False))


def not_true(path: str) -> Requirement:
    """The switch must not be on; the cloud's default is off."""
    return Requirement(path, Condition("not be true", lambda value: value is not True))


def not_false(path: str) -> Requirement:
    """The switch must not be off; the cloud's default is on."""
    return Requirement(path, Condition("not be false", lambda value: value is not False))


def given(path: str, what: str) -> Requirement:
    """There must be a value; `what` it names is part of the message."""
    return Requirement(path, Condition(f"name {what}", _is_given, holds_unknown=True))


def one_of(path: str, *allowed: str) -> Requirement:
    """The word must be one of these, in any case of its letters."""
    lowered = {word.lower() for word in allowed}
    return Requirement(path, Condition(f"be {' or '.join(allowed)}", lambda value: str(value).lower() in lowered))


def none_of(path: str, *refused: str) -> Requirement:
    """The word, where there is one, must be none of these."""
    lowered = {word.lower() for word in refused}
    return Requirement(
        path, Condition(f"not be {' or '.join(refused)}", lambda value: str(value).lower() not in lowered)
    )


def at_least(path: str, minimum: float) -> Requirement:
    """The number must be there and not lower."""
    return Requirement(path, Condition(f"be at least {minimum:g}", lambda value: _number(value) >= minimum))


def at_most(path: str, maximum: float) -> Requirement:
    """The number, where there is one, must not be higher."""
    return Requirement(
        path, Condition(f"be at most {maximum:g}", lambda value: value is None or _number(value) <= maximum)
    )


def absent(path: str, why: str) -> Requirement:
    """There must be no value."""
    return Requirement(path, Condition(f"not be set: {why}", lambda value: not _is_given(value)))


def _is_given(value: Any) -> bool:
    return value is not None and value != ""


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("-inf")
