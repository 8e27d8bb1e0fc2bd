"""Packing and slimming the real torch that the tests run with."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain.images import cpu_torch, elf, elf_pack
from toolchain.images.errors import ElfError


def installed_torch() -> Path:
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        pytest.fail("torch is part of the test dependencies")
    return Path(found.origin).parent


def _link(source: str, target: str) -> None:
    """Link as uv does from its cache, so that writing to a file instead of replacing it would show."""
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@pytest.mark.parametrize(
    ("name", "gpu_only"),
    [
        ("torch", False),
        ("triton", True),
        ("nvidia-cublas", True),
        ("cuda-bindings", True),
        ("nvidia-cuda-runtime", False),
        ("numpy", False),
    ],
)
def test_which_packages_are_for_gpus_alone(name: str, *, gpu_only: bool) -> None:
    assert cpu_torch.is_gpu_package(name) is gpu_only


def test_a_packed_library_is_smaller_and_still_loads(tmp_path: Path) -> None:
    original = installed_torch() / "lib/libtorch_python.so"
    packed = tmp_path / original.name
    packed.write_bytes(elf_pack.packed(original))
    assert packed.stat().st_size < original.stat().st_size
    before, after = elf.read(original), elf.read(packed)
    assert (after.soname, after.needed, after.symbols) == (before.soname, before.needed, before.symbols)


def test_leaving_out_a_section_that_is_not_there_is_refused() -> None:
    with pytest.raises(ElfError, match=r"\.no_such_section"):
        elf_pack.packed(installed_torch() / "lib/libc10.so", leave_out=[".no_such_section"])


@pytest.mark.slow
def test_the_slimmed_torch_computes_and_knows_no_gpu(tmp_path: Path) -> None:
    torch = installed_torch()
    if not cpu_torch.has_gpu_build(torch.parent):
        pytest.skip("this machine has torch's own CPU build: nothing is to be slimmed")
    shutil.copytree(torch, tmp_path / "torch", copy_function=_link)
    runtime = next(torch.parent.glob("nvidia/**/libcudart.so.*"))
    target = tmp_path / "nvidia" / runtime.relative_to(torch.parent / "nvidia")
    target.parent.mkdir(parents=True)
    _link(str(runtime), str(target))
    original_bytes = (torch / "lib/libtorch_cpu.so").stat().st_size

    stubs = cpu_torch.slim(tmp_path)

    assert "libcublas.so.13" in stubs or any(name.startswith("libcublas") for name in stubs)
    assert (torch / "lib/libtorch_cpu.so").stat().st_size == original_bytes, "the installed torch was written to"
    assert (tmp_path / "torch/lib/libtorch_cuda.so").stat().st_size < 150_000_000
    program = """
import torch, torch.distributed
assert torch.__file__.startswith(ROOT), torch.__file__
assert not torch.cuda.is_available()
x = torch.arange(64.0).reshape(8, 8).requires_grad_()
((x @ x).sum() + torch.linalg.svdvals(x).sum()).backward()
assert torch.isfinite(x.grad).all()
assert torch.fft.ifft(torch.fft.fft(torch.ones(8))).real.sum() == 8
assert torch.distributed.is_available()
print("computed")
"""
    done = subprocess.run(
        [sys.executable, "-c", f"ROOT={str(tmp_path)!r}\n{program}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "LD_BIND_NOW": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "computed\n", done.stderr[-2000:]
