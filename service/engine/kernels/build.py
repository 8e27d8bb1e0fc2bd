"""Compiles the C++ kernels into one library: ``python -m service.engine.kernels.build``.

Run ahead of time (on a developer's machine, in an image's build), never at import. The library needs nothing of torch
or Python, so one build serves every version of them. Its name carries the hash of what it was made from: a library
that is older than its sources is not found, rather than loaded.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent / "native"
LIBRARIES: Final = Path(__file__).parent / "lib"
"""Where the library is looked for."""

_FLAGS: Final = (
    "-std=c++20",
    "-O3",
    "-fPIC",
    "-fopenmp",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-math-errno",
    "-ffp-contract=fast",  # a * b + c is one instruction where there is one
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-psabi",  # vectors are never passed between files
)
# No -fopenmp: the loader gives the library the OpenMP runtime that torch has loaded. Linked to one of its own it would
# have a second pool of threads, and the two would fight for the cores.
_LINK_FLAGS: Final = ("-shared", "-static-libgcc", "-static-libstdc++", "-Wl,--exclude-libs,ALL", "-Wl,-O1")


class KernelBuildError(Exception):
    """The kernels can't be compiled; the message says why."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The same kernels for processors with certain instructions.

    Attributes:
        name: as in ``native/library.cpp``.
        flags: the compiler's, on top of the common ones.
    """

    name: str
    flags: tuple[str, ...]


_AVX2: Final = ("-mavx2", "-mfma")
_AVX512: Final = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-DMODELFLEET_LANES=16")
_VNNI: Final = (*_AVX512, "-mavx512vnni", "-DMODELFLEET_BYTE_DOTS")

PORTABLE: Final = Variant("portable", ("-DMODELFLEET_LANES=4",))
_BF16: Final = (*_VNNI, "-mavx512bf16")

X86_64: Final = (
    Variant("avx512_amx", (*_BF16, "-DMODELFLEET_TILES")),
    Variant("avx512_bf16", _BF16),
    Variant("avx512_vnni", _VNNI),
    Variant("avx512", _AVX512),
    Variant("avx2", (*_AVX2, "-DMODELFLEET_LANES=8")),
)
EMULATED: Final = Variant(
    "emulated_amx",
    (
        *(*_AVX2, "-DMODELFLEET_LANES=16", "-DMODELFLEET_BYTE_DOTS"),
        *("-DMODELFLEET_EMULATED_BF16", "-DMODELFLEET_EMULATED_TILES"),
    ),
)
"""The AMX variant with its special instructions spelt out, for tests on processors without them."""


def library_path(folder: Path = LIBRARIES, *, emulated: bool = False) -> Path:
    """Where the library that belongs to these sources is, or would be."""
    digest = hashlib.sha256(repr((_FLAGS, _LINK_FLAGS, _variants(emulated=emulated))).encode())
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return folder / f"libmodelfleet-kernels-{platform.machine()}-{digest.hexdigest()[:12]}.so"


def build(folder: Path = LIBRARIES, *, emulated: bool = False, compiler: str = "g++") -> Path:
    """Compiles the library, if it isn't there yet.

    Args:
        folder: where to put it; made if missing. Older libraries in it are removed.
        emulated: `EMULATED` in place of the processor's own variants, for tests.
        compiler: GCC 12 or newer.

    Returns:
        The library's path.

    Raises:
        KernelBuildError: there is no compiler, or it said no.
    """
    library = library_path(folder, emulated=emulated)
    if library.is_file():
        return library
    if shutil.which(compiler) is None:
        raise KernelBuildError(f"no {compiler} on PATH to compile the kernels with: apt-get install g++")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="modelfleet-kernels-") as name:
        objects = Path(name)
        commands = [
            [
                *(compiler, *_FLAGS, *variant.flags, f"-DMODELFLEET_VARIANT={variant.name}"),
                *("-c", str(SOURCES / "variant.cpp"), "-o", str(objects / f"{variant.name}.o")),
            ]
            for variant in _variants(emulated=emulated)
        ]
        definitions = ["-DMODELFLEET_EMULATED"] if emulated else []
        entry = [compiler, *_FLAGS, *definitions, "-c", str(SOURCES / "library.cpp")]
        commands.append([*entry, "-o", str(objects / "library.o")])
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, commands))
        linked = objects / library.name
        _run([compiler, *_LINK_FLAGS, *map(str, sorted(objects.glob("*.o"))), "-o", str(linked)])
        # Whole or not at all: the folder may be on another file system than the objects.
        staged = library.with_suffix(".new")
        shutil.copy(linked, staged)
        staged.replace(library)
    for older in set(folder.glob("*.so")) - {library}:
        older.unlink(missing_ok=True)
    return library


def _variants(*, emulated: bool) -> tuple[Variant, ...]:
    if emulated:
        return (EMULATED, PORTABLE)
    return (*X86_64, PORTABLE) if platform.machine() == "x86_64" else (PORTABLE,)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KernelBuildError(f"{' '.join(command)} failed:\n{done.stderr}")


def main() -> int:
    """Build, and say where the library is."""
    parser = argparse.ArgumentParser(prog="python -m service.engine.kernels.build", description=build.__doc__)
    parser.add_argument("--output", type=Path, default=LIBRARIES, help="folder of the library (default: %(default)s)")
    try:
        sys.stdout.write(f"{build(parser.parse_args().output)}\n")
    except KernelBuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
