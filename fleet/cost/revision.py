"""Another version of a stack's file: in a commit, or beside this one."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from fleet.console import FleetError
from infra.config import StackSettings, from_stack_file
from tenants import TENANTS_FOLDER


@contextmanager
def files_at(reference: str, repository: Path) -> Generator[Path]:
    """Give a folder with the stack and tenant files of a commit.

    Raises:
        FleetError: git knows no such commit, or the folder is no repository.
    """
    command = ["git", "-C", str(repository), "archive", "--format=tar", reference]
    listed = _git(["git", "-C", str(repository), "ls-tree", "--name-only", reference], reference)
    wanted = [
        name
        for name in listed.decode().splitlines()
        if name == TENANTS_FOLDER or (name.startswith("Pulumi.") and name.endswith(".yaml"))
    ]
    with tempfile.TemporaryDirectory(prefix="modelfleet-revision-") as folder:
        if wanted:
            packed = _git([*command, "--", *wanted], reference)
            with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                tar.extractall(folder, filter="data")
        yield Path(folder)


def settings_at(reference: str, stack: str, repository: Path) -> StackSettings | None:
    """Give a stack's settings as a commit, or another stack file, has them; None where that commit has no such stack.

    Args:
        reference: A commit, branch or tag; or the path of a stack file.
        stack: The stack.
        repository: The clone.

    Raises:
        FleetError: there is no such commit.
        SettingsError: the file of then says something that is wrong today.
    """
    if reference.endswith(".yaml"):
        return from_stack_file(Path(reference))
    with files_at(reference, repository) as folder:
        file = folder / f"Pulumi.{stack}.yaml"
        return from_stack_file(file) if file.is_file() else None


def _git(command: list[str], reference: str) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise FleetError("git is missing, which --against asks: install it, or name a stack file") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise FleetError(f"--against {reference}: {said}; name a commit, a branch, a tag or a stack file")
    return done.stdout
