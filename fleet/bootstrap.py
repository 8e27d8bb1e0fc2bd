"""Makes the place where all stacks keep their state, by the engine, which needs such a place to begin with.

The stack of kind `state` comes up with its state in a folder of this machine; then that state is moved into the bucket
that it has made, and from then on it is a stack as any other. Each step looks whether it was done before, so that an
interrupted bootstrap is taken up, and a finished one finds nothing to do.
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from documents import Finding, SettingsError
from documents.yaml_edit import set_at
from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine, Summary, UpdateFailedError
from fleet.kept_notes import KeptNotes
from fleet.run_config import RunConfig
from infra.config import Cloud, StackKind, StackSettings, from_stack_file

_BACKEND = "PULUMI_BACKEND_URL"
_REFUSALS = ("AuthorizationFailure", "AuthorizationPermissionMismatch", "ForbiddenByRbac", "NetworkSecurityPerimeter")
"""What Azure says to whom its roles or its perimeter don't let in, or not yet."""
_SPREADS_WITHIN_S = 600
"""Role assignments take effect within ten minutes
(learn.microsoft.com/azure/role-based-access-control/troubleshooting)."""
_PAUSE_S = 15


@dataclass(frozen=True)
class StateBackend:
    """Where stacks keep their state.

    Attributes:
        url: For `pulumi login`.
        secrets_provider: For `pulumi stack init --secrets-provider`.
    """

    url: str
    secrets_provider: str


class Backends(Protocol):
    """How the engine reaches a backend: the cloud's own, or what stands for it in a rehearsal."""

    def environment(self, backend: StateBackend) -> Mapping[str, str]:
        """Give the variables by which the engine uses a backend."""
        ...

    def secrets_provider(self, backend: StateBackend) -> str:
        """Give the provider of the secrets there."""
        ...


class CloudBackends:
    """Backends as the clouds have them."""

    def environment(self, backend: StateBackend) -> Mapping[str, str]:
        """Name the bucket."""
        return {_BACKEND: backend.url}

    def secrets_provider(self, backend: StateBackend) -> str:
        """Name the key."""
        return backend.secrets_provider


class StandInBackends:
    """Folders of a rehearsal in place of buckets, and its passphrase in place of keys.

    Args:
        world: The rehearsal's folder.
    """

    def __init__(self, world: Path) -> None:
        self._world = world

    def environment(self, backend: StateBackend) -> Mapping[str, str]:
        """Name a folder after the bucket."""
        folder = self._world / "buckets" / backend.url.split("://", 1)[1].partition("?")[0]
        folder.mkdir(parents=True, exist_ok=True)
        return {_BACKEND: folder.as_uri()}

    def secrets_provider(self, backend: StateBackend) -> str:
        """No key of a simulated cloud encrypts anything."""
        del backend
        return "passphrase"


@dataclass(frozen=True)
class Bootstrap:
    """One bootstrap.

    Attributes:
        stack: Name of the stack of kind `state`.
        engine: The engine, whose own backend is the folder that the stack begins in.
        folder: That folder; it goes once the state is in the bucket.
        backends: How the bucket is reached.
        update: Brings the stack up by an engine.
        file: The stack's file, in which it is recorded where its state has gone.
        wait: Lets seconds pass.
    """

    stack: str
    engine: Engine
    folder: Path
    backends: Backends
    update: Callable[[Engine], Summary]
    file: Path
    wait: Callable[[float], None] = time.sleep

    def run(self) -> StateBackend:
        """Make it; where that was done, bring it up to what its file says.

        Raises:
            UpdateFailedError: the engine, a policy or the cloud refused something.
        """
        if recorded := from_stack_file(self.file).backend:
            console.step(f"stack {self.stack}, whose state is in {recorded}")
            there = self.engine.with_environment(self.backends.environment(StateBackend(recorded, "")))
            self.update(there)
            return _made(there, self.stack)
        console.step(f"stack {self.stack}: bucket and keys, state in {self.folder} for now")
        self.engine.select(self.stack)
        notes = KeptNotes(self.stack, self.folder)
        if notes.names():  # of an undoing that was killed, and that nobody wants to finish
            notes.settle(self.engine.export(self.stack), RunConfig(self.file))
        self.update(self.engine)
        made = _made(self.engine, self.stack)
        console.step(f"the state of {self.stack} moves to {made.url}")
        there = self.engine.with_environment(self.backends.environment(made))
        self._move(there, made)
        summary = self.update(there)
        if summary.changed:
            raise UpdateFailedError(
                f"the state of {self.stack} in {made.url} is not the one that was moved there ({summary}): the one in "
                f"{self.folder} is kept; compare them by `pulumi stack export`"
            )
        text = self.file.read_text(encoding="utf-8")
        self.file.write_text(set_at(text, ("config", "modelfleet:backend"), made.url), encoding="utf-8")
        shutil.rmtree(self.folder)
        return made

    def _move(self, there: Engine, made: StateBackend) -> None:
        """Copy the state into the bucket, as soon as the roles that were given a moment ago have taken effect."""
        left = _SPREADS_WITHIN_S
        while True:
            try:
                if not there.exists(self.stack):
                    there.create(self.stack, self.backends.secrets_provider(made))
                there.import_(self.stack, self.engine.export(self.stack))
            except UpdateFailedError as error:
                if left <= 0 or not any(refusal in str(error) for refusal in _REFUSALS):
                    raise
                console.note(f"the roles on {made.url} take effect within minutes: tried again in {_PAUSE_S} s")
                self.wait(_PAUSE_S)
                left -= _PAUSE_S
            else:
                return


def _made(engine: Engine, stack: str) -> StateBackend:
    outputs = engine.outputs(stack)
    return StateBackend(str(outputs["backend"]), str(outputs["secretsProvider"]))


def lines_of(made: StateBackend) -> list[str]:
    """Give the commands after which every stack is kept there."""
    return [
        f"pulumi login '{made.url}'",
        f"export {_BACKEND}='{made.url}'",
        f"pulumi stack init STACK --secrets-provider '{made.secrets_provider}'",
    ]


def check_kind(stack: str, settings: StackSettings) -> None:
    """Look whether a stack file describes a place for states.

    Raises:
        SettingsError: it doesn't.
    """
    if settings.kind is not StackKind.STATE:
        raise SettingsError(
            [
                Finding(
                    f"Pulumi.{stack}.yaml",
                    None,
                    "modelfleet:kind",
                    f"is {settings.kind}: `fleet bootstrap` is for stacks of kind `state`; --cloud, --account and "
                    "--region write one",
                )
            ]
        )


@dataclass(frozen=True, kw_only=True)
class StatePlace:
    """What a stack file of a place for states is written from.

    Attributes:
        cloud: Where it is.
        account: Account, subscription or project.
        region: The cloud's name of the region.
        owner: Tag `owner`.
        authorized_ranges: Azure: public ranges that the perimeter lets in.
        admins: Azure: Entra groups that read and write states.
    """

    cloud: Cloud
    account: str
    region: str
    owner: str
    authorized_ranges: Sequence[str] = ()
    admins: Sequence[str] = ()

    def write(self, file: Path) -> None:
        """Write the stack file; one that says the same already is left as it is.

        Raises:
            FleetError: there is one that says something else.
            SettingsError: there is one that is wrong.
        """
        if file.exists():
            self._compare(from_stack_file(file), file)
            return
        file.write_text(self._text(), encoding="utf-8")

    def _compare(self, there: StackSettings, file: Path) -> None:
        asked: dict[str, tuple[object, object]] = {
            "cloud": (there.cloud, self.cloud),
            "kind": (there.kind, StackKind.STATE),
            "account": (there.account, self.account),
            "region": (there.region, self.region),
            "owner": (there.owner, self.owner),
        }
        if self.cloud is Cloud.AZURE:
            asked["api.authorizedRanges"] = (list(there.api.authorized_ranges), list(self.authorized_ranges))
            asked["api.admins"] = (list(there.api.admins), list(self.admins))
        if other := [f"{key} is {said}, not {wanted}" for key, (said, wanted) in asked.items() if said != wanted]:
            raise FleetError(
                f"{file} is there already and says something else ({'; '.join(other)}): "
                f"`fleet bootstrap {file.name.split('.')[1]}` takes it as it is"
            )

    def _text(self) -> str:
        text = (
            "# yaml-language-server: $schema=schemas/stack.schema.json\n"
            "# Where all stacks keep their state; made by `fleet bootstrap`.\n"
            "config:\n"
            f"  modelfleet:cloud: {self.cloud}\n"
            "  modelfleet:kind: state\n"
            f'  modelfleet:account: "{self.account}"\n'
            f"  modelfleet:region: {self.region}\n"
            f"  modelfleet:owner: {self.owner}\n"
        )
        if self.cloud is Cloud.AZURE:
            text += (
                "  modelfleet:api:\n"
                f"    authorizedRanges: {json.dumps(list(self.authorized_ranges))}\n"
                f"    admins: {json.dumps(list(self.admins))}\n"
            )
        return text
