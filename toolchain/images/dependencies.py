"""The Python packages of an image: exactly those that uv.lock pins, by hash, for the image's Python.

They are installed into a folder here, by the uv of this machine with its configured index, proxy and certificates,
and then copied by the Containerfile: so a build needs no network of its own, a second one none at all, and uv's cache
saves unpacking. Nothing in the folder may be written to: the files can be hard links into that cache.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from toolchain.images import cpu_torch
from toolchain.images.errors import DependenciesError
from toolchain.locations import cache_dir, clone_dir

# The Python and C library of the base image (Debian 12); a base of one's own has to have at least these.
PYTHON_VERSION = "3.11"
_PLATFORM = "x86_64-manylinux_2_36"
# "https://host/torch-2.13.0+cpu-….whl#sha256=…": torch's own CPU build, where its index can be reached.
TORCH_WHEEL_VARIABLE = "MODELFLEET_TORCH_WHEEL"
# Packages of other platforms' wheels and of tests that some packages install; nothing imports them.
_NOT_SHIPPED = ("bin", "share", "**/tests", "**/__pycache__", "**/*.pyi", ".lock")
# Folders named `tests` that are imported at run time.
_NEEDED_TESTS: tuple[str, ...] = ()


def find_uv() -> Path:
    """Return the uv program: on PATH, beside this Python, or where this project's set-up puts it.

    Raises:
        DependenciesError: there is none.
    """
    candidates = [shutil.which("uv"), Path(sys.executable).parent / "uv", *sorted(cache_dir().glob("uv*/bin/uv"))]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise DependenciesError("uv is missing: run `make setup` (or install uv and put it on PATH)")


def requirements(group: str, *, cpu: bool) -> str:
    """Return the pinned and hashed requirements of a dependency group, as a requirements file.

    Args:
        group: of pyproject.toml.
        cpu: leave out what only a GPU needs.

    Raises:
        DependenciesError: uv can't make them of uv.lock.
    """
    command = [str(find_uv()), "export", "--frozen", "--only-group", group, "--no-emit-project", "--no-annotate"]
    exported = subprocess.run(
        [*command, "--no-header", "--no-config", "--color", "never"],
        cwd=clone_dir(),
        capture_output=True,
        text=True,
        check=False,
    )
    if exported.returncode:
        raise DependenciesError(f"uv.lock gives no group '{group}': {exported.stderr.strip()}")
    wheel = os.environ.get(TORCH_WHEEL_VARIABLE, "")
    if wheel and not re.search(r"#sha256=[0-9a-f]{64}$", wheel):
        raise DependenciesError(
            f"{TORCH_WHEEL_VARIABLE}={wheel} has no #sha256=… at its end: an image takes no unpinned file"
        )
    kept = []
    for requirement in re.split(r"\n(?=\S)", exported.stdout.strip()):
        name = re.match(r"[\w.-]+", requirement)
        if name is None:
            raise DependenciesError(f"uv exported a line that is no requirement: {requirement.splitlines()[0]}")
        if cpu and cpu_torch.is_gpu_package(name[0]):
            continue
        kept.append(f"torch @ {wheel}" if cpu and wheel and name[0] == "torch" else requirement)
    return "\n".join(kept) + "\n"


def install(group: str, *, cpu: bool, say: Callable[[str], None]) -> tuple[Path, str]:
    """Install a group's packages into a folder of the cache, unless they are there; return it and its key.

    Raises:
        DependenciesError: a package can't be fetched, or its hash isn't the pinned one.
        ElfError: torch isn't laid out as expected.
    """
    wanted = requirements(group, cpu=cpu)
    here = Path(__file__).parent
    makers = b"".join(
        (here / f"{m}.py").read_bytes() for m in ("dependencies", "cpu_torch", "elf", "elf_pack", "stub_library")
    )
    key = hashlib.sha256(wanted.encode() + makers).hexdigest()[:24]
    folder = cache_dir() / "images" / f"packages-{group}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".packages-{group}.lock"):
        if folder.exists():
            return folder, key
        part = folder.parent / f".packages-{group}.part"
        shutil.rmtree(part, ignore_errors=True)
        say(f"installing {wanted.count('==') + wanted.count(' @ ')} pinned packages for Python {PYTHON_VERSION}")
        _install(wanted, part)
        if cpu and cpu_torch.has_gpu_build(part):
            stubs = cpu_torch.slim(part)
            say(f"torch: GPU code left out, {len(stubs)} GPU libraries replaced by stubs")
        _prune(part)
        for old in folder.parent.glob(f"packages-{group}-*"):
            shutil.rmtree(old)
        part.rename(folder)
    return folder, key


def _install(wanted: str, target: Path) -> None:
    installed = subprocess.run(
        [
            str(find_uv()), "pip", "install", "--target", str(target), "--python", sys.executable,
            "--python-version", PYTHON_VERSION, "--python-platform", _PLATFORM,
            "--require-hashes", "--no-deps", "--only-binary", ":all:", "--color", "never", "-r", "-",
        ],
        input=wanted,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if installed.returncode:
        shutil.rmtree(target, ignore_errors=True)
        raise DependenciesError(f"the locked packages could not be installed: {installed.stderr.strip()[-2000:]}")


def _prune(site_packages: Path) -> None:
    for pattern in _NOT_SHIPPED:
        for path in sorted(site_packages.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    # Who installed what, when and from where differs from machine to machine.
    for name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"):
        for path in site_packages.glob(f"*.dist-info/{name}"):
            path.unlink()
