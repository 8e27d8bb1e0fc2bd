"""Whether a stack that met faults became what it is without them: its state, and what the simulated accounts hold.

Ids that a cloud draws and names with random ends differ from world to world. They are told apart from real differences
by what each world computed: an input may differ only in what an output of another resource differs in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fleet.remains import resources
from rehearsal.account import Resource
from rehearsal.differences import DEFAULTS

_SPECIAL: Final = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi's wire format marks a value as special; a secret among others."""
_REMEMBERED_NOWHERE: Final = "modelfleet:"
"""The project's own types compute; no account holds what they make."""
_Path = tuple[str | int, ...]


def differences(undisturbed: Mapping[str, Any], healed: Mapping[str, Any]) -> Iterator[str]:
    """Compare two states of a stack: resources, and their inputs.

    Args:
        undisturbed: checkpoint of the world without faults.
        healed: checkpoint of the other one.

    Yields:
        What differs, for a person.
    """
    theirs, ours = _by_urn(undisturbed), _by_urn(healed)
    for urn in sorted({*theirs, *ours}):
        if len(theirs.get(urn, ())) != len(ours.get(urn, ())):
            yield f"{_short(urn)}: {len(ours.get(urn, ()))} in the state, {len(theirs.get(urn, ()))} without faults"
    both = [(urn, theirs[urn][0], ours[urn][0]) for urn in sorted({*theirs} & {*ours})]
    drawn = {old: new for _, old_one, new_one in both for old, new in _drawn(old_one, new_one)}
    for urn, old_one, new_one in both:
        old, new = dict(_leaves(old_one["inputs"], ())), dict(_leaves(new_one["inputs"], ()))
        given = {*_named_by_us(old_one), *_named_by_us(new_one)}
        for path in sorted({*old, *new}, key=str):
            if path[0] not in given and not _same(old.get(path), new.get(path), drawn):
                yield f"{_short(urn)}: input {'.'.join(map(str, path))} differs from the one without faults"


def misfits(checkpoint: Mapping[str, Any], held: Iterable[Resource]) -> Iterator[str]:
    """Compare a state with what the accounts hold alive: nothing twice, nothing that is nobody's, nothing missing.

    Args:
        checkpoint: the stack's state.
        held: what the simulated accounts hold for this stack.
    """
    known = [each for each in resources(checkpoint) if not each["type"].startswith(_REMEMBERED_NOWHERE)]
    in_state = {(each["type"], each["id"]) for each in known}
    alive = Counter((each.type, each.id) for each in held if each.afterlife is None)
    for kind, resource_id in sorted(alive.keys() - in_state):
        yield f"{kind} {resource_id} is in the account and in no state"
    for kind, resource_id in sorted(in_state - alive.keys()):
        yield f"{kind} {resource_id} is in the state and not in the account"
    for pending in checkpoint["deployment"].get("pending_operations") or ():
        yield f"{_short(pending['resource']['urn'])}: {pending['type']} is still pending"
    for each in known:
        if each.get("delete"):
            yield f"{_short(each['urn'])}: {each['id']} still waits for its deletion"


def kept(held: Iterable[Resource]) -> Mapping[str, int]:
    """Count by type what accounts keep dead."""
    return Counter(each.type for each in held if each.afterlife is not None)


def _by_urn(checkpoint: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in resources(checkpoint):
        found.setdefault(each["urn"], []).append(each)
    return found


def _drawn(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the texts that were computed in both worlds, and differ."""
    yield from _pair(old.get("id"), new.get("id"))
    theirs, ours = dict(_leaves(old.get("outputs") or {}, ())), dict(_leaves(new.get("outputs") or {}, ()))
    given = {path[0] for path, _ in _leaves(old["inputs"], ())} - {*_named_by_us(old)}
    for path in theirs.keys() & ours.keys():
        if path[0] not in given:
            yield from _pair(theirs[path], ours[path])


def _pair(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    if isinstance(old, str) and isinstance(new, str) and old != new and old:
        yield old, new


def _same(old: Any, new: Any, drawn: Mapping[str, str]) -> bool:
    if old == new:
        return True
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    translated = old
    for theirs in sorted((text for text in drawn if text in old), key=len, reverse=True):
        translated = translated.replace(theirs, drawn[theirs])
    return translated == new


def _named_by_us(resource: Mapping[str, Any]) -> Iterator[str]:
    """Name the inputs that the plugin filled in: names with random ends."""
    yield DEFAULTS
    yield from resource["inputs"].get(DEFAULTS, ())


def _leaves(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Give a tree's values with their paths; secrets, which no state shows, are left out."""
    if isinstance(value, Mapping):
        if _SPECIAL in value:
            return
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(item, (*path, place))
    else:
        yield path, value


def _short(urn: str) -> str:
    _, _, kind, name = urn.split("::", 3)
    return f"{kind.rpartition('$')[2]} {name}"
