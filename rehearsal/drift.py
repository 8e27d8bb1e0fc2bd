"""Changes behind the engine's back: what somebody does in a cloud's console, made in the simulated accounts."""

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rehearsal.account import Account, Resource, holdings
from rehearsal.scenario import Drift


def make(memory: Path, drift: Drift) -> Iterator[str]:
    """Change or delete what a scenario names, in every account of a world.

    Args:
        memory: the world's memory.
        drift: what is done to what.

    Yields:
        What was done, for a person; nothing where nothing is of that type and id.
    """
    for cloud, account, each in holdings(memory):
        if each.type != drift.type or each.afterlife is not None or not fnmatch.fnmatchcase(each.id, drift.id):
            continue
        memory_of = Account(memory, cloud, account)
        try:
            if drift.delete:
                memory_of.delete(each)
                yield f"{each.type} {each.id} was deleted"
            else:
                memory_of.update(_changed(each, drift.set))
                yield f"{each.type} {each.id} was changed ({', '.join(sorted(drift.set))})"
        finally:
            memory_of.close()


def _changed(resource: Resource, values: Mapping[str, Any]) -> Resource:
    """Give a resource with new values, in what it was made with and in its live state."""
    inputs, outputs = dict(resource.inputs), dict(resource.outputs)
    for path, value in values.items():
        inputs = _with(inputs, path.split("."), value)
        outputs = _with(outputs, path.split("."), value)
    return replace(resource, inputs=inputs, outputs=outputs)


def _with(properties: Any, path: list[str], value: Any) -> Any:
    """Give a tree with another value at a path; numbers are places in lists."""
    first, *rest = path
    if isinstance(properties, list):
        place = int(first)
        inner = _with(properties[place], rest, value) if rest else value
        return [*properties[:place], inner, *properties[place + 1 :]]
    inside = properties if isinstance(properties, Mapping) else {}
    return {**inside, first: _with(inside.get(first, {}), rest, value) if rest else value}
