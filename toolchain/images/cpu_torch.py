"""Makes PyPI's CUDA build of torch fit for an image without GPUs: 0.5 GB of it go, and none of NVIDIA's 2.7 GB come.

Three things are done to the wheel. The GPU machine code in ``libtorch_cuda`` (two thirds of it) is left out, and every
library loses its symbol table for debuggers (``elf_pack``). The libraries ask NVIDIA's for functions that they never
call where there is no GPU: stubs (``stub_library``) with the very names and versions that they ask for take their
place. All of that is read from the libraries: nothing is listed by hand, so a new torch needs no new table.
``libcudart`` stays real (0.7 MB): ``torch.cuda.is_available()`` asks it, and must be told no. All of torch's own host
code stays, ``torch.distributed`` with it.
Where the index of torch's CPU builds can be reached, that wheel is the simpler way (``dependencies``).
"""

import shutil
from pathlib import Path

from toolchain.images import elf, elf_pack
from toolchain.images.errors import ElfError
from toolchain.images.stub_library import StubKind, StubSymbol, stub_library

# What torch's Python code, and the libraries that stay, load from NVIDIA and must really work.
_CUDA_RUNTIME = "libcudart.so"
_CUDA_KERNELS = "libtorch_cuda.so"
_GPU_CODE = ".nv_fatbin"
# Loaded by name on a GPU, or, as the NVSHMEM one, needed by libtorch_cuda and never called without one.
_GPU_ONLY_LIBRARIES = ("libtorch_cuda_linalg.so", "libtorch_nvshmem.so", "libcaffe2_nvrtc.so")
# The shared libraries worth packing: the others are small.
_PACKED_FROM_BYTES = 4_000_000
# Compilers' headers, command-line tools, tests and samples: nothing of it is imported by a running server.
_TORCH_DEVELOPMENT_FILES = ("include", "share", "test", "bin/protoc", "bin/protoc-3.13.0.0")
# Who else defines symbols for torch, apart from its own libraries: the C and C++ runtimes of the base image.
_SYSTEM_LIBRARIES = (
    "ld-linux",
    "libc.",
    "libm.",
    "libdl.",
    "librt.",
    "libpthread.",
    "libgcc_s.",
    "libstdc++.",
    "libgomp.",
)
_COMPLAINT = "this GPU function was called in an image that was built for CPUs; use the CUDA variant of the image"


def is_gpu_package(name: str) -> bool:
    """Say whether a locked requirement exists for GPUs alone, and torch without GPUs can do without it."""
    if name == "nvidia-cuda-runtime":  # libcudart, see above
        return False
    return name == "triton" or name.startswith(("nvidia-", "cuda-"))


def has_gpu_build(site_packages: Path) -> bool:
    """Say whether the torch in a folder is a CUDA build."""
    return (site_packages / "torch/lib" / _CUDA_KERNELS).exists()


def slim(site_packages: Path) -> list[str]:
    """Take out of an installed torch what only a GPU needs; return the names of the stubs that took its place.

    Files are replaced or deleted, never written to: they may be hard links into the installer's cache.

    Raises:
        ElfError: the wheel isn't laid out as expected; take another version of torch, or its CPU build.
    """
    torch = site_packages / "torch"
    libraries = torch / "lib"
    _keep_cuda_runtime(site_packages, libraries)
    removed = [elf.read(libraries / name) for name in _GPU_ONLY_LIBRARIES if (libraries / name).exists()]
    for name in (*_TORCH_DEVELOPMENT_FILES, *(f"lib/{name}" for name in _GPU_ONLY_LIBRARIES)):
        _remove(torch / name)
    for archive in libraries.glob("*.a"):
        archive.unlink()
    _remove(site_packages / "nvidia")

    remaining = [elf.read(path) for path in sorted([*libraries.glob("*.so*"), *torch.glob("_C*.so")])]
    for library in remaining:
        _pack(library.path)
    wanted = _wanted_stubs(remaining, removed)
    for soname, symbols in sorted(wanted.items()):
        # exist_ok=False in spirit: a stub must never take the place of a library that is there.
        with (libraries / soname).open("xb") as file:
            file.write(stub_library(soname, sorted(symbols), complaint=_COMPLAINT))
        (libraries / soname).chmod(0o755)
    return sorted(wanted)


def _keep_cuda_runtime(site_packages: Path, libraries: Path) -> None:
    found = sorted(path for path in site_packages.glob(f"nvidia/**/{_CUDA_RUNTIME}.*") if path.is_file())
    if len(found) != 1:
        raise ElfError(f"expected one {_CUDA_RUNTIME}.* below {site_packages}/nvidia, found {[str(p) for p in found]}")
    found[0].rename(libraries / found[0].name)


def _wanted_stubs(remaining: list[elf.SharedObject], removed: list[elf.SharedObject]) -> dict[str, set[StubSymbol]]:
    """Find what the remaining libraries ask for and nobody defines any more: library name -> symbols."""
    present = {library.soname or library.path.name for library in remaining}
    defined = frozenset().union(*(library.defined_names() for library in remaining))
    # libtorch.so asks for the C++ runtime's symbols without a version; its siblings say whose they are.
    system = {
        symbol.name
        for library in remaining
        for symbol in library.undefined()
        if symbol.library is not None and symbol.library.startswith(_SYSTEM_LIBRARIES)
    }
    went = {name: library.path.name for library in removed for name in library.defined_names()}
    wanted: dict[str, set[StubSymbol]] = {
        soname: set()
        for library in remaining
        for soname in library.needed
        if soname not in present and not soname.startswith(_SYSTEM_LIBRARIES)
    }
    for library in remaining:
        for symbol in library.undefined():
            stub = StubSymbol(symbol.name, symbol.version or "", _stub_kind(symbol))
            if symbol.library is not None:
                if symbol.library in wanted:
                    wanted[symbol.library].add(stub)
            elif symbol.name in defined or symbol.name in system or symbol.name.lstrip("_").startswith("Py"):
                continue  # a sibling has it, or the C++ runtime, or the interpreter itself
            elif symbol.name in went:
                wanted[went[symbol.name]].add(stub)
            elif not symbol.name.startswith("_Z"):
                # A C function without a version (NCCL, cuFile) names no library: any stub that is loaded may have it.
                home = next(soname for soname in library.needed if soname in wanted)
                wanted[home].add(stub)
            # What is left are C++ names that only the C++ runtime can have. The image's build proves the sum: it
            # imports torch with every symbol bound at once.
    return wanted


def _pack(library: Path) -> None:
    """Replace a big library by its packed form."""
    if library.stat().st_size < _PACKED_FROM_BYTES:
        return
    leave_out = [_GPU_CODE] if library.name == _CUDA_KERNELS else []
    part = library.with_suffix(".part")
    part.write_bytes(elf_pack.packed(library, leave_out=leave_out))
    part.chmod(0o755)
    part.replace(library)


def _stub_kind(symbol: elf.Symbol) -> StubKind:
    if symbol.name.startswith("_ZTI"):
        return StubKind.TYPE_INFO
    return StubKind.VARIABLE if symbol.kind is elf.SymbolKind.OBJECT else StubKind.FUNCTION


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
