"""The folder in which a rehearsal happens: its state, its simulated accounts, and its project.

Everything that a rehearsal writes lies below this folder. The project in it is this clone seen through links, with
stack and tenant files of its own (`rehearsal.world_files`): the program runs unchanged, and the engine writes its salt
where no commit would pick it up.
"""

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock
import yaml

from rehearsal import guard
from rehearsal.clusters.control_plane import lock_file, remove_all, stop_abandoned, stop_all
from rehearsal.clusters.mode import ClusterMode
from rehearsal.world_files import WorldFiles, is_stack_file
from tenants.folder import TENANTS_FOLDER, TenantFolder
from toolchain.errors import ToolchainError
from toolchain.flavour import CHECKED_VARIABLE, Flavour
from toolchain.locations import cache_dir, clone_dir, state_dir
from toolchain.pulumi_home import pulumi_environment

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class RehearsalError(ToolchainError):
    """A rehearsal can't begin; the message says why, and what to do."""


@dataclass(frozen=True)
class World:
    """One rehearsal's folder.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @classmethod
    def named(cls, name: str) -> "World":
        """Give the world of a name, whether it exists or not.

        Raises:
            RehearsalError: no folder can have that name.
        """
        if not _NAME.fullmatch(name):
            raise RehearsalError(f"{name!r} can't name a rehearsal: use letters, digits, '-', '_' and '.'")
        return cls(state_dir() / "rehearsal" / name)

    @property
    def project(self) -> Path:
        """The folder in which the engine runs."""
        return self.folder / "project"

    @property
    def memory(self) -> Path:
        """The simulated accounts' memory."""
        return self.folder / "account.sqlite"

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep other rehearsals out of this world meanwhile; at the end no process of it is left.

        What other rehearsals have left that were killed is ended too.

        Raises:
            RehearsalError: another one is in it.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(lock_file(self.folder))
        try:
            with lock.acquire(blocking=False):
                stop_abandoned()
                try:
                    yield
                finally:
                    stop_all(self.folder)
        except filelock.Timeout:
            raise RehearsalError(
                f"another rehearsal is under way in {self.folder.name}: wait for it, or choose another --world"
            ) from None

    @property
    def tenants(self) -> TenantFolder:
        """The tenants of the world: copies, so that one that is added here is nowhere else."""
        return TenantFolder(self.project)

    def stack_file(self, stack: str) -> Path:
        """Give the path of a stack's file in the world: a copy, which a rehearsal may change."""
        return self.project / f"Pulumi.{stack}.yaml"

    def begin(
        self,
        *,
        account: str,
        region: str,
        source: Path | None = None,
        files: Path | None = None,
        clusters: ClusterMode = ClusterMode.REMEMBERED,
        goes_on: bool = False,
    ) -> Sequence[str]:
        """Make the folder, or take it up again; the project is linked anew, as the clone may have changed.

        Args:
            account: what simulated clouds call the account where a program's provider doesn't say.
            region: the same for the region.
            source: the project to rehearse, this clone by default.
            files: where its stack and tenant files are, if not in the project: an example's folder.
            clusters: what stands for a managed cluster.
            goes_on: whether what earlier rehearsals here have changed in stack and tenant files stays.

        Returns:
            Files in which such a change was given up, as the project's have changed too.
        """
        (self.folder / "backend").mkdir(parents=True, exist_ok=True)
        (self.folder / "home").mkdir(exist_ok=True)
        _write(self.folder / guard.MARK, json.dumps({"account": account, "region": region, "clusters": clusters}))
        passphrase = self.folder / "passphrase"
        if not passphrase.exists():
            _write(passphrase, secrets.token_urlsafe(32))
        project = (source or clone_dir()).resolve()
        self._link(project)
        return self.take_files((files or project).resolve(), goes_on=goes_on)

    def forget(self) -> None:
        """Remove everything that rehearsals here have left."""
        if self.folder.exists():
            if not (self.folder / guard.MARK).is_file():
                raise RehearsalError(f"{self.folder} was not made by a rehearsal, so it isn't removed: look what it is")
            remove_all(self.folder)
            shutil.rmtree(self.folder)

    def environment(self, stack: str, inherited: Mapping[str, str]) -> dict[str, str]:
        """Give the whole environment of the engine: nothing of a cloud's, a home folder of its own.

        Args:
            stack: the stack that runs.
            inherited: this process's environment.

        Raises:
            ToolchainError: the engine or an SDK is missing.
        """
        clean = guard.without_credentials(inherited)
        for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_BACKEND_URL"):
            clean.pop(name, None)
        return {
            **clean,
            **pulumi_environment(Flavour.SIMULATED),
            # What was built and read for all rehearsals isn't looked for in the home folder of this one.
            "MODELFLEET_CACHE": str(cache_dir()),
            "HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": guard.backend_url(self.folder),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "PULUMI_CONFIG_PASSPHRASE": "",
            # The engine saves a state of a megabyte twice for each resource, and each time copies the one before: a
            # rehearsal that loses its own is played again.
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            guard.WORLD_VARIABLE: str(self.folder),
            CHECKED_VARIABLE: stack,  # the world's backend never holds a stack of other plugins
        }

    def take_files(self, source: Path, *, goes_on: bool = False) -> Sequence[str]:
        """Bring stack and tenant files up to what a project's say now; others may be at work here meanwhile.

        Args:
            source: the folder with stack and tenant files.
            goes_on: whether what was changed here stays, where the project's file is what it was.

        Returns:
            Files in which a change was given up, as the project's have changed too.
        """
        return WorldFiles(self.project, self.folder / "taken").take(source, goes_on=goes_on)

    def _link(self, source: Path) -> None:
        """Show a project in the world's, all but its stack and tenant files."""
        self.project.mkdir(exist_ok=True)
        program = _program_folder(source)
        if program:
            shutil.rmtree(self.project / program, ignore_errors=True)
        for entry in self.project.iterdir():
            if entry.is_symlink():
                entry.unlink()
        for entry in source.iterdir():
            if entry.name not in {TENANTS_FOLDER, program} and not is_stack_file(entry.name):
                (self.project / entry.name).symlink_to(entry)
        if program:
            # A folder of its own: a program that is found through a link takes its files from where the link leads.
            (self.project / program).mkdir()
            for entry in (source / program).iterdir():
                (self.project / program / entry.name).symlink_to(entry)
        if not (self.project / ".venv").exists():
            (self.project / ".venv").symlink_to(sys.prefix)


def _program_folder(source: Path) -> str:
    """Name the folder of the project's program, empty where it is the project's own."""
    described = yaml.safe_load((source / "Pulumi.yaml").read_text(encoding="utf-8")) or {}
    return str(described.get("main") or "").strip("./")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
