"""Stub libraries, loaded by the machine's own dynamic linker."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain.images import elf
from toolchain.images.errors import ElfError
from toolchain.images.stub_library import StubKind, StubSymbol, stub_library

SYMBOLS = (
    StubSymbol("gpuCreate", "libgpu.so.9"),
    StubSymbol("gpuDestroy", "libgpu.so.9"),
    StubSymbol("gpuLegacy", "libgpu.so.8"),
    StubSymbol("plain_function"),
    StubSymbol("global_counter", kind=StubKind.VARIABLE),
    StubSymbol("registry_slot", kind=StubKind.ACCESSOR),
    StubSymbol("_ZTI9GpuEngine", kind=StubKind.TYPE_INFO),
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "libgpu.so.9"
    path.write_bytes(stub_library("libgpu.so.9", SYMBOLS, complaint="no GPU in this image"))
    return path


def test_our_reader_finds_what_was_written(library: Path) -> None:
    found = elf.read(library)
    assert found.soname == "libgpu.so.9"
    assert found.needed == ("libstdc++.so.6",)
    assert found.defined_names() == {symbol.name for symbol in SYMBOLS}


def test_the_order_of_the_symbols_does_not_matter() -> None:
    forward = stub_library("libgpu.so.9", SYMBOLS, complaint="x")
    assert stub_library("libgpu.so.9", SYMBOLS[::-1], complaint="x") == forward


def test_the_dynamic_linker_loads_it_with_every_symbol_bound(library: Path) -> None:
    loaded = ctypes.CDLL(str(library), mode=2)  # RTLD_NOW
    for symbol in SYMBOLS:
        assert ctypes.cast(getattr(loaded, symbol.name), ctypes.c_void_p).value


def test_versioned_symbols_are_found_by_version(library: Path) -> None:
    process = ctypes.CDLL(None)
    loaded = ctypes.CDLL(str(library))
    dlvsym = process.dlvsym
    dlvsym.restype = ctypes.c_void_p
    dlvsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    assert dlvsym(loaded._handle, b"gpuCreate", b"libgpu.so.9")
    assert dlvsym(loaded._handle, b"gpuLegacy", b"libgpu.so.8")
    assert not dlvsym(loaded._handle, b"gpuCreate", b"libgpu.so.8")


def test_a_variable_is_zero_and_writable(library: Path) -> None:
    counter = ctypes.c_uint64.in_dll(ctypes.CDLL(str(library)), "global_counter")
    assert counter.value == 0
    counter.value = 7
    assert counter.value == 7


def test_an_accessor_returns_one_slot(library: Path) -> None:
    accessor = ctypes.CDLL(str(library)).registry_slot
    accessor.restype = ctypes.POINTER(ctypes.c_uint64)
    accessor().contents.value = 42
    assert accessor().contents.value == 42


def test_type_information_names_its_class(library: Path) -> None:
    words = (ctypes.c_void_p * 2).in_dll(ctypes.CDLL(str(library)), "_ZTI9GpuEngine")
    assert words[0]  # the virtual table of the C++ runtime's class
    assert ctypes.string_at(words[1] or 0) == b"9GpuEngine"


def test_a_call_says_which_function_it_was_and_aborts(library: Path) -> None:
    program = f"import ctypes; ctypes.CDLL({str(library)!r}).gpuDestroy()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == -6
    assert ended.stderr == "gpuDestroy: no GPU in this image\n"


def test_a_library_without_symbols_loads(tmp_path: Path) -> None:
    path = tmp_path / "libempty.so.1"
    path.write_bytes(stub_library("libempty.so.1", [], complaint="x"))
    ctypes.CDLL(str(path))
    assert elf.read(path).symbols[1:] == ()


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + bytes(40), b"\x7fELF\x01\x01" + bytes(100)]
)
def test_what_is_no_library_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.so"
    path.write_bytes(content)
    with pytest.raises(ElfError, match=r"broken\.so"):
        elf.read(path)
