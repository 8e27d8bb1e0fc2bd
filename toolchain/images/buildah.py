"""Builds with buildah, in a storage of its own that no other container tool on the machine sees.

Everything runs in mount and process namespaces that end with it: a build that is killed leaves no mount and no
process, only an unfinished container in the storage, which the next build removes first. Steps run in a chroot
(no container runtime, no cgroups), as they only copy and compile files.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from toolchain.images.errors import BuilderMissingError
from toolchain.images.image_builder import ImageBuild, run_build
from toolchain.locations import cache_dir

# The level decides the digest, so it is a constant. Above 5 the encoder takes three times as long for 3 % less.
_ZSTD_LEVEL = "5"
# Kernel overlay mounts where they work, else plain copies.
_DRIVERS = ("overlay", "vfs")
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private")
# A layer cache that has outgrown this is cheaper to rebuild than to search.
_STORAGE_LIMIT_BYTES = 20_000_000_000


class BuildahBuilder:
    """An ``ImageBuilder`` on buildah."""

    def __init__(self, storage: Path | None = None) -> None:
        self._storage = cache_dir() / "images" / "storage" if storage is None else storage

    def build(self, build: ImageBuild, layout: Path, *, say: Callable[[str], None]) -> None:
        """Build into a new OCI layout.

        Raises:
            BuildFailedError: a step failed.
            BuilderMissingError: buildah is missing.
        """
        if shutil.which("buildah") is None:
            raise BuilderMissingError("buildah is missing: apt-get install buildah")
        with self._session() as (prefix, environment, scratch):
            base = build.base.reference
            if build.base.layout is not None:
                # buildah makes an image name of the path, and not every path is one (`/root/.cache`); a link's is.
                link = scratch / "base"
                link.symlink_to(build.base.layout)
                base = f"oci:{link}:base"
            arguments = {"BASE": base, "BASE_DIGEST": build.base.digest, **build.arguments}
            command = [
                *prefix,
                "build",
                "--isolation",
                "chroot",
                "--layers",
                "--format",
                "oci",
                "--identity-label=false",
            ]
            command += ["--timestamp", str(build.epoch_s), "--file", str(build.containerfile)]
            for name, folder in sorted(build.named_contexts.items()):
                command += ["--build-context", f"{name}={folder}"]
            for name, value in sorted(arguments.items()):
                command += ["--build-arg", f"{name}={value}"]
            tag = f"modelfleet.local/{build.name}:latest"
            command += ["--tag", tag, str(build.context)]
            run_build(command, name=build.name, say=say, environment=environment)
            say("compressing the layers")
            push = [*prefix, "push", "--quiet", "--format", "oci", "--disable-compression=false"]
            push += ["--compression-format", "zstd", "--compression-level", _ZSTD_LEVEL]
            run_build([*push, tag, f"oci:{layout}:{build.name}"], name=build.name, say=say, environment=environment)

    @contextmanager
    def _session(self) -> Generator[tuple[list[str], dict[str, str], Path]]:
        """Give command prefix, environment and working folder of one build; one at a time on a storage."""
        self._storage.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._storage.parent / f".{self._storage.name}.lock"):
            if _size_bytes(self._storage) > _STORAGE_LIMIT_BYTES:
                shutil.rmtree(self._storage)
            # The run root holds mount counts, true only as long as the mount namespace: a new one for each build.
            with _scratch_folder(self._storage) as runroot:
                environment = {
                    **os.environ,
                    "BUILDAH_ISOLATION": "chroot",
                    "TMPDIR": str(runroot),
                    "STORAGE_DRIVER": _driver(self._storage),
                    # Otherwise the user's storage.conf would add its own stores and mount options.
                    "CONTAINERS_STORAGE_CONF": "/dev/null",
                }
                prefix = [*_NAMESPACES, "buildah", "--root", str(self._storage), "--runroot", f"{runroot}/run"]
                run_build([*prefix, "rm", "--all"], name="storage", say=_ignore, environment=environment)
                yield prefix, environment, runroot


@contextmanager
def _scratch_folder(storage: Path) -> Generator[Path]:
    """Give an empty folder whose path may be part of an image name: lower case, and no `_` at an end.

    It is the storage's own, under the storage's lock: what a killed build left in it is removed here.
    """
    key = hashlib.sha256(str(storage).encode()).hexdigest()[:16]
    folder = Path("/tmp") / f"modelfleet-buildah-{os.geteuid()}-{key}"  # noqa: S108 - mkdir refuses another's folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _driver(storage: Path) -> str:
    for driver in _DRIVERS:
        if (storage / f"{driver}-images").exists():
            return driver
    return _DRIVERS[0]


def _size_bytes(folder: Path) -> int:
    """Add up a tree's files; no link is followed."""
    return sum(os.lstat(Path(where, name)).st_blocks * 512 for where, _, files in os.walk(folder) for name in files)


def _ignore(_: str) -> None:
    return
