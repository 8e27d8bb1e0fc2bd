"""What an image really holds, read from its layers: programs, Debian and Python packages, and how it starts.

Not what the recipe says: a scanner, a reader of the bill of materials and the gate ask what is shipped.
"""

import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import IO, Any

from toolchain.images import oci_layout
from toolchain.images.built_image import BuiltImage
from toolchain.images.errors import ArchiveError, BuilderMissingError

# The list of all packages, and entries of those that were added one by one.
_STATUS = re.compile(r"var/lib/dpkg/status(\.d/[^/]+)?")
_METADATA = re.compile(r"(^|/)[^/]+\.dist-info/METADATA$")
# Packages that another one brings inside itself, as setuptools does, lie deeper.
_INSTALLED = re.compile(r"^opt/modelfleet/site-packages/[^/]+\.dist-info/METADATA$")
_PROGRAM_FOLDERS = ("bin/", "sbin/", "usr/bin/", "usr/sbin/", "usr/local/bin/", "usr/local/sbin/")
_SET_ID = 0o6000


@dataclass(frozen=True, order=True)
class Package:
    """One package in an image.

    Attributes:
        kind: `deb` or `pypi`, as package URLs name them.
        name: Its name, as its own index writes it.
        version: Its version.
        license: SPDX expression that it declares; empty where it declares none.
        bundled: Whether another package brings it inside itself.
    """

    kind: str
    name: str
    version: str
    license: str = ""
    bundled: bool = False


@dataclass(frozen=True)
class ImageContents:
    """What an image holds.

    Attributes:
        config: Its configuration (OCI image specification, `config`).
        programs: Paths of files in folders of programs.
        set_id: Files that run as their owner or group.
        packages: Debian and Python packages, sorted.
        layers: Compressed sizes, in bytes, the base's first.
    """

    config: dict[str, Any]
    programs: tuple[str, ...]
    set_id: tuple[str, ...]
    packages: tuple[Package, ...]
    layers: tuple[int, ...]


def read_contents(image: BuiltImage) -> ImageContents:
    """Read an image on this disk.

    Raises:
        ArchiveError: its archive is damaged.
        BuilderMissingError: zstd is missing.
    """
    programs: set[str] = set()
    set_id: set[str] = set()
    packages: set[Package] = set()
    with tempfile.TemporaryDirectory(prefix=".contents-", dir=image.archive.parent) as scratch:
        layout = Path(scratch)
        manifest = oci_layout.unpack(image.archive, layout)
        for layer in manifest.layers:
            with opened_layer(oci_layout.blob_path(layout, layer.digest), layer.media_type) as tar:
                for entry in tar:
                    name = entry.name.removeprefix("./")
                    if not entry.isdir() and name.startswith(_PROGRAM_FOLDERS):
                        programs.add(name)
                    if entry.isfile() and entry.mode & _SET_ID:
                        set_id.add(name)
                    if entry.isfile() and (_STATUS.fullmatch(name) or _METADATA.search(name)):
                        packages.update(_packages(name, tar.extractfile(entry)))
        config = oci_layout.read_config(layout, manifest)["config"]
    sizes = tuple(layer.size_bytes for layer in manifest.layers)
    return ImageContents(config, tuple(sorted(programs)), tuple(sorted(set_id)), tuple(sorted(packages)), sizes)


@contextmanager
def opened_layer(blob: Path, media_type: str) -> Generator[tarfile.TarFile]:
    """Open a layer for reading once, from its first file to its last.

    Raises:
        ArchiveError: it is damaged.
        BuilderMissingError: zstd is missing.
    """
    if not media_type.endswith("+zstd"):
        with tarfile.open(blob, "r|*") as tar:
            yield tar
        return
    if shutil.which("zstd") is None:
        raise BuilderMissingError("zstd is missing, which an image's layers are compressed with: apt-get install zstd")
    with subprocess.Popen(["zstd", "-dcq", str(blob)], stdout=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                yield tar
        except tarfile.TarError as error:
            raise ArchiveError(f"{blob} is no layer: {error}; build the image again") from error


def _packages(name: str, content: IO[bytes] | None) -> Iterator[Package]:
    text = b"" if content is None else content.read()
    if _STATUS.fullmatch(name):
        for paragraph in re.split(r"\n\n+", text.decode().strip()):
            fields = dict(re.findall(r"^(Package|Version): (\S+)$", paragraph, re.MULTILINE))
            if len(fields) == 2:
                yield Package("deb", fields["Package"], fields["Version"])
        return
    # Core metadata 2.4: https://packaging.python.org/en/latest/specifications/core-metadata/
    headers = HeaderParser().parsestr(text.decode(errors="replace"))
    yield Package(
        "pypi",
        normalized(headers["Name"]),
        headers["Version"],
        headers.get("License-Expression", ""),
        bundled=_INSTALLED.match(name) is None,
    )


def normalized(name: str) -> str:
    """A Python package's name in the one spelling that indexes use (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
