"""What an update would change, and whether the cloud can change it in place."""

from collections.abc import Mapping
from typing import Any

from rehearsal.table import Cloud, Row
from toolchain.provider.interface import Change, DiffRequest, DiffResult
from toolchain.provider.properties import UNKNOWN, Path, format_path, reveal

DEFAULTS = "__defaults"
"""An input of ours: which inputs the plugin filled in, as the official plugins note it."""


def compare(cloud: Cloud, row: Row, request: DiffRequest) -> DiffResult:
    """Compare a resource's inputs with the program's.

    A resource that must be replaced and whose name the program chose is deleted first, as the name isn't free before.
    """
    old, new = reveal(request.old_inputs), reveal(request.news)
    ignored = {path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0] for path in request.ignore_changes}
    detailed: dict[str, Change] = {}
    replaces: list[str] = []
    for path, change in _changes(_without(old, ignored), _without(new, ignored), ()):
        forces = _forces(cloud, row, path)
        text = format_path(path)
        detailed[text] = Change(f"{change}_REPLACE") if forces else change
        if forces:
            replaces.append(text)
    chosen = bool(row.name) and row.name in new and row.name not in new.get(DEFAULTS, ())
    return DiffResult(
        changes=bool(detailed),
        replaces=replaces,
        detailed=detailed,
        delete_before_replace=bool(replaces) and chosen and old.get(row.name) == new.get(row.name),
    )


def _changes(old: Any, new: Any, path: Path) -> list[tuple[Path, Change]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: list[tuple[Path, Change]] = []
        for key in sorted({*old, *new}):
            if key not in old or old[key] is None:
                if new.get(key) is not None:
                    found.append(((*path, key), Change.ADD))
            elif key not in new or new[key] is None:
                found.append(((*path, key), Change.DELETE))
            else:
                found.extend(_changes(old[key], new[key], (*path, key)))
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            each for place, pair in enumerate(zip(old, new, strict=True)) for each in _changes(*pair, (*path, place))
        ]
    return [] if old == new and new is not UNKNOWN else [(path, Change.UPDATE)]


def _forces(cloud: Cloud, row: Row, path: Path) -> bool:
    """Tell whether a change at a path needs a new resource; rules name no places of lists."""
    names = [step for step in path if isinstance(step, str)]
    prefixes = {".".join(names[:length]) for length in range(1, len(names) + 1)}
    if prefixes & {*row.replaces, row.name} - {""}:
        return True
    return names[0] in cloud.replaces and names[0] not in row.in_place


def _without(inputs: Mapping[str, Any], ignored: set[str]) -> Mapping[str, Any]:
    return {key: value for key, value in inputs.items() if key not in ignored and key != DEFAULTS}
