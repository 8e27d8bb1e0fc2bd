"""The official Pulumi CLI: the one on PATH, or the one that its makers' download host hands out."""

import hashlib
import os
import platform
import shutil
import sys
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import Final

import httpx
from filelock import FileLock

from toolchain.errors import OfficialPulumiError
from toolchain.locations import tools_dir
from toolchain.progress import Progress, default_progress
from toolchain.recipes import recipe_named

_RELEASES: Final = "https://get.pulumi.com/releases/sdk"
_PROBE_S: Final = 2.0
"""How long the download host may take to answer: a closed network drops packets silently, and nobody waits for that."""
_TRANSFER_TIMEOUT_S: Final = 30.0
_CHOICES: Final = ("auto", "official", "built")
_LANGUAGE_HOST: Final = "pulumi-language-python"
_ARCHITECTURES: Final = {"x86_64": "x64", "aarch64": "arm64"}


def wanted() -> str:
    """Return which CLI the user wants: ``official``, ``built`` or ``auto`` (MODELFLEET_PULUMI).

    Raises:
        OfficialPulumiError: the variable has another value.
    """
    value = os.environ.get("MODELFLEET_PULUMI") or "auto"
    if value not in _CHOICES:
        raise OfficialPulumiError(f"MODELFLEET_PULUMI={value} means nothing; use one of {', '.join(_CHOICES)}")
    return value


def find_official() -> Path | None:
    """Return the folder of an official CLI: on PATH, or installed here before; None where there is none.

    One counts only with the Python language host beside it, as the official packages have it.
    """
    for entry in os.environ.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(entry)
        if not entry or folder.is_relative_to(tools_dir()):
            continue
        if _is_complete(folder) and not _is_script(folder / _LANGUAGE_HOST):
            return folder
    installed = _install_dir()
    return installed if _is_complete(installed) else None


def official_dir(progress: Progress | None = None) -> Path:
    """Return the folder of an official CLI, downloaded if there is none yet.

    Raises:
        OfficialPulumiError: there is none, and none can be had.
    """
    found = find_official() or install_official(progress)
    if found is None:
        raise OfficialPulumiError(
            f"there is no official pulumi on PATH, and none can be downloaded from {_RELEASES}. "
            "Install it by hand, or set MODELFLEET_PULUMI=built."
        )
    return found


def install_official(progress: Progress | None = None) -> Path | None:
    """Download the official CLI into the cache, checksum verified, and return its folder.

    A host that doesn't answer within two seconds, or a download that fails, is no error: the answer is None, and the
    CLI can be built instead. Nothing half-downloaded stays.

    Args:
        progress: what to report to; by default stderr.
    """
    target = _install_dir()
    tools_dir().mkdir(parents=True, exist_ok=True)
    with FileLock(tools_dir() / f".{target.name}.lock"):
        if _is_complete(target):
            return target
        if not _answers():
            return None
        try:
            with default_progress() if progress is None else progress as report:
                _download(target, report)
        except (httpx.HTTPError, OSError, tarfile.TarError, OfficialPulumiError) as error:
            print(f"the official pulumi can't be downloaded: {error}", file=sys.stderr)  # noqa: T201
            return None
    return target


def _install_dir() -> Path:
    return tools_dir() / f"pulumi-official-{recipe_named('pulumi').version}"


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("pulumi", _LANGUAGE_HOST))


def _is_script(file: Path) -> bool:
    # Ours is a script; the official one is a binary.
    with file.open("rb") as opened:
        return opened.read(2) == b"#!"


def _answers() -> bool:
    """Ask the host for a checksum file, in a thread: a name server that doesn't answer can't be timed out else."""
    answered = threading.Event()

    def ask() -> None:
        try:
            if httpx.head(f"{_RELEASES}/{_archive()}", timeout=_PROBE_S).is_success:
                answered.set()
        except httpx.HTTPError:
            return

    threading.Thread(target=ask, daemon=True).start()
    return answered.wait(_PROBE_S)


def _archive() -> str:
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return f"pulumi-v{recipe_named('pulumi').version}-linux-{architecture}.tar.gz"


def _download(target: Path, report: Progress) -> None:
    version = recipe_named("pulumi").version
    report.begin(f"pulumi {version}: downloading the official one")
    with tempfile.TemporaryDirectory(prefix=".building-official-", dir=tools_dir()) as scratch:
        archive = Path(scratch, _archive())
        digest = hashlib.sha256()
        checksums = httpx.get(f"{_RELEASES}/pulumi-{version}-checksums.txt", timeout=_TRANSFER_TIMEOUT_S)
        checksums.raise_for_status()
        expected = dict(line.split()[::-1] for line in checksums.text.splitlines() if line.strip())
        with (
            httpx.stream("GET", f"{_RELEASES}/{archive.name}", timeout=_TRANSFER_TIMEOUT_S) as answer,
            archive.open("wb") as file,
        ):
            answer.raise_for_status()
            total = int(answer.headers.get("content-length", 0))
            for chunk in answer.iter_bytes():
                file.write(chunk)
                digest.update(chunk)
                report.update(archive.name, answer.num_bytes_downloaded // 2**20, total // 2**20)
        if digest.hexdigest() != expected.get(archive.name):
            raise OfficialPulumiError(f"{archive.name} doesn't have the checksum that its makers published")
        with tarfile.open(archive) as opened:
            opened.extractall(scratch, filter="data")
        shutil.rmtree(target, ignore_errors=True)
        Path(scratch, "pulumi").rename(target)
    report.end(f"pulumi {version} (official) installed")
