"""Makes the place where all stacks keep their state, by the engine, which needs such a place to begin with.

The stack of kind `state` comes up with its state in a folder of this machine; then that state is moved into the bucket
that it has made, and from then on it is a stack as any other. Each step looks whether it was done before, so that an
interrupted bootstrap is taken up, and a finished one finds nothing to do.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from documents import Finding, SettingsError
from documents.yaml_edit import set_at
from fleet import console
from fleet.console import FleetError
from fleet.engine import Engine, Summary, UpdateFailedError
from infra.config import Cloud, StackKind, StackSettings, from_stack_file

_BACKEND = "PULUMI_BACKEND_URL"


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
    """

    stack: str
    engine: Engine
    folder: Path
    backends: Backends
    update: Callable[[Engine], Summary]
    file: Path

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
        self.update(self.engine)
        made = _made(self.engine, self.stack)
        console.step(f"the state of {self.stack} moves to {made.url}")
        there = self.engine.with_environment(self.backends.environment(made))
        if not there.exists(self.stack):
            there.create(self.stack, self.backends.secrets_provider(made))
        there.import_(self.stack, self.engine.export(self.stack))
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


def write_stack_file(file: Path, *, cloud: Cloud, account: str, region: str, owner: str) -> None:
    """Write the stack file of a place for states.

    Raises:
        FleetError: there is one that says something else.
    """
    text = (
        "# yaml-language-server: $schema=schemas/stack.schema.json\n"
        "# Where all stacks keep their state; made by `fleet bootstrap`.\n"
        "config:\n"
        f"  modelfleet:cloud: {cloud}\n"
        "  modelfleet:kind: state\n"
        f'  modelfleet:account: "{account}"\n'
        f"  modelfleet:region: {region}\n"
        f"  modelfleet:owner: {owner}\n"
    )
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise FleetError(f"{file} is there already: `fleet bootstrap {file.name.split('.')[1]}` takes it as it is")
    file.write_text(text, encoding="utf-8")
