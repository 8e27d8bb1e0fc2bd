"""The image that ours start from: Python, its libraries, certificates and time zones, without shell or package manager.

It is taken from a registry by digest where one is configured (``$MODELFLEET_IMAGE_BASE``, or ``base=``), and made from
Debian's packages otherwise, so that a machine without any registry builds the same images. Only what a Python program
needs to run is taken out of them, by a list of what stays, so a new dependency of a package doesn't slip in a shell.
"""

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from filelock import FileLock

from toolchain.images import debian, oci_layout
from toolchain.images.debian import STATUS, SUITE
from toolchain.images.errors import BaseImageError
from toolchain.locations import cache_dir

BASE_VARIABLE = "MODELFLEET_IMAGE_BASE"
USER_ID = 65532
_PACKAGES = ("ca-certificates", "libpython3.11-stdlib", "libstdc++6", "netbase", "python3-minimal", "tzdata")
# The registry of a base is asked whether it is there; a closed network often drops packets instead of refusing.
_PROBE_TIMEOUT_S = 5.0
_PINNED = re.compile(r"^(?P<host>[^/@]+)/[^@]+@sha256:[0-9a-f]{64}$")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"

# A read-only container can't keep compiled modules: without these each start would compile the standard library.
# A fixed hash seed keeps the order of sets, and one process the order of files: the same bytes each time.
_COMPILE_LIBRARY = (
    'PYTHONHASHSEED=0 chroot "$1" /usr/bin/python3 -P -s -m compileall -q '
    "--invalidation-mode unchecked-hash /usr/lib/python3.11"
)

# What stays of the packages' files. Programs: the interpreter alone.
_KEPT = re.compile(
    r"""^(
      (usr/)?lib(64)?/x86_64-linux-gnu/(?!gconv|perl|engines|audit)[^/]+
    | lib64/ld-linux-x86-64\.so\.2
    | usr/lib/x86_64-linux-gnu/ossl-modules/.+
    | usr/lib/ssl/.+
    | usr/lib/locale/C\.utf8/.+
    | usr/bin/python3(\.11)?
    | usr/lib/python3\.11/(?!(test|ensurepip|idlelib|lib2to3|pydoc_data|turtledemo|tkinter)/).+
    | usr/lib/python3/.*
    | usr/share/zoneinfo/(?!right/|posix/).+
    | usr/share/ca-certificates/.+
    | usr/share/doc/[^/]+(/copyright)?
    | etc/(ssl/openssl\.cnf|protocols|services|ethertypes|rpc|netconfig|gai\.conf|mime\.types|python3\.11/.*)
    | var/lib/dpkg/status
    )$""",
    re.VERBOSE,
)
# Packages of which nothing is left but the licence: an image scanner must not report their faults as ours.
_EMPTIED_PACKAGES = ("debconf", "dpkg", "openssl", "perl-base", "tar")
_FOLDERS = {
    "tmp": 0o1777,
    "var/tmp": 0o1777,
    "run": 0o755,
    "proc": 0o755,
    "sys": 0o755,
    "dev": 0o755,
    "home/nonroot": 0o700,
}
_WRITTEN_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/nonexistent\n"
    f"nonroot:x:{USER_ID}:{USER_ID}:nonroot:/home/nonroot:/nonexistent\n",
    "etc/group": f"root:x:0:\nnonroot:x:{USER_ID}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    "etc/os-release": f'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME={SUITE}\nPRETTY_NAME="Debian 12, Python only"\n',
}


@dataclass(frozen=True)
class BaseImage:
    """A base to build from: a reference to a registry, or a layout on this disk."""

    reference: str
    digest: str
    layout: Path | None = None


def identity(base: str | None) -> str:
    """Return what decides the base's content: the pinned reference, or the recipe. No network, no disk.

    Raises:
        BaseImageError: the reference is not pinned by digest.
    """
    reference = base or os.environ.get(BASE_VARIABLE) or None
    if reference is None:
        return f"debian-{_recipe_key()}"
    if not _PINNED.match(reference):
        raise BaseImageError(
            f"the base image '{reference}' has to be pinned: host/name@sha256:<64 hex digits>, without a tag"
        )
    return reference


def obtain(base: str | None, *, epoch_s: int, say: Callable[[str], None]) -> BaseImage:
    """Return the base to build from, made of Debian packages where none is configured and it isn't cached.

    Raises:
        BaseImageError: the configured registry doesn't answer.
        DebianPackagesError: the packages can't be fetched or unpacked.
    """
    reference = identity(base)
    if (pinned := _PINNED.match(reference)) is not None:
        _probe(pinned["host"], reference)
        return BaseImage(reference, reference.partition("@")[2])
    folder = cache_dir() / "images" / f"base-{_recipe_key()}-{epoch_s}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / ".base.lock"):
        if not folder.exists():
            for left in folder.parent.glob(".base-part-*"):  # of a build that was killed; the lock says it is over
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(prefix=".base-part-", dir=folder.parent) as scratch:
                layout = Path(scratch) / "layout"
                _make(Path(scratch), layout, epoch_s=epoch_s, say=say)
                layout.rename(folder)
        manifest = oci_layout.read_manifest(folder)
    return BaseImage(f"oci:{folder}:base", manifest.descriptor.digest, folder)


def _probe(host: str, reference: str) -> None:
    import httpx  # noqa: PLC0415 - a fifth of a second, which asking for an image's digest does without

    try:
        httpx.get(f"https://{host}/v2/", timeout=_PROBE_TIMEOUT_S, follow_redirects=False)
    except httpx.HTTPError as error:
        raise BaseImageError(
            f"the registry of the base image {reference} does not answer ({error or type(error).__name__}): "
            f"unset {BASE_VARIABLE} to make the base from Debian packages"
        ) from error


def _recipe_key() -> str:
    made_by = (Path(__file__), Path(debian.__file__))
    return hashlib.sha256(b"".join(file.read_bytes() for file in made_by)).hexdigest()[:16]


def _make(scratch: Path, layout: Path, *, epoch_s: int, say: Callable[[str], None]) -> None:
    say(f"making the base image from Debian {SUITE} packages")
    everything = scratch / "packages.tar"
    debian.extract(_PACKAGES, everything, epoch_s=epoch_s, hooks=[_COMPILE_LIBRARY])
    chosen = scratch / "root.tar"
    with tarfile.open(everything) as packages, tarfile.open(chosen, "w", format=tarfile.PAX_FORMAT) as root:
        for entry, content in sorted(_chosen(packages), key=lambda pair: pair[0].name):
            entry.uid = entry.gid = entry.uid if entry.name.startswith("home/nonroot") else 0
            entry.uname = entry.gname = ""
            entry.mtime = epoch_s
            entry.pax_headers = {}
            root.addfile(entry, content)
    oci_layout.write_single_layer(
        layout,
        chosen,
        epoch_s=epoch_s,
        comment=f"Debian {SUITE}: {' '.join(_PACKAGES)}",
        environment=["PATH=/usr/bin", "LANG=C.UTF-8", f"SSL_CERT_FILE=/{_CERTIFICATES}"],
    )


def _chosen(packages: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield what stays, the folders that it lies in, and the few files that no package holds."""
    folders: set[str] = set()
    certificates = []
    for entry in packages:
        entry.name = entry.name.removeprefix("./").rstrip("/")
        if entry.isdir() or entry.ischr() or not _KEPT.match(entry.name):
            continue
        folders.update(str(parent) for parent in Path(entry.name).parents if str(parent) != ".")
        content = packages.extractfile(entry) if entry.isreg() or entry.islnk() else None
        if content is None:
            yield entry, None
            continue
        data = content.read()
        if entry.name == STATUS:
            data = _without_emptied(data)
        if entry.name.startswith("usr/share/ca-certificates/mozilla/"):
            certificates.append((entry.name, data))
        yield _file(entry.name, entry.mode, data)
    bundle = b"".join(data.rstrip() + b"\n" for _, data in sorted(certificates))
    if not bundle:
        raise BaseImageError("ca-certificates holds no certificates: the package has changed its layout")
    yield _file(_CERTIFICATES, 0o644, bundle)
    for name, text in _WRITTEN_FILES.items():
        yield _file(name, 0o644, text.encode())
    written = (*_WRITTEN_FILES, *_FOLDERS, _CERTIFICATES)
    folders.update(str(parent) for name in written for parent in Path(name).parents if str(parent) != ".")
    for name in folders | set(_FOLDERS):
        folder = tarfile.TarInfo(name)
        folder.type = tarfile.DIRTYPE
        folder.mode = _FOLDERS.get(name, 0o755)
        folder.uid = USER_ID if name == "home/nonroot" else 0
        yield folder, None


def _file(name: str, mode: int, data: bytes) -> tuple[tarfile.TarInfo, IO[bytes]]:
    entry = tarfile.TarInfo(name)
    entry.mode = mode & 0o755  # no set-user-id program
    entry.size = len(data)
    return entry, BytesIO(data)


def _without_emptied(status: bytes) -> bytes:
    entries = [entry for entry in re.split(r"\n\n+", status.decode()) if entry.strip()]
    kept = [e for e in entries if (m := re.match(r"Package: (\S+)", e)) is None or m[1] not in _EMPTIED_PACKAGES]
    return ("\n\n".join(sorted(kept)) + "\n").encode()
