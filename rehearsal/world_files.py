"""Stack and tenant files of a rehearsal: copies of a project's, which a rehearsal and the engine may change.

What was copied is kept beside the copies. So a rehearsal that goes on from an earlier one can tell what that one has
changed (a tenant added, a pool's machine) from what has changed in the project since: the first stays, the second is
taken over, and where one file has both, the project's is taken.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tenants.folder import TENANTS_FOLDER

_ENCRYPTION: Final = re.compile(r"^(secretsprovider|encryptedkey|encryptionsalt):.*\n?", re.MULTILINE)
"""What a stack file says about the real stack's secrets: a rehearsal must not ask a cloud for a key."""
_SALT: Final = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)
"""What the engine adds to a copy: by it and the world's passphrase the secrets of the state are read."""


@dataclass(frozen=True)
class WorldFiles:
    """The stack and tenant files of one world.

    Attributes:
        project: the folder that they are in.
        taken: the folder in which what was last copied is kept, as it was.
    """

    project: Path
    taken: Path

    def take(self, source: Path, *, goes_on: bool) -> Sequence[str]:
        """Copy what a project has now; whoever reads meanwhile sees a file's old or new text, never half of one.

        Args:
            source: the folder with stack and tenant files.
            goes_on: whether what was changed here stays, where the project's file is what it was.

        Returns:
            Files in which a change was given up.
        """
        for folder in (self.project, self.taken):
            (folder / TENANTS_FOLDER).mkdir(parents=True, exist_ok=True)
        wanted, given_up = {*_named(source)}, []
        for name in sorted({*wanted, *_named(self.project), *_named(self.taken)}):
            here, before = _text(self.project / name), _text(self.taken / name)
            now = _without_encryption(source / name) if name in wanted else None
            changed_here = goes_on and _said(here) != _said(before)
            if changed_here and now == before:
                continue
            if changed_here and _said(here) != _said(now):
                given_up.append(name)
            self._put(name, here, now)
        return given_up

    def _put(self, name: str, here: str | None, now: str | None) -> None:
        """Write a file and note what was written, or remove it; the engine's salt stays."""
        if now is None:
            (self.project / name).unlink(missing_ok=True)
            (self.taken / name).unlink(missing_ok=True)
            return
        salt = _SALT.search(here or "")
        _replace(self.project / name, f"{now}{salt[0] if salt else ''}")
        _replace(self.taken / name, now)


def is_stack_file(name: str) -> bool:
    """Tell whether a file of this name is a stack's."""
    return name.startswith("Pulumi.") and name.endswith(".yaml") and name != "Pulumi.yaml"


def _named(folder: Path) -> Iterator[str]:
    """Name a folder's stack and tenant files, as paths below it."""
    yield from (file.name for file in folder.glob("Pulumi.*.yaml") if is_stack_file(file.name))
    yield from (f"{TENANTS_FOLDER}/{file.name}" for file in (folder / TENANTS_FOLDER).glob("*.yaml"))


def _text(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _without_encryption(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return f"{_ENCRYPTION.sub('', text).rstrip()}\n" if is_stack_file(file.name) else text


def _said(text: str | None) -> object:
    """Give what a file says: the engine writes a stack file in its own way, and its salt into it."""
    if text is None:
        return None
    try:
        return yaml.safe_load(_ENCRYPTION.sub("", text))
    except yaml.YAMLError:
        return text


def _replace(file: Path, text: str) -> None:
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(file)
