"""When each call of an operation would have been under way in a cloud, and what the whole waited for.

The journal says how long each call took on the virtual clock, the engine's state who waits on whom: what is made waits
for what it depends on, for its provider and for its parent; what is deleted waits for whatever depends on it; what goes
at the end of an update waits for all that was made. Any number of calls are under way at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.journal import Entry, Operation


@dataclass(frozen=True)
class Scheduled:
    """A call on the virtual clock.

    Attributes:
        entry: the call.
        begins_s: seconds after the operation began.
        waited_for: number of the entry whose end it waited for last; None if it waited for none.
        critical: whether the whole would have ended sooner, had this taken less.
    """

    entry: Entry
    begins_s: float
    waited_for: int | None
    critical: bool = False

    @property
    def ends_s(self) -> float:
        """Seconds after the operation began at which it ended."""
        return self.begins_s + self.entry.takes_s

    def as_data(self) -> dict[str, Any]:
        """Give it for a program."""
        return {
            **self.entry.as_data(),
            "begins_s": round(self.begins_s, 1),
            "ends_s": round(self.ends_s, 1),
            "waited_for": self.waited_for,
            "critical": self.critical,
        }


@dataclass(frozen=True)
class _Placed:
    """The end of what a resource has been through so far: at which second, and by which entry."""

    ends_s: float = 0.0
    number: int | None = None


def schedule(entries: Sequence[Entry], *states: Mapping[str, Any]) -> list[Scheduled]:
    """Lay an operation's calls out on the virtual clock.

    Args:
        entries: the operation's part of the journal.
        states: checkpoints before and after it, for what each resource depends on.

    Returns:
        The calls, those that begin first before others.
    """
    depends = dependencies(states)
    dependents: dict[str, set[str]] = {}
    for urn, others in depends.items():
        for other in others:
            dependents.setdefault(other, set()).add(urn)
    changes = [entry for entry in entries if entry.call.operation is not Operation.DELETE]
    first_change = {entry.call.urn: entry.number for entry in reversed(changes)}
    deletions = [entry for entry in entries if entry.call.operation is Operation.DELETE]
    early = [entry for entry in deletions if first_change.get(entry.call.urn, 0) > entry.number]
    late = [entry for entry in deletions if entry not in early]
    laid: list[Scheduled] = []
    gone = _lay(early, dependents, {}, _Placed(), laid)
    there = _lay(changes, depends, gone, _Placed(), laid)
    all_made = max(there.values(), key=lambda each: each.ends_s, default=_Placed())
    _lay(late, dependents, {}, all_made, laid)
    return sorted(_marked(laid), key=lambda each: (each.begins_s, each.entry.number))


def _lay(
    entries: Sequence[Entry],
    waits: Mapping[str, set[str]],
    already: Mapping[str, _Placed],
    start: _Placed,
    laid: list[Scheduled],
) -> dict[str, _Placed]:
    """Place calls each after what its resource waits on; give where each resource is placed in the end."""
    placed: dict[str, _Placed] = dict(already)
    by_urn: dict[str, list[Entry]] = {}
    for entry in entries:
        by_urn.setdefault(entry.call.urn, []).append(entry)
    for urn in in_order({*by_urn, *waits}, waits):
        end = max(
            (start, placed.get(urn, _Placed()), *(placed.get(other, _Placed()) for other in waits.get(urn, ()))),
            key=lambda each: each.ends_s,
        )
        for entry in by_urn.get(urn, ()):
            laid.append(Scheduled(entry, end.ends_s, end.number))
            end = _Placed(end.ends_s + entry.takes_s, entry.number)
        placed[urn] = end
    return placed


def in_order(urns: Iterable[str], waits: Mapping[str, set[str]]) -> Iterator[str]:
    """Give URNs, and all that they wait on, so that each comes after what it waits on.

    Args:
        urns: where to begin.
        waits: what each waits on.
    """
    done: set[str] = set()
    for urn in sorted(urns):
        stack = [urn]
        while stack:
            top = stack[-1]
            left = [other for other in sorted(waits.get(top, ())) if other not in done and other not in stack]
            if left:
                stack.append(left[0])
                continue
            stack.pop()
            if top not in done:
                done.add(top)
                yield top


def _marked(laid: Sequence[Scheduled]) -> Iterable[Scheduled]:
    """Mark the calls by which the last one's end is determined."""
    by_number = {each.entry.number: each for each in laid}
    last = max(laid, key=lambda each: each.ends_s, default=None)
    critical: set[int] = set()
    while last is not None:
        critical.add(last.entry.number)
        last = None if last.waited_for is None else by_number[last.waited_for]
    for each in laid:
        yield Scheduled(each.entry, each.begins_s, each.waited_for, each.entry.number in critical)


def dependencies(states: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Give what each resource waits on, by URN, over several states of a stack: checkpoints as the engine exports."""
    found: dict[str, set[str]] = {}
    for state in states:
        for each in (state.get("deployment") or {}).get("resources") or ():
            others = found.setdefault(each["urn"], set())
            others.update(each.get("dependencies") or ())
            for named in (each.get("propertyDependencies") or {}).values():
                others.update(named or ())
            others.update(filter(None, (each.get("parent"), each.get("deletedWith"))))
            if provider := each.get("provider"):
                others.add(provider.rpartition("::")[0])
            others.discard(each["urn"])
    return found
