"""A stack of throw-away state by which the clouds are asked: is this here, what do you list, delete that.

The engine and the stack's own plugins do the asking, with the provider that the stack's state has: no cloud's own SDK,
and the same code against a real cloud and against a simulated one. The stack's own state isn't touched: what is only
suspected to exist must not stand there, as an update that came next would believe it.
"""

import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from documents.yaml_text import YamlDocument
from fleet.engine import Engine, Summary
from fleet.inventory.order import State, in_order
from fleet.update_view import UpdateView

_PROGRAM: Final = Path(__file__).with_name("asking") / "__main__.py"
_QUESTIONS: Final = "questions.json"


@dataclass(frozen=True)
class Question:
    """A call of one of a plugin's functions.

    Attributes:
        provider: URN of the provider that is asked, as in the state.
        token: the function, such as `aws:ec2/getVpc:getVpc`.
        arguments: its arguments.
    """

    provider: str
    token: str
    arguments: Mapping[str, Any]


class ScratchStack:
    """The same stack of the same project, so that every URN is the same, in a backend of its own.

    Args:
        engine: the engine of the real stack.
        stack: its name.
        project: its project's name.
        folder: where the backend and the project are.
    """

    def __init__(self, engine: Engine, stack: str, project: str, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._begun: Engine | None = None
        self._environment = dict(engine.environment)
        self._project = project

    @property
    def _engine(self) -> Engine:
        """The engine on its backend; both are made when something is asked for the first time."""
        if self._begun is None:
            self._begun = self._begin()
        return self._begun

    def _begin(self) -> Engine:
        folder = self._folder
        (folder / "backend").mkdir()
        (folder / "project").mkdir()
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        described = {"name": self._project, "runtime": runtime}  # YAML takes JSON
        (folder / "project" / "Pulumi.yaml").write_text(json.dumps(described), encoding="utf-8")
        environment = dict(self._environment)
        environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        environment["PULUMI_CONFIG_PASSPHRASE"] = secrets.token_urlsafe(32)  # nobody reads this again
        environment["PULUMI_BACKEND_URL"] = f"file://{folder / 'backend'}"
        engine = Engine(environment, project=folder / "project", whole=True)
        engine.select(self._stack)
        return engine

    @classmethod
    @contextmanager
    def beside(cls, engine: Engine, stack: str, project: str, folder: Path) -> Generator["ScratchStack"]:
        """Give one that is gone afterwards.

        Args:
            engine: the engine of the real stack.
            stack: its name.
            project: its project's name.
            folder: where it may be; made if it is missing.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=folder) as own:
            yield cls(engine, stack, project, Path(own))

    def existing(self, suspected: Sequence[State], providers: Sequence[State]) -> list[State]:
        """Ask for each resource whether it is there.

        Args:
            suspected: resources with the ids under which they may exist, secrets in plain text. One without outputs is
                read as an import reads it: the plugin takes the id that its documentation names for that.
            providers: providers that they name, secrets in plain text.

        Returns:
            Those that exist, with the ids, inputs and outputs that the cloud tells.

        Raises:
            UpdateFailedError: a plugin couldn't say.
        """
        # Alone: whether one is there doesn't depend on the others, and they may be in any order.
        self._import([_without_others(each, ()) for each in suspected], providers)
        self._engine.run("refresh", self._stack, _silent(), "--yes", "--skip-preview")
        return [each for each in self.held() if each["custom"] and not each["type"].startswith("pulumi:")]

    def hold(self, resources: Sequence[State], providers: Sequence[State]) -> None:
        """Put resources into the state, to be deleted in the order of their dependencies."""
        named = {each["urn"] for each in resources}
        self._import(in_order([_without_others(each, named) for each in resources]), providers)

    def held(self) -> list[State]:
        """Give what the state holds, secrets in plain text."""
        return self._engine.export(self._stack, show_secrets=True)["deployment"].get("resources") or []

    def destroy(self, view: UpdateView) -> Summary:
        """Delete what it holds, dependents first.

        Raises:
            UpdateFailedError: something couldn't be deleted.
        """
        return self._engine.run("destroy", self._stack, view, "--yes", "--skip-preview", "--continue-on-error")

    def answers(self, questions: Sequence[Question], providers: Sequence[State]) -> list[Any]:
        """Call functions of plugins, each by a provider of the state.

        Raises:
            UpdateFailedError: a plugin refused.
        """
        engine, project = self._engine, self._folder / "project"
        shutil.copyfile(_PROGRAM, project / "__main__.py")
        inputs = {each["urn"]: each.get("inputs") or {} for each in providers}
        asked = [
            {
                "package": each.token.partition(":")[0],
                "provider": inputs[each.provider],
                "token": each.token,
                "arguments": each.arguments,
            }
            for each in questions
        ]
        (project / _QUESTIONS).write_text(json.dumps(asked), encoding="utf-8")
        self._import([], [])
        engine.run("up", self._stack, _silent(), "--yes", "--skip-preview")
        return engine.outputs(self._stack)["answers"]

    def _import(self, resources: Sequence[State], providers: Sequence[State]) -> None:
        used = {(each.get("provider") or "").rpartition("::")[0] for each in resources}
        asked = [_without_others(each, ()) for each in providers if each["urn"] in used]
        engine = self._engine
        deployment = {
            "manifest": _MANIFEST,
            "secrets_providers": self._secrets_provider(),
            "resources": [*asked, *resources],
        }
        engine.import_(self._stack, {"version": 3, "deployment": deployment})

    def _secrets_provider(self) -> Mapping[str, Any]:
        """What encrypts the secrets of what is imported; without it the engine panics at the first of them.

        The engine has written its salt into the stack's file when it made the stack.
        """
        file = self._folder / "project" / f"Pulumi.{self._stack}.yaml"
        return {"type": "passphrase", "state": {"salt": YamlDocument.read(file).content["encryptionsalt"]}}


_MANIFEST: Final = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}


def _silent() -> UpdateView:
    return UpdateView(Console(quiet=True))


def _without_others(state: State, named: Iterable[str]) -> dict[str, Any]:
    """Give a resource that depends on nothing which isn't named beside it, and which nothing protects."""
    kept = dict(state)
    for key in ("parent", "deletedWith", "viewOf"):
        if kept.get(key) not in named:
            kept.pop(key, None)
    kept["dependencies"] = [urn for urn in state.get("dependencies") or () if urn in named]
    kept["propertyDependencies"] = {
        name: [urn for urn in urns or () if urn in named]
        for name, urns in (state.get("propertyDependencies") or {}).items()
    }
    for key in ("protect", "retainOnDelete", "delete", "pendingReplacement", "resourceHooks", "aliases"):
        kept.pop(key, None)
    return kept
