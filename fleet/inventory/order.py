"""The order of a state: everything comes after what it needs."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from fleet.console import FleetError

State: TypeAlias = Mapping[str, Any]
"""One resource as a deployment holds it."""


def in_order(resources: Sequence[State]) -> list[State]:
    """Sort a state so that everything comes after what it needs, and as little as possible moves."""
    waiting = list(resources)
    placed: list[State] = []
    there: set[str] = set()
    everything = {each["urn"] for each in resources}
    living = {each["urn"] for each in resources if not each.get("delete")}
    while waiting:
        ready = next(
            (each for each in waiting if all(urn in there or urn not in everything for urn in needs(each))), None
        )
        if ready is None:
            raise FleetError("the state has resources that need each other: look at `pulumi stack export`")
        waiting.remove(ready)
        placed.append(ready)
        if not ready.get("delete") or ready["urn"] not in living:
            there.add(ready["urn"])
    return placed


def needs(state: State) -> set[str]:
    """Name the resources that have to come before one in a state."""
    needed = {*(state.get("dependencies") or ()), (state.get("provider") or "").rpartition("::")[0]}
    needed |= {urn for urns in (state.get("propertyDependencies") or {}).values() for urn in urns or ()}
    needed |= {state.get("parent") or "", state.get("deletedWith") or ""}
    return needed - {""}
