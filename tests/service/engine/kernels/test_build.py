from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from service.engine.kernels import build as build_module
from service.engine.kernels import native
from service.engine.kernels.build import KernelBuildError, build, library_path
from service.engine.kernels.operations import best_operations, native_operations
from service.engine.operations import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path

    from service.engine.kernels.native import Library


def test_variants_are_those_of_the_processor_best_first(library: Library, expected_variants: list[str]) -> None:
    assert list(library.variants) == expected_variants


def test_the_best_variant_is_the_default(library: Library, expected_variants: list[str]) -> None:
    rms_norm = native_operations(library=library).rms_norm
    assert getattr(rms_norm, "__self__")._variant == library.variants[expected_variants[0]]  # noqa: B009


def test_a_variant_that_the_processor_lacks_is_refused(library: Library) -> None:
    with pytest.raises(
        native.KernelsUnavailableError, match=r"can't run the kernels' variant 'sparc', only .*portable"
    ):
        native_operations("sparc", library)


def test_without_a_library_the_operations_are_plain_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library_path", lambda: tmp_path / "absent.so")
    with pytest.raises(native.KernelsUnavailableError, match=r"absent\.so is not built: python -m service.engine"):
        native_operations()
    assert best_operations() is REFERENCE


def test_a_damaged_library_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.so"
    damaged.write_bytes(b"\x7fELF and nothing else")
    with pytest.raises(native.KernelsUnavailableError, match=r"damaged.so can't be loaded: "):
        native.load(damaged)


def test_other_sources_are_another_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = library_path()
    for source in build_module.SOURCES.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(build_module, "SOURCES", tmp_path)
    assert library_path() == before
    (tmp_path / "simd.h").write_text("// changed\n", encoding="utf-8")
    assert library_path() != before


def test_without_a_compiler_the_message_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(KernelBuildError, match=r"no g\+\+-1 on PATH.*apt-get install g\+\+"):
        build(tmp_path, compiler="g++-1")


def test_what_the_compiler_says_is_told_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "native"
    broken.mkdir()
    for name in ("variant.cpp", "library.cpp"):
        (broken / name).write_text("#error nonsense\n", encoding="utf-8")
    monkeypatch.setattr(build_module, "SOURCES", broken)
    with pytest.raises(KernelBuildError, match="error: #error nonsense"):
        build(tmp_path / "lib")
    assert list((tmp_path / "lib").iterdir()) == []


def test_the_library_shares_torchs_openmp_and_needs_no_other(library: Library) -> None:
    assert library.variants
    needed = subprocess.run(
        ["objdump", "--private-headers", str(library_path())], capture_output=True, text=True, check=True
    ).stdout
    assert "libgomp" not in needed
    # A fresh process, as this one's other libraries may have brought a runtime of their own.
    script = (
        "from pathlib import Path; from service.engine.kernels import native; native.load();"
        "print({line.split()[-1] for line in Path('/proc/self/maps').read_text().splitlines() if 'omp' in line})"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.count("omp.so") == 1


def test_no_variant_has_functions_that_the_linker_could_merge_with_anothers(library: Library) -> None:
    assert library.variants
    symbols = subprocess.run(
        ["objdump", "--syms", "--dynamic-syms", str(library_path())], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    merged = [line for line in symbols if line[17:18] in {"w", "u"} and "*UND*" not in line and ".text" in line]
    assert merged == []
