"""What a cloud forces on whoever makes a region: network before cluster, cluster before pools, those before pods.

Whatever else a creation waits for is the program's choice, and may be a mistake: a role that waits for machines costs
minutes and gives nothing. Each cloud's table (`rehearsal/*/forced.py`) names, by type, the types that must be there
first. Roles, grants and keys, which take seconds, are left out: the longest chain that is forced is then rather too
short, and what is measured against it is held too strictly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rehearsal.aws.forced import FORCED as AWS
from rehearsal.azure.forced import FORCED as AZURE
from rehearsal.gcp.forced import FORCED as GCP
from rehearsal.journal import Entry, Operation
from rehearsal.kubernetes.forced import FORCED as KUBERNETES
from rehearsal.schedule import dependencies, in_order

_WAITED_FOR: Final = frozenset(
    kind for table in (AWS, AZURE, GCP, KUBERNETES) for kinds in table.values() for kind in kinds
)
"""Types that some other has to wait for; of all others no end needs to be remembered."""


@dataclass(frozen=True)
class _Link:
    """The end of a forced chain: at which second, the URN of its last resource, and the chain before it."""

    ends_s: float
    urn: str
    before: "_Link | None"


def forced_chain(entries: Iterable[Entry], *states: Mapping[str, object]) -> Sequence[str]:
    """Give the longest chain of creations that the clouds force.

    One waits on another if the table of its type names the other's, and the program's dependencies lead there, by
    whatever way: of two networks, a cluster waits on its own.

    Args:
        entries: an operation's part of the journal.
        states: checkpoints before and after it, for what each resource depends on.

    Returns:
        URNs, the first one first; empty where nothing was made.
    """
    depends = dependencies(states)
    takes_s: dict[str, float] = {}
    types: dict[str, str] = {}
    for entry in entries:
        if entry.call.operation is Operation.CREATE:
            takes_s[entry.call.urn] = takes_s.get(entry.call.urn, 0.0) + entry.takes_s
            types[entry.call.urn] = entry.call.type
    above: dict[str, dict[str, _Link]] = {}  # of every resource, itself and what it waits on: the last end of each type
    ends: list[_Link] = []
    for urn in in_order({*depends, *takes_s}, depends):
        known = _latest(above.get(other, {}) for other in depends.get(urn, ()))
        if urn in takes_s:
            first = [known[kind] for kind in _forced(types[urn]) if kind in known]
            before = max(first, key=_end, default=None)
            link = _Link((before.ends_s if before else 0.0) + takes_s[urn], urn, before)
            if types[urn] in _WAITED_FOR:
                known = _latest([known, {types[urn]: link}])
            ends.append(link)
        above[urn] = known
    return _chain(max(ends, key=_end, default=None))


def _latest(several: Iterable[Mapping[str, _Link]]) -> dict[str, _Link]:
    """Give the link of each type that ends last."""
    found: dict[str, _Link] = {}
    for links in several:
        for kind, link in links.items():
            if kind not in found or found[kind].ends_s < link.ends_s:
                found[kind] = link
    return found


def _chain(last: _Link | None) -> Sequence[str]:
    found: list[str] = []
    while last is not None:
        found.insert(0, last.urn)
        last = last.before
    return found


def _end(link: _Link) -> float:
    return link.ends_s


def _forced(kind: str) -> Sequence[str]:
    """Give the types that must be there before one of this type can be made."""
    package = kind.partition(":")[0]
    match package:
        case "aws":
            return AWS.get(kind, ())
        case "azure-native":
            return AZURE.get(kind, ())
        case "gcp":
            return GCP.get(kind, ())
        case "kubernetes":
            return KUBERNETES.get(kind, ())
        case _:
            return ()
