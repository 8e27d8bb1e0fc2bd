"""What holds a resource, so that its cloud refuses to delete it: declared by type, found in the account.

A cloud goes by its own ids: a subnet in a network, a listener that names a target group. The order of the engine, and
why it has that order, isn't known here; a wrong one is met as in the cloud.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.account import Account, Resource
from rehearsal.table import Cloud
from rehearsal.template import fill, look_up


def refusal(cloud: Cloud, memory: Account, gone: Resource) -> str | None:
    """Give why a resource can't be deleted now, None if it can.

    Args:
        cloud: the tables.
        memory: the account.
        gone: the resource that is to be deleted.
    """
    for holder in cloud.held_by.get(gone.type, ()):
        if holder.unless and look_up(gone.inputs, holder.unless) is True:
            continue
        wanted = {*_names(gone, holder.names)}
        for held in memory.of_type(holder.type):
            near = not (held.region and gone.region) or held.region == gone.region
            given = values_at({**held.outputs, **held.inputs}, holder.path)
            if held.afterlife is None and near and any(_is_named(each, wanted, cloud) for each in given):
                known = {
                    "id": gone.id,
                    "holder": held.id,
                    "class": gone.type.rsplit(":", 1)[-1],
                    "holder_class": held.type.rsplit(":", 1)[-1],
                }
                return fill(holder.error or cloud.held_error, known, f"{gone.id}/{held.id}")
    return None


def values_at(properties: Mapping[str, Any], path: str) -> Iterator[str]:
    """Give the texts at a dotted path, through every item of the lists on the way; keys of a mapping at its end too."""
    found: list[Any] = [properties]
    for step in path.split("."):
        stepped = [each.get(step) for each in _flat(found) if isinstance(each, Mapping)]
        found = [each for each in stepped if each is not None]
    for each in _flat(found):
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            yield from each


@dataclass(frozen=True)
class Trace:
    """Where a resource of a type is named by another; for tests of the tables.

    Attributes:
        held: type of the one that is named.
        holder: type of the one that names it.
        path: where.
    """

    held: str
    holder: str
    path: str


def traces(cloud: Cloud) -> Iterator[Trace]:
    """Give every row of a cloud's table."""
    for held, holders in cloud.held_by.items():
        for holder in holders:
            yield Trace(held, holder.type, holder.path)


def _flat(values: list[Any]) -> Iterator[Any]:
    for each in values:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _names(gone: Resource, outputs: tuple[str, ...]) -> Iterator[str]:
    for name in outputs:
        found = gone.id if name == "id" else look_up(gone.outputs, name)
        if isinstance(found, str) and found:
            yield found


def _is_named(given: str, wanted: set[str], cloud: Cloud) -> bool:
    """Tell whether a value names a resource: by one of its names, by what is below its path, by a URL that ends so."""
    if cloud.nested:
        folded = given.casefold()
        return any(folded == name.casefold() or folded.startswith(f"{name.casefold()}/") for name in wanted)
    return given in wanted or any("/" in name and given.endswith(f"/{name}") for name in wanted)
