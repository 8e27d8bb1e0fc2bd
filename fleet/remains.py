"""What a cloud keeps of a stack that is taken down: its state says what is there, the catalogue what stays of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog import KEPT, Afterlife


@dataclass(frozen=True, order=True)
class Remainder:
    """One resource that outlives its deletion.

    Attributes:
        type: its type token.
        id: its id.
        afterlife: what becomes of it.
        days: days that the cloud keeps it; None for ever.
        until_made_again: what the stack's next update finds and does.
    """

    type: str
    id: str
    afterlife: Afterlife
    days: int | None
    until_made_again: str

    @property
    def name(self) -> str:
        """The last part of its id: what the cloud's console calls it."""
        return self.id.rsplit("/", 1)[-1]

    def as_row(self) -> dict[str, str]:
        """Give it for a table."""
        return {
            "type": self.type.rsplit(":", 1)[-1],
            "name": self.name,
            "state": str(self.afterlife),
            "kept": "for ever" if self.days is None else f"{self.days} days",
            "next up": self.until_made_again,
        }


def remains(checkpoint: Mapping[str, Any]) -> list[Remainder]:
    """List what the clouds will keep of a stack once its resources are deleted, from its state."""
    return sorted(
        Remainder(
            each["type"],
            each["id"],
            kept.afterlife,
            _days(each["inputs"], kept.days_input, kept.days),
            kept.until_made_again,
        )
        for each in resources(checkpoint)
        if (kept := KEPT.get(each["type"])) is not None
    )


def recorded(left: Iterable[Remainder], already: Iterable[str]) -> str:
    """Give, as YAML writes it, what the stack's file has to name (`modelfleet:kept`), empty where there is nothing.

    Args:
        left: what the clouds keep now.
        already: what the file names from before.
    """
    return listed({*already, *to_record(left)})


def to_record(left: Iterable[Remainder]) -> set[str]:
    """Name what the next update has to be told, as the cloud answers no question about it."""
    return {each.name for each in left if KEPT[each.type].recorded}


def listed(names: Iterable[str]) -> str:
    """Give names as YAML writes a list of them, nothing for none."""
    inside = ", ".join(sorted(names))
    return f"[{inside}]" if inside else ""


_CLOUDS_OWN = frozenset({"deletionProtection", "deletionProtectionEnabled", "enableDeletionProtection"})
"""Inputs by which a cloud itself refuses a deletion: a cluster has one, and holds no data that the engine protects."""


def protected(checkpoint: Mapping[str, Any]) -> list[str]:
    """Name the resources that the engine or the cloud refuses to delete."""
    return [
        each["urn"]
        for each in resources(checkpoint)
        if each.get("protect") or any((each.get("inputs") or {}).get(name) is True for name in _CLOUDS_OWN)
    ]


def resources(checkpoint: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Give a stack's resources: no components, no providers."""
    return [
        each
        for each in checkpoint["deployment"].get("resources") or ()
        if each.get("custom") and not each["type"].startswith("pulumi:")
    ]


def _days(inputs: Mapping[str, Any], path: str, usual: int | None) -> int | None:
    found: Any = inputs
    for step in path.split(".") if path else ():
        found = found.get(step) if isinstance(found, Mapping) else None
    return int(found) if path and isinstance(found, (int, float)) else usual
