"""What every image of ours keeps to, checked on what was built: who runs it, what is in it, how big it is."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from toolchain.images.built_image import BuiltImage
from toolchain.images.contents import ImageContents
from toolchain.images.recipe import recipe_of
from toolchain.images.sbom import check_locked

# The base's. Beside it only what the image is for runs: with a shell or a package manager, a fault is a foothold.
_PROGRAMS = frozenset({"usr/bin/python3", "usr/bin/python3.11"})
_NUMERIC_USER = re.compile(r"[1-9][0-9]*:[1-9][0-9]*")
# In every CUDA build of torch, and in no image for CPUs; its name ends with the CUDA major or nothing.
_CUDA_PACKAGE = "nvidia-cublas"
_LABELS = tuple(
    f"org.opencontainers.image.{name}" for name in ("title", "description", "licenses", "version", "base.digest")
)
"""Of https://github.com/opencontainers/image-spec/blob/main/annotations.md those that an image itself knows."""


@dataclass(frozen=True)
class Finding:
    """A rule that an image breaks: what is wrong, and what would be right."""

    image: str
    text: str


def findings(image: BuiltImage, contents: ImageContents) -> list[Finding]:
    """Check an image.

    Raises:
        ArchiveError: it holds packages that uv.lock doesn't pin.
    """
    check_locked(image, contents)
    return [Finding(image.name, text) for rule in _RULES for text in rule(image, contents)]


def _user(_: BuiltImage, contents: ImageContents) -> Iterator[str]:
    user = contents.config.get("User", "")
    if not _NUMERIC_USER.fullmatch(user):
        yield f"runs as {user or 'root'!r}: `runAsNonRoot` needs a number, such as USER 65532:65532"


def _programs(image: BuiltImage, contents: ImageContents) -> Iterator[str]:
    good = {*_PROGRAMS, recipe_of(image.name).entry_point.lstrip("/")}
    if strange := [name for name in contents.programs if name not in good]:
        told = f"holds programs beside {' and '.join(sorted(good))}: {', '.join(strange)}"
        yield f"{told}: leave out the package that brings them"


def _set_id(_: BuiltImage, contents: ImageContents) -> Iterator[str]:
    if contents.set_id:
        yield f"holds files that run as their owner: {', '.join(contents.set_id)}: clear the bit, or leave them out"


def _start(image: BuiltImage, contents: ImageContents) -> Iterator[str]:
    entry = contents.config.get("Entrypoint") or []
    if entry[:1] != [recipe_of(image.name).entry_point]:
        yield f"starts {entry or 'nothing'}: one process, by ENTRYPOINT in its list form, without a shell"
    if "Healthcheck" in contents.config:
        yield "has a HEALTHCHECK, which Kubernetes doesn't read: probes stand in the Deployment"
    if contents.config.get("Volumes"):
        yield "declares volumes, which would be writable on a read-only root: mount what has to be written"


def _labels(_: BuiltImage, contents: ImageContents) -> Iterator[str]:
    labels: Mapping[str, str] = contents.config.get("Labels") or {}
    if missing := [name for name in _LABELS if not labels.get(name)]:
        yield f"has no label {', '.join(missing)}: add it to the Containerfile"


def _size(image: BuiltImage, contents: ImageContents) -> Iterator[str]:
    limit = recipe_of(image.name).largest_bytes
    # For GPUs, NVIDIA's libraries decide the size: nothing is left out of them.
    cuda = any(package.name.startswith(_CUDA_PACKAGE) for package in contents.packages)
    if not cuda and image.size_bytes > limit:
        yield f"is {image.size_bytes / 1e6:.0f} MB compressed, {limit / 1e6:.0f} MB at most: see what has grown"


_RULES: tuple[Callable[[BuiltImage, ImageContents], Iterator[str]], ...] = (
    _user,
    _programs,
    _set_id,
    _start,
    _labels,
    _size,
)
