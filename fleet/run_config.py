"""The stack file that the engine gets on this machine: the committed one, with this machine's encryption salt.

With the passphrase provider the engine writes a salt into the stack file. A local stack's passphrase is made by each
machine, so its salt would differ in every clone and dirty it; it is kept beside the state instead. A file that
has a salt of its own (a team that shares a passphrase) is used as it is.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import yaml

from documents.yaml_edit import set_at
from toolchain.locations import state_dir

_SALT = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)


def run_config_file(stack: str) -> Path:
    """Give where a stack's file for the engine is, if it has run here."""
    return _folder() / f"Pulumi.{stack}.yaml"


class RunConfig:
    """One local stack's file on this machine.

    Args:
        committed: the file in the repository.
        folder: where the engine's is kept, beside this machine's state by default.
    """

    def __init__(self, committed: Path, folder: Path | None = None) -> None:
        self.committed = committed
        self._run = (folder or _folder()) / committed.name

    @contextmanager
    def file(self, **changed: str) -> Generator[Path]:
        """Give the file for one operation; a salt that the engine wrote meanwhile is kept.

        Args:
            changed: keys of ours and their values, as YAML writes them, that count for this operation only.
        """
        text = self.committed.read_text(encoding="utf-8")
        own_salt = _SALT.search(text) is not None
        if own_salt and not changed:
            yield self.committed
            return
        for key, written in changed.items():
            text = set_at(text, ("config", f"modelfleet:{key}"), written)
        self._write(text, "" if own_salt else self._salt())
        yield self._run

    def names(self, key: str) -> set[str]:
        """Give the names that a list of ours holds in the committed file."""
        config = yaml.safe_load(self.committed.read_text(encoding="utf-8"))["config"]
        return set(config.get(f"modelfleet:{key}") or ())

    def record(self, key: str, written: str) -> None:
        """Write a value of ours, as YAML writes it, into the committed file."""
        text = self.committed.read_text(encoding="utf-8")
        self.committed.write_text(set_at(text, ("config", f"modelfleet:{key}"), written), encoding="utf-8")

    @contextmanager
    def kept_clean(self) -> Generator[None]:
        """Move the salt that the engine writes into the committed file on creation to where it belongs."""
        before = self.committed.read_bytes()
        try:
            yield
        finally:
            written = self.committed.read_bytes()
            salt = _SALT.search(written.decode())
            if written != before and salt and not _SALT.search(before.decode()):
                self._write(before.decode(), salt[0])
                self.committed.write_bytes(before)

    def forget(self) -> None:
        """Remove what this machine keeps of a stack that is no more."""
        self._run.unlink(missing_ok=True)

    def _salt(self) -> str:
        try:
            found = _SALT.search(self._run.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return ""
        return found[0] if found else ""

    def _write(self, text: str, salt: str) -> None:
        self._run.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._run.write_text(f"{text.rstrip()}\n{salt}", encoding="utf-8")


def _folder() -> Path:
    return state_dir() / "pulumi" / "config"
