"""Builds an image, once for each digest of what it is made of."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from toolchain.errors import DiskFullError
from toolchain.images import base_image, debian_program, dependencies, kernels, oci_layout
from toolchain.images.buildah import BuildahBuilder
from toolchain.images.buildx import BuildxBuilder
from toolchain.images.image_builder import ImageBuild, ImageBuilder, choose_builder
from toolchain.images.recipe import RECIPES, Accelerator, ImageRecipe, recipe_of, source_date_epoch, source_digest
from toolchain.locations import cache_dir, clone_dir

# A host that exists nowhere: these references are only ever looked up in a node's own store.
LOCAL_REGISTRY = "modelfleet.local"
# Of each image; the one before is what a rollback needs.
_KEPT_BUILDS = 3
_RECORD = "image.json"
_ARCHIVE = "image.tar"


@dataclass(frozen=True)
class BuiltImage:
    """An image on this disk.

    Attributes:
        name: folder under ``images/``.
        reference: what a pod names: ``modelfleet.local/server@sha256:…``, by the digest of the manifest.
        digest: the manifest's digest, ``sha256:…``; the same in every registry that the image is pushed to.
        archive: an OCI archive, fit for ``ctr images import``; the image keeps ``reference`` as its name there.
        size_bytes: of manifest, configuration and compressed layers: what a registry stores and a node pulls.
        source_digest: over everything that the image was made of.
        base_digest: the manifest digest of the base image.
    """

    name: str
    reference: str
    digest: str
    archive: Path
    size_bytes: int
    source_digest: str
    base_digest: str


def build(
    name: str,
    *,
    base: str | None = None,
    accelerator: Accelerator = Accelerator.CPU,
    on_progress: Callable[[str], None] | None = None,
    builder: ImageBuilder | None = None,
) -> BuiltImage:
    """Build an image, or return the one that was built of the same sources.

    Two calls for the same sources at the same time build once; one that was killed leaves nothing in the way.

    Args:
        name: folder under ``images/``.
        base: a base image in a registry by digest; without it the configured one, or one made from Debian packages.
        accelerator: what a model server computes on.
        on_progress: is told each step, one line each.
        builder: what runs the Containerfile; chosen by what this machine has.

    Raises:
        ImageError: the message says what went wrong and what to do.
        DiskFullError: there is too little room in the cache folder.
    """
    recipe = recipe_of(name)
    started = time.monotonic()

    def say(line: str) -> None:
        if on_progress is not None:
            on_progress(f"image {name}: {line} [{time.monotonic() - started:.0f} s]")

    sources = source_digest(name, base=base, accelerator=accelerator)
    folder = _folder(name, sources)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if (built := _load(folder)) is not None:
        os.utime(folder)  # used now: not the next one to be forgotten
        return built
    with FileLock(folder.parent / f".{folder.name}.lock"):
        if (built := _load(folder)) is not None:  # another process has just built it
            return built
        _require_room(recipe, accelerator, folder.parent)
        _remove_leftovers(folder)
        try:
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-part-", dir=folder.parent) as scratch:
                _build(
                    recipe,
                    Path(scratch),
                    sources=sources,
                    base=base,
                    accelerator=accelerator,
                    builder=builder,
                    say=say,
                )
                shutil.rmtree(folder, ignore_errors=True)
                (Path(scratch) / "result").rename(folder)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFullError(f"no space left in {folder.parent} while building image '{name}'") from error
            raise
    _forget_old(name)
    built = _load(folder)
    if built is None:
        raise DiskFullError(f"{folder} is damaged right after it was written: check the disk")
    say(f"built {built.reference}, {built.size_bytes / 1e6:.0f} MB")
    return built


def list_built(name: str | None = None) -> list[BuiltImage]:
    """Return the images on this disk, the newest first."""
    images = cache_dir() / "images"
    names = sorted(RECIPES) if name is None else [name]
    folders = [folder for image in names for folder in images.glob(f"{image}-*") if folder.is_dir()]
    folders.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    return [built for folder in folders if (built := _load(folder)) is not None]


def _build(
    recipe: ImageRecipe,
    scratch: Path,
    *,
    sources: str,
    base: str | None,
    accelerator: Accelerator,
    builder: ImageBuilder | None,
    say: Callable[[str], None],
) -> None:
    """Build into ``scratch/result``."""
    epoch_s = source_date_epoch()
    base_found = base_image.obtain(base, epoch_s=epoch_s, say=say)
    if recipe.program is None:
        packages, key = dependencies.install(recipe.dependency_group, cpu=accelerator is Accelerator.CPU, say=say)
        programs = b"".join(program.read_bytes() for program in recipe.install_programs)
        contexts = {"packages-tree": packages}
        arguments = {"PACKAGES_KEY": hashlib.sha256(key.encode() + programs).hexdigest()}
    else:
        contexts = {"program-tree": debian_program.obtain(recipe.program, epoch_s=epoch_s, say=say)}
        arguments = {}
    context = scratch / "context"
    for relative, path in recipe.files():
        target = context / relative
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o644)
    kernels.add_to(context, say=say)
    if builder is None:
        builder = BuildahBuilder() if choose_builder() == "buildah" else BuildxBuilder()
    layout = scratch / "layout"
    builder.build(
        ImageBuild(
            name=recipe.name,
            containerfile=context / recipe.containerfile.relative_to(clone_dir()),
            context=context,
            base=base_found,
            epoch_s=epoch_s,
            named_contexts=contexts,
            arguments={**arguments, "SOURCE_DIGEST": sources, "VERSION": _version()},
        ),
        layout,
        say=say,
    )
    manifest = oci_layout.without_builder_traces(layout)
    digest = manifest.descriptor.digest
    result = scratch / "result"
    result.mkdir()
    reference = f"{LOCAL_REGISTRY}/{recipe.name}@{digest}"
    oci_layout.pack(layout, manifest, result / _ARCHIVE, name=reference)
    record = asdict(
        BuiltImage(recipe.name, reference, digest, Path(_ARCHIVE), manifest.size_bytes, sources, base_found.digest)
    )
    record["archive"] = _ARCHIVE
    record["archive_bytes"] = (result / _ARCHIVE).stat().st_size
    (result / _RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def _load(folder: Path) -> BuiltImage | None:
    """Return the image in a folder; None where there is none, or a part of it is missing."""
    try:
        record: dict[str, Any] = json.loads((folder / _RECORD).read_text())
        if (folder / _ARCHIVE).stat().st_size != record.pop("archive_bytes"):
            return None
        record["archive"] = folder / _ARCHIVE
        return BuiltImage(**record)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folder(name: str, sources: str) -> Path:
    return cache_dir() / "images" / f"{name}-{sources.removeprefix('sha256:')[:24]}"


def _require_room(recipe: ImageRecipe, accelerator: Accelerator, where: Path) -> None:
    free, needed = shutil.disk_usage(where).free, recipe.room_bytes(accelerator)
    if free < needed:
        raise DiskFullError(
            f"building image '{recipe.name}' for {accelerator} needs {needed / 1e9:.1f} GB in {where}, "
            f"{free / 1e9:.1f} GB are free: free some, or set MODELFLEET_CACHE to a folder on another disk"
        )


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed build of the same image left; the lock says that none is running."""
    for left in folder.parent.glob(f".{folder.name}-part-*"):
        shutil.rmtree(left, ignore_errors=True)


def _forget_old(name: str) -> None:
    for old in list_built(name)[_KEPT_BUILDS:]:
        shutil.rmtree(old.archive.parent, ignore_errors=True)


def _version() -> str:
    return tomllib.loads((clone_dir() / "pyproject.toml").read_text())["project"]["version"]
