"""Finds what a stack left in its cloud, and deletes it: after a destroy that failed, or when its state is lost.

Everything that may be there is asked for: what the stack's state holds and what was pending in it, what earlier states
held (backups and history of a backend in a folder, or a file), and what AWS lists under the stack's tag.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalog import KEPT, Afterlife
from fleet.console import FleetError
from fleet.engine import Engine, Summary
from fleet.inventory.leftovers import (
    Leftover,
    by_tag,
    guards,
    is_default_group,
    known_resources,
    of_this_stack,
    related,
    remembered,
    unguessed,
)
from fleet.inventory.order import State
from fleet.inventory.scratch import ScratchStack
from fleet.inventory.suspects import Suspect, candidates
from fleet.pending import StateChangedError
from fleet.remains import protected
from fleet.update_view import UpdateView
from infra.config import Cloud, StackKind, StackSettings
from rehearsal.sdk_index import sdk_version

_PROVIDER_TYPE: Final = "pulumi:providers:"


@dataclass(frozen=True)
class Swept:
    """What a sweep found.

    Attributes:
        leftovers: what is there, by type and name.
        gone: types and ids of what the state holds and isn't there.
        unknown: URNs of what may be there and nobody can ask for, with the reason.
        seen: the stack's deployment, secrets in plain text, that this was decided on.
        providers: by which it was found, and can be deleted.
    """

    leftovers: tuple[Leftover, ...]
    gone: frozenset[tuple[str, str]]
    unknown: Mapping[str, str]
    seen: Mapping[str, Any]
    providers: tuple[State, ...]


@dataclass(frozen=True)
class Sweep:
    """A stack whose leftovers are looked for.

    Attributes:
        engine: the stack's engine.
        stack: its name.
        project: its project's name.
        backend: URL of its state backend.
        provider: the cloud's provider, for when no state tells of it.
    """

    engine: Engine
    stack: str
    project: str
    backend: str
    provider: State | None = None

    def find(self, scratch: ScratchStack, further: Iterable[Mapping[str, Any]] = ()) -> Swept:
        """Find what is there; nothing is touched.

        Args:
            scratch: by which the cloud is asked.
            further: deployments that somebody has kept.

        Raises:
            UpdateFailedError: the cloud couldn't be asked.
        """
        current = self._deployment(self.stack)
        deployments = [*further, *remembered(self.backend, self.project, self.stack), current]
        providers = self._providers(deployments)
        named = {each["urn"]: f"{each['urn']}::{each['id']}" for each in providers}
        pending = [each["resource"] for each in current.get("pending_operations") or () if each["type"] == "creating"]
        begun, unknown = candidates([Suspect.of(each) for each in pending], providers, scratch)
        known = known_resources(deployments)
        suspected = {(each["type"], each["id"]): each for each in begun}
        tagged: set[tuple[str, str]] = set()
        for provider in providers:
            if provider["type"] == f"{_PROVIDER_TYPE}aws":
                listed = unguessed(by_tag(self.stack, self.project, provider, scratch), known)
                tagged |= {(each["type"], each["id"]) for each in listed}
                suspected |= {(each["type"], each["id"]): each for each in listed}
        suspected |= {(each["type"], each["id"]): each for each in known}
        held = {(each["type"], each.get("id")) for each in current.get("resources") or ()}
        existing = self._existing(list(suspected.values()), providers, named, scratch)
        ours = of_this_stack(self.stack, existing, self._others())
        # What can't be deleted at all is no leftover: the next update finds it and takes it over.
        ours = [
            each
            for each in ours
            if (each["type"], each["id"]) in held or not (_permanent(each["type"]) or is_default_group(each))
        ]
        guarded = set(protected({"deployment": {"resources": ours}}))
        only_listed = frozenset(tagged)
        leftovers = (
            Leftover(
                each["urn"],
                each["type"],
                each["id"],
                (each["type"], each["id"]) in held,
                each["urn"] in guarded or guards(each, only_listed),
                each,
            )
            for each in related(_told_apart(ours))
        )
        alive = {(each["type"], each["id"]) for each in existing}
        gone = {(each["type"], each["id"]) for each in known_resources([current])} - alive
        ordered = sorted(leftovers, key=lambda each: (each.type, each.name, each.id))
        return Swept(tuple(ordered), frozenset(gone), unknown, current, tuple(providers))

    def delete(
        self, scratch: ScratchStack, swept: Swept, leftovers: Sequence[Leftover], view: UpdateView
    ) -> Summary | None:
        """Delete some of what was found, dependents first; the state forgets that, and what isn't there.

        Returns:
            What was done; None where there was nothing to delete.

        Raises:
            StateChangedError: the state isn't the one that was looked at; nothing was deleted.
            FleetError: what a killed update was making isn't decided; nothing was deleted.
            UpdateFailedError: something couldn't be deleted; all else was.
        """
        if self._deployment(self.stack) != swept.seen:
            raise StateChangedError(
                f"the state of {self.stack} has changed since this sweep looked at it: nothing was deleted; "
                "see that nothing updates it, and sweep again"
            )
        self._check_decided(swept, leftovers)
        if not leftovers:
            self._take_out(set(swept.gone))
            return None
        scratch.hold([each.state for each in leftovers], swept.providers)
        try:
            return scratch.destroy(view)
        finally:
            left = {(each["type"], each.get("id")) for each in scratch.held()}
            self._take_out({*swept.gone, *({(each.type, each.id) for each in leftovers if each.in_state} - left)})

    def _check_decided(self, swept: Swept, leftovers: Sequence[Leftover]) -> None:
        """Refuse where writing the state would drop the note of something that is there, or may be, and stays."""
        noted = {
            each["resource"]["urn"] for each in swept.seen.get("pending_operations") or () if each["type"] == "creating"
        }
        doomed = {(each.type, each.id) for each in leftovers}
        staying = [each.urn for each in swept.leftovers if not each.in_state and (each.type, each.id) not in doomed]
        # What has the same URN as another is listed under one with a number after it.
        there = {urn for urn in noted if any(each == urn or each.startswith(f"{urn}-") for each in staying)}
        if undecided := sorted(there | (noted & set(swept.unknown))):
            raise FleetError(
                f"the last update of {self.stack} was killed while it made {undecided[0]}, and what became of that "
                f"isn't in the state: nothing was deleted; `fleet repair {self.stack}` first"
            )

    def _take_out(self, gone: set[tuple[str, str]]) -> None:
        if not gone:
            return
        checkpoint = self.engine.export(self.stack)
        deployment = checkpoint["deployment"]
        kept = [each for each in deployment["resources"] if (each["type"], each.get("id")) not in gone]
        urns = {each["urn"] for each in kept}
        deployment["resources"] = [_needing_only(each, urns) for each in kept]
        deployment.pop("pending_operations", None)
        self.engine.import_(self.stack, checkpoint)

    def _existing(
        self,
        suspected: Sequence[State],
        providers: Sequence[State],
        named: Mapping[str, str],
        scratch: ScratchStack,
    ) -> list[State]:
        """Ask for all at once, each under a name of its own: two may have had the same one, one after the other."""
        asked = {
            f"{each['urn']}-{number}": {**each, "provider": named[each["provider"].rpartition("::")[0]]}
            for number, each in enumerate(suspected)
            if each["provider"].rpartition("::")[0] in named
        }
        existing = scratch.existing([{**each, "urn": urn} for urn, each in asked.items()], providers)
        found = {(each["type"], each["id"]): (asked[each["urn"]], each) for each in existing}  # one id, one resource
        return [
            {
                **before,
                "urn": before["urn"],
                "id": now["id"],
                "inputs": now.get("inputs") or {},
                "outputs": now.get("outputs") or {},
            }
            for before, now in found.values()
        ]

    def _deployment(self, stack: str) -> Mapping[str, Any]:
        if not self.engine.exists(stack):
            return {}
        return self.engine.export(stack, show_secrets=True)["deployment"]

    def _providers(self, deployments: Sequence[Mapping[str, Any]]) -> list[State]:
        """Give each provider as the last deployment has it that knows it."""
        found = {self.provider["urn"]: self.provider} if self.provider is not None else {}
        for deployment in deployments:
            for each in deployment.get("resources") or ():
                if each["type"].startswith(_PROVIDER_TYPE):
                    found[each["urn"]] = each
        return list(found.values())

    def _others(self) -> frozenset[tuple[str, str]]:
        """Give type and id of all that the project's other stacks of this backend hold."""
        others = (name for name in self.engine.stacks() if name != self.stack)
        return frozenset(
            (each["type"], each["id"])
            for name in others
            for each in self.engine.export(name)["deployment"].get("resources") or ()
            if each.get("id")
        )


def check_deletable(stack: str, kind: StackKind, backend: str, *, known: bool, without_state: bool) -> None:
    """Check that a sweep of a stack may delete.

    Args:
        stack: its name.
        kind: its kind.
        backend: URL of the backend that was asked.
        known: whether that backend knows it, or an earlier state of it was given.
        without_state: whether a person says that there is no state any more.

    Raises:
        FleetError: it is where stacks keep their state, or its state is somewhere else.
    """
    if kind is StackKind.STATE:
        raise FleetError(
            f"stack {stack} is where stacks keep their state, its own too: `fleet bootstrap {stack} --undo` moves that "
            "to this machine and deletes the rest"
        )
    if not (known or without_state):
        raise FleetError(
            f"{backend} doesn't know stack {stack}, so all that it has would be taken for left over: set "
            "PULUMI_BACKEND_URL to the backend that has its state, give an earlier state by --state FILE, or say by "
            "--no-state that it has none any more"
        )


def provider_of(stack: str, project: str, settings: StackSettings) -> State | None:
    """Give the provider that a stack's file describes, where no state is left that has it; None where there is none."""
    if settings.cloud is not Cloud.AWS:
        return None
    urn = f"urn:pulumi:{stack}::{project}::{_PROVIDER_TYPE}aws::aws"
    inputs = {
        "region": settings.region,
        "allowedAccountIds": json.dumps([settings.account]),
        "version": sdk_version("pulumi_aws"),
    }
    return {
        "urn": urn,
        "type": f"{_PROVIDER_TYPE}aws",
        "custom": True,
        "id": "00000000-0000-4000-8000-000000000000",
        "inputs": inputs,
        "outputs": inputs,
    }


def read_deployment(file: Path) -> Mapping[str, Any]:
    """Read an exported state.

    Raises:
        FleetError: it is none.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))["deployment"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FleetError(
            f"{file} is no exported state ({error}): `pulumi stack export --file {file}` makes one"
        ) from None


def _permanent(token: str) -> bool:
    return token in KEPT and KEPT[token].afterlife is Afterlife.PERMANENT


def _told_apart(resources: Sequence[State]) -> list[State]:
    """Give every resource a URN of its own: an old one and its successor have the same."""
    seen: dict[str, int] = {}
    apart = []
    for each in resources:
        number = seen[each["urn"]] = seen.get(each["urn"], 0) + 1
        apart.append(each if number == 1 else {**each, "urn": f"{each['urn']}-{number}"})
    return apart


def _needing_only(state: State, urns: set[str]) -> State:
    """Give a resource of a state from which others went."""
    kept = dict(state)
    kept["dependencies"] = [urn for urn in state.get("dependencies") or () if urn in urns]
    kept["propertyDependencies"] = {
        name: [urn for urn in needed or () if urn in urns]
        for name, needed in (state.get("propertyDependencies") or {}).items()
    }
    if kept.get("deletedWith") not in urns:
        kept.pop("deletedWith", None)
    return kept
