"""Which stacks a change of files touches: by name where one does, all of them where the program itself changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from subprocess import run
from typing import Final

import yaml

from fleet.console import FleetError
from fleet.engine import stack_names
from infra.config import Cloud, SettingsError, from_stack_file
from tenants.folder import TENANTS_FOLDER

_PROGRAM: Final = frozenset(
    {
        "Pulumi.yaml", "pyproject.toml", "uv.lock",
        "catalog", "documents", "images", "infra", "models", "service", "toolchain",
    }
)  # fmt: skip
"""What every stack is made from; a folder counts with all that it holds."""


@dataclass(frozen=True)
class Target:
    """A stack and what a job needs to work on it.

    Attributes:
        stack: Its name.
        cloud: Where it lives.
        kind: What it is.
        environment: The GitHub environment whose identity deploys it.
        account: The cloud's name of the account.
        region: The cloud's name of the region.
        valid: Whether its file can be used; one that can't has no more than a name.
    """

    stack: str
    cloud: str = ""
    kind: str = ""
    environment: str = ""
    account: str = ""
    region: str = ""
    valid: bool = True

    def as_row(self) -> dict[str, str | bool]:
        """Give it as a row of a table or a job matrix."""
        return asdict(self)


def changed_files(root: Path, base: str, head: str = "HEAD") -> list[str]:
    """List what a branch has changed since it left another, deleted files and both names of moved ones too.

    Args:
        root: The repository.
        base: The branch or commit that it goes into.
        head: The branch or commit with the change.

    Raises:
        FleetError: git doesn't know one of the two, or the history between them isn't there.
    """
    command = ["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...{head}", "--"]
    done = run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FleetError(
            f"git can't compare {base} with {head}: {done.stderr.strip()}. A shallow clone lacks the commit where they "
            "parted: check out with the whole history (fetch-depth: 0)"
        )
    return [name for name in done.stdout.split("\0") if name]


def affected(root: Path, changed: Iterable[str], *, base: str | None = None) -> list[Target]:
    """Give the stacks of clouds that the changed files are part of, by name.

    Args:
        root: The repository.
        changed: Paths relative to it.
        base: The commit before the change, where a tenant's file is looked up that named other stacks there.
    """
    stacks = stack_names(root)
    touched: set[str] = set()
    for path in map(PurePosixPath, changed):
        if path.parts[0] in _PROGRAM or (path.parts[0] == TENANTS_FOLDER and path.suffix == ".py"):
            touched.update(stacks)
        elif len(path.parts) == 1 and path.name.startswith("Pulumi.") and path.suffix == ".yaml":
            touched.add(path.name.removeprefix("Pulumi.").removesuffix(".yaml"))
        elif path.parts[0] == TENANTS_FOLDER and path.suffix == ".yaml":
            touched.update(_hosts(root, path, base))
    targets = (target(root, stack) for stack in stacks if stack in touched)
    return [each for each in targets if each.cloud != Cloud.LOCAL]


def every_target(root: Path) -> list[Target]:
    """Give all stacks of clouds, by name."""
    return [each for stack in stack_names(root) if (each := target(root, stack)).cloud != Cloud.LOCAL]


def target(root: Path, stack: str) -> Target:
    """Give what a job needs to know of a stack."""
    try:
        settings = from_stack_file(root / f"Pulumi.{stack}.yaml")
    except SettingsError:
        return Target(stack, valid=False)
    return Target(
        stack,
        cloud=str(settings.cloud),
        kind=str(settings.kind),
        environment=settings.environment,
        account=settings.account,
        region=settings.region,
    )


def as_matrix(targets: Sequence[Target]) -> Mapping[str, Sequence[Mapping[str, str | bool]]]:
    """Give targets as a job matrix: `fromJSON` of it is a job's `strategy.matrix`."""
    return {"include": [each.as_row() for each in targets]}


def _hosts(root: Path, file: PurePosixPath, base: str | None) -> set[str]:
    """Name the stacks of a tenant's file, before the change and after it."""
    texts = []
    if (root / file).is_file():
        texts.append((root / file).read_text(encoding="utf-8", errors="replace"))
    if base is not None:
        before = run(["git", "show", f"{base}:{file}"], cwd=root, capture_output=True, text=True, check=False)
        texts.append(before.stdout if before.returncode == 0 else "")
    return {stack for text in texts for stack in _named(text)}


def _named(text: str) -> list[str]:
    """Name the stacks that a tenant's file lists; a file that is wrong is the checks' to refuse."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return []
    listed = content.get("stacks") if isinstance(content, dict) else None
    return [stack for stack in listed if isinstance(stack, str)] if isinstance(listed, list) else []
