"""Which images there are, what each is made of, and the digest over all of that.

The digest is known without building (a hundredth of a second and one call of uv), so that a deployment can tell whether
an image is stale, and a second build can be skipped.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolchain.images import base_image, dependencies
from toolchain.images.debian_program import DebianProgram
from toolchain.images.errors import UnknownImageError
from toolchain.locations import clone_dir

# Raised when the way of building changes in a manner that the hashed files don't show.
_RECIPE = "1"
# 2025-01-01, for every file and every time stamp in an image. A fixed day, not the commit's: a commit that changes
# nothing in an image must not change its digest either.
DEFAULT_EPOCH_S = 1735689600
# Programs of this package whose output is in the image; the ones that only move it about don't count.
_MAKERS = ("base_image.py", "cpu_torch.py", "dependencies.py", "elf.py", "elf_pack.py", "stub_library.py")
_INTERPRETER = "/usr/bin/python3"
_NOT_SOURCE = ("__pycache__", ".pyc", ".so", ".tmp")


class Accelerator(StrEnum):
    """What a model server's image computes on."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True, kw_only=True)
class ImageRecipe:
    """One image: a program of ours with its packages from uv.lock, or one of Debian's."""

    name: str
    # Of uv.lock; empty for a program that isn't ours.
    dependency_group: str = ""
    sources: tuple[str, ...] = ()
    program: DebianProgram | None = None
    # Room that a build needs, measured: the trees of packages, two layers of them, and the archive.
    needed_bytes: int
    # Room that the GPU variant needs besides, reckoned: its packages are 4 GB more, which lie in the tree and in both
    # layers, and some 3 GB compressed, in the builder's result and in the archive.
    cuda_bytes: int = 0
    # What a node pulls, compressed, at most: `fleet image check` refuses more.
    largest_bytes: int

    @property
    def containerfile(self) -> Path:
        """The image's Containerfile."""
        return clone_dir() / "images" / self.name / "Containerfile"

    @property
    def install_programs(self) -> tuple[Path, ...]:
        """What lays out the packages in a build stage, and proves that they work."""
        if not self.dependency_group:
            return ()
        return clone_dir() / "images" / "install.py", self.containerfile.parent / "proof.py"

    @property
    def entry_point(self) -> str:
        """The program that a container of it starts."""
        return _INTERPRETER if self.program is None else f"/{self.program.path}"

    def room_bytes(self, accelerator: Accelerator) -> int:
        """Give the room that a build needs in the cache folder."""
        return self.needed_bytes + (self.cuda_bytes if accelerator is Accelerator.CUDA else 0)

    def locked_packages(self, *, cpu: bool) -> str:
        """Return its pinned and hashed Python packages, as a requirements file; empty where it holds none.

        Args:
            cpu: leave out what only a GPU needs.

        Raises:
            DependenciesError: uv can't make them of uv.lock.
        """
        return dependencies.requirements(self.dependency_group, cpu=cpu) if self.dependency_group else ""

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield (path in the build context, path here) of each file that goes into the build, in a fixed order."""
        root = clone_dir()
        found: list[Path] = [self.containerfile, *self.install_programs]
        for source in self.sources:
            path = root / source
            found += [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        for path in sorted(set(found)):
            relative = path.relative_to(root).as_posix()
            if not any(part in relative for part in _NOT_SOURCE):
                yield relative, path


RECIPES = {
    recipe.name: recipe
    for recipe in (
        ImageRecipe(
            name="server",
            dependency_group="server",
            sources=(
                "service/__init__.py",
                "service/engine",
                "service/server",
                "service/web",
                "service/weights",
            ),
            needed_bytes=8_000_000_000,
            cuda_bytes=18_000_000_000,
            largest_bytes=450_000_000,
        ),
        ImageRecipe(
            name="gateway",
            dependency_group="gateway",
            sources=("service/__init__.py", "service/gateway", "service/web"),
            needed_bytes=600_000_000,
            largest_bytes=50_000_000,
        ),
        # Debian's, not built from its Go module: its modules and packages are some minutes of a first `make up`, and
        # what a release asks it (rates and sums) hasn't changed since.
        ImageRecipe(
            name="prometheus",
            program=DebianProgram("prometheus", "usr/bin/prometheus"),
            needed_bytes=800_000_000,
            largest_bytes=50_000_000,
        ),
    )
}


def recipe_of(name: str) -> ImageRecipe:
    """Return the recipe of an image.

    Raises:
        UnknownImageError: there is none of that name.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownImageError(f"there is no image '{name}'; there are {', '.join(sorted(RECIPES))}") from None


def source_date_epoch() -> int:
    """Return the time stamp of all that an image holds: ``$SOURCE_DATE_EPOCH``, else a fixed day."""
    value = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(value) if value.isdigit() else DEFAULT_EPOCH_S


def source_digest(name: str, *, base: str | None = None, accelerator: Accelerator = Accelerator.CPU) -> str:
    """Return ``sha256:hex`` over everything that goes into an image, without building it.

    That is the Containerfile, the code, the locked packages with their hashes, the base and the programs that make
    it, and the time stamp. The same digest means the same image on one machine.

    Args:
        name: of the image.
        base: a base image by digest, else the configured one, else the one made from Debian packages.
        accelerator: what a model server computes on.

    Raises:
        UnknownImageError: no such image.
        DependenciesError: uv.lock and the dependency group don't go together, or uv is missing.
        BaseImageError: the base isn't named by digest.
    """
    recipe = recipe_of(name)
    digest = hashlib.sha256()

    def add(label: str, content: bytes) -> None:
        # Lengths keep two neighbouring parts from being read as two others.
        digest.update(f"{label}\0{len(content)}\0".encode())
        digest.update(content)

    add("recipe", _RECIPE.encode())
    add("epoch", str(source_date_epoch()).encode())
    add("accelerator", accelerator.encode())
    add("base", base_image.identity(base).encode())
    add("packages", recipe.locked_packages(cpu=accelerator is Accelerator.CPU).encode())
    if recipe.program is not None:
        add("program", recipe.program.identity.encode())
    for relative, path in recipe.files():
        add(relative, path.read_bytes())
    here = Path(__file__).parent
    for maker in _MAKERS:
        add(maker, (here / maker).read_bytes())
    return f"sha256:{digest.hexdigest()}"
