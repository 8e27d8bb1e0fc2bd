"""Builds the tools of ``recipes`` once a machine, whoever asks and however often it is interrupted.

A tool lives in a folder named after its version and a hash of all that decides what comes out: the recipe,
go.mod, go.sum, the Go version and the architecture. The folder appears by a rename when it is complete, so one that
is there is whole. Go's own caches make a killed build go on where it stopped.
"""

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from toolchain.errors import DiskFullError, GoMissingError
from toolchain.go_compiler import Go, find_go, minimum_version, target_architecture
from toolchain.locations import cache_dir, tools_dir
from toolchain.progress import Progress, default_progress
from toolchain.recipes import RECIPES, Recipe, recipe_named

_RECEIPT = "built.json"
_LOCK_POLL_S = 1.0
# What a build with warm caches still writes: the binaries twice (linker's temporary file and the result).
_WARM_BYTES = 1024**3


class State(StrEnum):
    """How a tool stands on this machine."""

    BUILT = "built"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ToolStatus:
    """One row of ``fleet tools list``.

    Attributes:
        name: the recipe.
        version: the upstream version.
        purpose: what it is for.
        state: whether it is there.
        path: the folder with its binaries, or None.
        size_bytes: disk space of all of its builds, superseded ones too.
        superseded: how many builds of other versions or recipes ``prune`` would remove.
    """

    name: str
    version: str
    purpose: str
    state: State
    path: Path | None
    size_bytes: int
    superseded: int


def ensure(name: str, progress: Progress | None = None) -> Path:
    """Return the folder with a tool's binaries; build them if they are missing.

    Safe to call from several processes at once: one builds, the others wait for it. A build that is killed leaves
    nothing that could be taken for a finished one, and the next one goes on from Go's caches.

    Args:
        name: a row of ``recipes.RECIPES``.
        progress: what to report a build to; by default stderr. Nothing is reported when nothing is built.

    Raises:
        ToolchainError: the subclass that says what is missing and what to do.
    """
    recipe = recipe_named(name)
    try:
        go = find_go()
    except GoMissingError:
        # Binaries that were built (or restored by CI) with whatever compiler are as good without one.
        if (built := _newest_built(recipe)) is not None:
            return built
        raise
    folder = tools_dir() / key(recipe, go)
    if _is_whole(folder, recipe):
        return folder
    go.require(minimum_version(recipe.module_dir), of=f"{recipe.name} {recipe.version}")
    with default_progress() if progress is None else progress as report:
        lock = _lock(folder.name)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            report.begin(f"{recipe.name} {recipe.version}: another process is building it, waiting")
            lock.acquire(poll_interval=_LOCK_POLL_S)
            report.end(f"{recipe.name} {recipe.version}: the other process is done")
        try:
            if not _is_whole(folder, recipe):
                _build(recipe, go, folder, report)
        finally:
            lock.release()
    return folder


def ensure_all(names: Iterable[str], progress: Progress | None = None) -> dict[str, Path]:
    """Return the folders of several tools by name, building one after the other what is missing.

    Raises:
        ToolchainError: the subclass that says what is missing and what to do.
    """
    return {name: ensure(name, progress) for name in names}


def is_built(name: str) -> bool:
    """Tell whether a tool is there already.

    Raises:
        UnknownRecipeError: there is no such tool.
    """
    recipe = recipe_named(name)
    try:
        return _is_whole(tools_dir() / key(recipe, find_go()), recipe)
    except GoMissingError:
        return _newest_built(recipe) is not None


def statuses() -> list[ToolStatus]:
    """Return how every tool stands, in the table's order."""
    try:
        go = find_go()
    except GoMissingError:
        go = None
    rows: list[ToolStatus] = []
    for recipe in RECIPES.values():
        current = _newest_built(recipe) if go is None else tools_dir() / key(recipe, go)
        if current is not None and not _is_whole(current, recipe):
            current = None
        builds = _builds_of(recipe.name)
        rows.append(
            ToolStatus(
                name=recipe.name,
                version=recipe.version,
                purpose=recipe.purpose,
                state=State.MISSING if current is None else State.BUILT,
                path=current,
                size_bytes=sum(_size(folder) for folder in builds),
                superseded=len([folder for folder in builds if folder != current]),
            )
        )
    return rows


def prune(*, everything: bool = False, compiler_caches: bool = False) -> list[Path]:
    """Remove builds of other versions and recipes, and what killed builds left; return what was removed.

    A build that a running process uses stays, and so does one that is being made.

    Args:
        everything: also remove the current builds.
        compiler_caches: also remove Go's module and build caches (the next build starts from nothing).
    """
    keep = set() if everything else {status.path for status in statuses()}
    stale = [folder for name in RECIPES for folder in _builds_of(name) if folder not in keep]
    in_use = _folders_in_use()
    removed: list[Path] = []
    for folder in [*stale, *tools_dir().glob(".building-*")]:
        lock = _lock(folder.name.removeprefix(".building-"))
        if folder in in_use:
            continue
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        try:
            shutil.rmtree(folder)
            removed.append(folder)
        finally:
            lock.release()
    if compiler_caches:
        for cache in (cache_dir() / "go-mod", cache_dir() / "go-build"):
            if cache.exists():
                shutil.rmtree(cache)
                removed.append(cache)
    return removed


def key(recipe: Recipe, go: Go) -> str:
    """Return the name of the folder in which a recipe's result lives, for one compiler."""
    return f"{recipe.name}-{recipe.version}-{_digest(recipe, go.version)[:12]}"


def _digest(recipe: Recipe, go_version: str) -> str:
    # What is said for people only doesn't change what is built.
    decisive = {k: v for k, v in asdict(recipe).items() if k not in {"purpose", "cold_bytes"}}
    decisive |= {"go": go_version, "arch": target_architecture()}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode())
    for file in ("go.mod", "go.sum"):
        digest.update((recipe.module_dir / file).read_bytes())
    return digest.hexdigest()


def _build(recipe: Recipe, go: Go, folder: Path, report: Progress) -> None:
    """Build into a folder beside the final one, then rename. The caller holds the lock."""
    started = time.monotonic()
    _require_space(recipe)
    building = folder.with_name(f".building-{folder.name}")
    # The lock says that nobody works in it: it is what a killed build left.
    shutil.rmtree(building, ignore_errors=True)
    scratch = building / "scratch"
    scratch.mkdir(parents=True)
    title = f"{recipe.name} {recipe.version}"
    packages = list(recipe.commands.values())
    try:
        report.begin(f"{title}: downloading Go modules")
        total = go.download(
            recipe.module_dir, packages, lambda line: report.update(line.removeprefix("go: downloading "))
        )
        report.begin(f"{title}: compiling")
        compiled = 0

        def count(package: str) -> None:
            nonlocal compiled
            compiled += 1
            report.update(package, min(compiled, total), total)

        names = list(recipe.commands)
        out = building / "out"
        out.mkdir()
        go.build(
            recipe.module_dir,
            packages,
            output=out / names[0] if len(names) == 1 else out,
            tags=recipe.tags,
            ldflags=recipe.ldflags,
            scratch=scratch,
            on_line=count,
        )
        for file in recipe.files:
            source = go.module_source(recipe.module_dir, file.module) / file.path
            target = out / source.name
            shutil.copyfile(source, target)
            target.chmod(0o755)
        _write_receipt(out, recipe, go, seconds=time.monotonic() - started)
        _sync(out)
        if folder.exists():  # found damaged: a file is missing or cut short
            shutil.rmtree(folder)
        out.rename(folder)
        _sync_folder(folder.parent)
        report.end(f"{title} built, {compiled} packages compiled")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"{title}: the disk is full; make room under {cache_dir()}") from error
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _require_space(recipe: Recipe) -> None:
    tools_dir().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(tools_dir()).free
    # A build cache that holds something of this tool's is taken for a warm one; a wrong guess is caught
    # later, when the disk is really full, and costs only time.
    module = next(iter(recipe.commands.values())).split("/cmd/")[0]
    warm = (cache_dir() / "go-mod" / "cache" / "download" / module).exists() or _builds_of(recipe.name)
    needed = _WARM_BYTES if warm else recipe.cold_bytes
    if free < needed:
        message = (
            f"{recipe.name} {recipe.version}: building it takes {needed / 1e9:.0f} GB under {cache_dir()}, where "
            f"{free / 1e9:.1f} GB are free. Make room, or set MODELFLEET_CACHE to a folder on another disk."
        )
        raise DiskFullError(message)


def _write_receipt(out: Path, recipe: Recipe, go: Go, *, seconds: float) -> None:
    receipt = {
        "name": recipe.name,
        "version": recipe.version,
        "go": go.version,
        "arch": target_architecture(),
        "digest": _digest(recipe, go.version),
        "seconds": round(seconds, 1),
        "files": {name: (out / name).stat().st_size for name in recipe.products},
    }
    (out / _RECEIPT).write_text(json.dumps(receipt, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _is_whole(folder: Path, recipe: Recipe) -> bool:
    """Tell whether a build is there with all of its files at their full size."""
    try:
        sizes = json.loads((folder / _RECEIPT).read_text(encoding="utf-8"))["files"]
        return set(sizes) == set(recipe.products) and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _newest_built(recipe: Recipe) -> Path | None:
    """Return a build of this very recipe by any compiler, the newest one."""
    found: list[tuple[float, Path]] = []
    for folder in _builds_of(recipe.name):
        if not _is_whole(folder, recipe):
            continue
        receipt = json.loads((folder / _RECEIPT).read_text(encoding="utf-8"))
        if receipt["digest"] == _digest(recipe, receipt["go"]):
            found.append((folder.stat().st_mtime, folder))
    return max(found)[1] if found else None


def _builds_of(name: str) -> list[Path]:
    return sorted(folder for folder in tools_dir().glob(f"{name}-[0-9]*-*") if folder.is_dir())


def _folders_in_use() -> set[Path]:
    """Return the tool folders that running processes were started from."""
    folders: set[Path] = set()
    for link in Path("/proc").glob("[0-9]*/exe"):
        try:
            folders.add(link.readlink().parent)
        except OSError:  # it ended meanwhile, or isn't ours to look at
            continue
    return folders


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _lock(name: str) -> FileLock:
    locks = tools_dir() / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"{name}.lock")


def _sync(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
