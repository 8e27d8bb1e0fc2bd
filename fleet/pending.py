"""What an update was in the middle of when it was killed: found in the cloud and taken over, or known not to be there.

The engine notes what it begins before it asks a plugin, and what came of it afterwards. What it was killed in between
stays noted, and it can't know more: a cloud may have made the resource or not. An update that just goes on makes it
again. So each is asked for here, by its id or by its tags, with the stack's own plugins; what exists goes into the
state as the next checkpoint would have had it, in one write.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fleet.console import FleetError
from fleet.engine import Engine
from fleet.inventory.order import State, in_order, needs
from fleet.inventory.scratch import ScratchStack
from fleet.inventory.suspects import Suspect, candidates, owner_of
from fleet.inventory.traces import CLOUDS, MadeAgain


class StateChangedError(FleetError):
    """Another one has written a stack's state meanwhile."""


class PendingUnknownError(FleetError):
    """Whether something was made can't be told by asking the cloud."""


@dataclass(frozen=True)
class Decisions:
    """What a person found out about pending creations.

    Attributes:
        adopted: ids of what exists, by URN.
        forgotten: URNs of what doesn't.
    """

    adopted: Mapping[str, str] = field(default_factory=dict)
    forgotten: frozenset[str] = frozenset()


NO_DECISIONS: Final = Decisions()


@dataclass(frozen=True)
class Settled:
    """What became of what was pending.

    Attributes:
        adopted: what was made, and is in the state now: ids by URN.
        never_made: URNs of what wasn't.
        made_again: URNs of what the next update may make again without making it twice.
        gone: URNs of what was deleted, and isn't in the state any more.
    """

    adopted: Mapping[str, str] = field(default_factory=dict)
    never_made: tuple[str, ...] = ()
    made_again: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def settle(engine: Engine, stack: str, seen: Mapping[str, Any], workplace: Path, decisions: Decisions) -> Settled:
    """Find out what became of everything that is pending, and write it into the state.

    Args:
        engine: the stack's engine.
        stack: its name; nothing updates it.
        seen: its checkpoint with what is pending, secrets encrypted: what is decided holds for that one only.
        workplace: a folder for a scratch stack.
        decisions: what a person knows.

    Returns:
        What was found.

    Raises:
        PendingUnknownError: of some nobody can tell; nothing was changed.
        StateChangedError: another one writes the state; nothing was changed.
        UpdateFailedError: a cloud couldn't be asked; nothing was changed.
    """
    checkpoint = engine.export(stack, show_secrets=True)
    deployment = dict(checkpoint["deployment"])
    resources: list[State] = deployment.get("resources") or []
    pending = deployment.pop("pending_operations", None) or []
    begun = [Suspect.of(each["resource"]) for each in pending if each["type"] == "creating"]
    project = seen["deployment"]["pending_operations"][0]["resource"]["urn"].split("::", 2)[1]
    ending = _ending(pending, resources)
    existing: list[State] = []
    with ScratchStack.beside(engine, stack, project, workplace) as scratch:
        providers = [each for each in resources if each["type"].startswith("pulumi:providers:")]
        creations = _creations(begun, resources, providers, scratch, decisions)
        # One name may stand for two things at once, a resource and its successor: each is asked for alone.
        for batch in _batches([*creations.candidates, *ending]):
            existing.extend(scratch.existing(batch, providers))
    settled, made = _judged(creations, existing)
    alive = {(each["urn"], each["id"]) for each in existing}
    gone = [each for each in ending if (each["urn"], each["id"]) not in alive]
    deployment["resources"] = with_made(_without(resources, gone), made)
    # An update that is under way elsewhere has pending operations too. The import takes its lock, or is refused.
    if engine.export(stack)["deployment"] != seen["deployment"]:
        raise StateChangedError(
            f"the state of {stack} has changed meanwhile: an update is under way somewhere, nothing was killed; "
            "nothing was changed, wait until that has ended"
        )
    engine.import_(stack, {**checkpoint, "deployment": deployment})
    return Settled(settled.adopted, settled.never_made, settled.made_again, tuple(each["urn"] for each in gone))


@dataclass(frozen=True)
class _Creations:
    """Pending creations on their way: what is asked for, and what needs no question."""

    suspects: Mapping[str, Suspect]
    candidates: Sequence[State]
    known: frozenset[tuple[str, str | None]]
    made_again: Sequence[str]
    by_hand: Mapping[str, str]


def _creations(
    begun: Sequence[Suspect],
    resources: Sequence[State],
    providers: Sequence[State],
    scratch: ScratchStack,
    decisions: Decisions,
) -> _Creations:
    open_ = [each for each in begun if each.urn not in decisions.forgotten and each.urn not in decisions.adopted]
    asked, unknown = candidates(open_, providers, scratch)
    if unknown:
        listed = "\n".join(f"  {urn}\n    {why}" for urn, why in unknown.items())
        raise PendingUnknownError(
            "the last update was killed while these were being made, and whether they are there can't be told:\n"
            f"{listed}\nlook for each, then `fleet repair STACK --adopt URN=ID` if it is there, or `--forget URN`"
        )
    by_hand = [
        {**each.state, "id": decisions.adopted[each.urn], "outputs": {}}
        for each in begun
        if each.urn in decisions.adopted
    ]
    return _Creations(
        suspects={each.urn: each for each in begun},
        candidates=[*asked, *by_hand],
        # What was deleted before its successor is made stands in the state until that is there.
        known=frozenset((each["type"], each.get("id")) for each in resources if not each.get("pendingReplacement")),
        made_again=[each.urn for each in open_ if isinstance(each.trace, MadeAgain)],
        by_hand=decisions.adopted,
    )


def _ending(pending: Iterable[Mapping[str, Any]], resources: Iterable[State]) -> list[State]:
    """Give the state's entries of what was being deleted, where nothing else in the state needs them."""
    doomed = {(each["resource"]["urn"], each["resource"].get("id")) for each in pending if each["type"] == "deleting"}
    needed = {urn for each in resources for urn in needs(each)}
    return [
        each
        for each in resources
        if (each["urn"], each.get("id")) in doomed
        and each["urn"] not in needed
        and each["type"].partition(":")[0] in CLOUDS  # other plugins take what is gone for deleted
    ]


def _batches(asked: Sequence[State]) -> list[list[State]]:
    """Split resources so that no two of a batch have the same URN."""
    batches: list[list[State]] = []
    for each in asked:
        for batch in batches:
            if all(other["urn"] != each["urn"] for other in batch):
                batch.append(each)
                break
        else:
            batches.append([each])
    return batches


def _judged(creations: _Creations, existing: Sequence[State]) -> tuple[Settled, list[State]]:
    """Tell what became of each creation.

    Raises:
        PendingUnknownError: one has several candidates, or what has its name is another stack's.
    """
    adopted: dict[str, State] = {}
    problems: list[str] = []
    for found in existing:
        suspect = creations.suspects.get(found["urn"])
        if suspect is None or (found["type"], found["id"]) in creations.known:
            continue  # a predecessor that the state has anyway
        if (owner := _other_owner(suspect.state, found)) is not None:
            problems.append(f"  {suspect.urn}\n    {found['id']} is there, and says that it belongs to {owner}")
        elif suspect.urn in adopted:
            problems.append(f"  {suspect.urn}\n    {adopted[suspect.urn]['id']} and {found['id']} both fit")
        else:
            adopted[suspect.urn] = found
    problems.extend(
        f"  {urn}\n    {given} isn't there" for urn, given in creations.by_hand.items() if urn not in adopted
    )
    if problems:
        raise PendingUnknownError(
            "\n".join(["what the killed update was making can't be told apart:", *problems])
            + "\nremove or rename what isn't this stack's, or say which it is: `fleet repair STACK --adopt URN=ID`"
        )
    made = [_as_made(creations.suspects[urn].state, found) for urn, found in adopted.items()]
    never = (urn for urn in creations.suspects if urn not in adopted and urn not in creations.made_again)
    return Settled({urn: each["id"] for urn, each in adopted.items()}, tuple(never), tuple(creations.made_again)), made


def _other_owner(begun: State, found: State) -> str | None:
    """Name the stack that a found resource says it belongs to, if that isn't the one that was making it."""
    ours, theirs = owner_of(begun), owner_of(found)
    return theirs if ours is not None and theirs is not None and ours != theirs else None


def _as_made(begun: State, found: State) -> State:
    """Give a resource as the checkpoint after its creation would have had it, with what the cloud tells of it.

    A value that no cloud hands out again, a password for instance, is taken from what the creation was given.
    """
    return {**begun, "id": found["id"], "inputs": {**begun["inputs"], **found["inputs"]}, "outputs": found["outputs"]}


def _without(resources: Sequence[State], gone: Sequence[State]) -> list[State]:
    return [each for each in resources if each not in gone]


def with_made(resources: Sequence[State], made: Sequence[State]) -> list[State]:
    """Put what was made into a state, as the engine would have after it.

    Something that it replaces is what remains to be deleted; if that was deleted first, it goes.
    """
    urns = {each["urn"] for each in made}
    kept: list[State] = []
    for each in resources:
        if each["urn"] not in urns or each.get("delete"):
            kept.append(each)
        elif not each.get("pendingReplacement"):
            kept.append({**each, "delete": True})
    return in_order([*made, *kept])
