"""Ends the place where all stacks keep their state: the last of all stacks, whose own state lies in what it deletes.

A bootstrap backwards: protections are lifted by an update while the state is in the bucket, then the state moves into a
folder of this machine, and from there everything is deleted. Where the state is stands in the stack's file, so that an
undoing that was interrupted is taken up where it was; so is a bootstrap that never came to its end.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from documents.yaml_edit import remove_key, set_at
from fleet import console
from fleet.bootstrap import Backends, StateBackend
from fleet.console import FleetError
from fleet.engine import Engine, Summary, UpdateFailedError
from fleet.kept_notes import KeptNotes, record
from fleet.remains import Remainder, protected, remains, resources, to_record
from fleet.run_config import RunConfig
from infra.config import from_stack_file

_ENGINES_OWN = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""What the engine writes into a stack's file about its secrets: they are gone with the stack."""


@dataclass(frozen=True)
class Undo:
    """One end of a place of states.

    Attributes:
        stack: Name of the stack of kind `state`.
        engine: The engine, whose own backend is the folder that the state moves into.
        folder: That folder; it goes in the end.
        backends: How the bucket is reached.
        lift: Lifts the protection of all data, by an update with an engine.
        destroy: Deletes everything, by an engine.
        file: The stack's file.
    """

    stack: str
    engine: Engine
    folder: Path
    backends: Backends
    lift: Callable[[Engine], Summary]
    destroy: Callable[[Engine], Summary]
    file: Path

    def run(self) -> tuple[Summary, list[Remainder]]:
        """Delete it.

        Returns:
            What was done, and what the cloud keeps.

        Raises:
            FleetError: other stacks keep their state there, or there is no such place.
            UpdateFailedError: the engine, a policy or the cloud refused something.
        """
        if kept_in := from_stack_file(self.file).backend:
            self._move_out(kept_in)
        elif not self.engine.exists(self.stack):
            raise FleetError(f"stack {self.stack} was never brought up, or is gone: there is nothing to undo")
        else:
            self._lift(self.engine)  # of a bootstrap that never came to its end
        left = remains(self.engine.export(self.stack))
        if kept_in:
            self._refuse(self._there(kept_in).others(self.stack), kept_in)  # who came meanwhile
        elif made := self._made_backend():
            self._look_again(made)
        console.step(f"stack {self.stack}: everything is deleted, by its state in {self.folder}")
        notes = KeptNotes(self.stack, self.folder)
        notes.add(to_record(left))
        try:
            summary = self.destroy(self.engine)
        except BaseException:
            notes.settle(self.engine.export(self.stack), RunConfig(self.file))
            raise
        self._forget(notes.names())
        return summary, left

    def _there(self, kept_in: str) -> Engine:
        return self.engine.with_environment(self.backends.environment(StateBackend(kept_in, "")))

    def _made_backend(self) -> str:
        """Name the bucket that this state's stack has made; empty where it made none."""
        return str(self.engine.outputs(self.stack).get("backend") or "")

    def _look_again(self, kept_in: str) -> None:
        """Look what has come into the bucket since an undoing, or a bootstrap, was interrupted."""
        try:
            others = self._there(kept_in).others(self.stack)
        except UpdateFailedError as error:
            # The bucket, or the right to read it, may be deleted already: that must not keep the rest for ever.
            console.note(f"{kept_in} can't be read any more, so nobody knows whether it keeps other states: {error}")
        else:
            self._refuse(others, kept_in)

    def _refuse(self, others: Sequence[str], kept_in: str) -> None:
        """Refuse while the bucket keeps other stacks' states.

        Raises:
            FleetError: it does.
        """
        if others:
            raise FleetError(
                f"{kept_in} keeps the states of other stacks ({', '.join(others)}), which would be lost with it: take "
                "those down first (`fleet down STACK --delete-data`), or move them to another backend (`pulumi stack "
                "export` here, `pulumi stack import` there, `pulumi stack rm --force STACK` here)"
            )

    def _move_out(self, kept_in: str) -> None:
        there = self._there(kept_in)
        self._refuse(there.others(self.stack), kept_in)
        self._lift(there)
        console.step(f"the state of {self.stack} moves from {kept_in} to {self.folder}")
        if not self.engine.exists(self.stack):
            self.engine.create(self.stack, "passphrase")
        # In plain text from one process to the other: the key of the secrets in it is among what is deleted.
        moved = there.export(self.stack, show_secrets=True)
        self.engine.import_(self.stack, moved)
        if _urns(self.engine.export(self.stack)) != _urns(moved):
            raise UpdateFailedError(
                f"the state of {self.stack} in {self.folder} is not the one of {kept_in}: nothing was deleted; compare "
                "them by `pulumi stack export`"
            )
        self._write(set_at(self._text(), ("config", "modelfleet:backend"), '""'))

    def _lift(self, engine: Engine) -> None:
        if protected(engine.export(self.stack)):
            self.lift(engine)

    def _forget(self, names: Iterable[str]) -> None:
        text = self._text()
        for key in _ENGINES_OWN:
            text = remove_key(text, key)
        self._write(text)
        record(names, RunConfig(self.file))
        self.engine.remove(self.stack)
        shutil.rmtree(self.folder)

    def _text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def _write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")


def _urns(checkpoint: Mapping[str, Any]) -> list[str]:
    return sorted(each["urn"] for each in resources(checkpoint))
