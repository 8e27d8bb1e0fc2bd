"""Writes a shared library that can be linked against and must not be called, without a compiler.

A program built for a machine with GPUs names libraries that it never calls on a machine without one. The dynamic
linker still wants each of them to be there, under its name, with its symbols and their versions. A stub has just
those: every function writes its name and a complaint to standard error and aborts, every variable is zeros,
and every C++ type description is a real one (run-time type registries read them while the program is loading).
The bytes are a function of the arguments alone.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from toolchain.images import elf

_PAGE = 0x1000
_HEADER_BYTES = 64
_PROGRAM_HEADER_BYTES = 56
_SEGMENTS = 4
_VERSION_DEFINITION_BYTES = 28  # Elf64_Verdef and the one Elf64_Verdaux that follows it
_DYNAMIC_ENTRY_BYTES = 16
_DYNAMIC_ENTRIES = 16  # one more than a stub ever has, for the end
_RELOCATION_BYTES = 24
_PT_GNU_STACK = 0x6474E551
_R_X86_64_64 = 1
_R_X86_64_RELATIVE = 8
# The virtual table of a C++ class without bases (Itanium C++ ABI 2.9.5); its address point is 16 bytes in.
_CLASS_TYPE_INFO = "_ZTVN10__cxxabiv117__class_type_infoE"
_CXX_RUNTIME = "libstdc++.so.6"
_TYPE_INFO_BYTES = 16
_ENTRY_BYTES = 32
_SLOT_BYTES = 64
_WRITE_TO_STDERR = (
    b"\xbf"
    + struct.pack("<I", 2)  # mov edi, 2
    + b"\xb8"
    + struct.pack("<I", 1)  # mov eax, write
    + b"\x0f\x05"  # syscall
)
# No stub's variable is bigger in any known library; all share one zeroed block, so the size costs no file space.
_VARIABLE_BYTES = 4096


class StubKind(Enum):
    """What a stub's symbol stands for."""

    FUNCTION = auto()
    ACCESSOR = auto()  # a function that returns the address of a zeroed slot of its own
    VARIABLE = auto()
    TYPE_INFO = auto()


@dataclass(frozen=True, order=True)
class StubSymbol:
    """A name that the stub defines, under a version where its users ask for one."""

    name: str
    version: str = ""
    kind: StubKind = StubKind.FUNCTION

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a symbol needs a name")


def stub_library(soname: str, symbols: Sequence[StubSymbol], *, complaint: str) -> bytes:
    """Return the bytes of a stub library.

    Args:
        soname: the name under which the dynamic linker looks for it, like ``libcudnn.so.9``.
        symbols: what it defines; the order does not matter.
        complaint: what is written to standard error behind the function's name before a call ends the program.
    """
    return _Stub(soname, sorted(symbols, key=lambda s: (s.name, s.version)), complaint).image()


class _Strings:
    """A string table: a string is stored once."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self._positions: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        if text not in self._positions:
            self._positions[text] = len(self.data)
            self.data += text.encode() + b"\0"
        return self._positions[text]


class _Stub:
    def __init__(self, soname: str, symbols: Sequence[StubSymbol], complaint: str) -> None:
        self._soname = soname
        self._symbols = symbols
        self._types = [s for s in symbols if s.kind is StubKind.TYPE_INFO]
        self._versions = sorted({s.version for s in symbols if s.version})
        self._functions = [s for s in symbols if s.kind in {StubKind.FUNCTION, StubKind.ACCESSOR}]
        self._complaint = complaint
        self._strings = _Strings()
        # Symbol 0 is the null one; the C++ runtime's table is the only one that is asked for, hence symbol 1.
        self._names = ["", *([_CLASS_TYPE_INFO] if self._types else []), *(s.name for s in symbols)]

    def image(self) -> bytes:
        """Lay out: read-only and executable segment (tables, code), then a writable one (dynamic section, data)."""
        # All strings first: their table is the last part of the first segment, and everything else lies before it.
        for name in (*self._names, *map(_type_name, self._types), self._soname, *self._versions, _CXX_RUNTIME):
            self._strings.add(name)
        versions, hashes, indices = self._version_definitions(), self._hash_table(), self._version_indices()
        abort = _abort_routine(f": {self._complaint}\n".encode())
        at = self._places(len(hashes), len(indices), len(versions), len(abort))
        parts = (
            (0, _file_header()),
            (at.symbols, self._symbol_table(at)),
            (at.hashes, hashes),
            (at.indices, indices),
            (at.versions, versions),
            (at.relocations, self._relocations(at)),
            (at.abort, abort),
            (at.functions, self._functions_code(at)),
            (at.strings, self._strings.data),
            (at.data, self._dynamic_section(at)),
            (_HEADER_BYTES, _program_headers(at)),
        )
        image = bytearray(at.file_end)
        for position, part in parts:
            image[position : position + len(part)] = part
        return bytes(image)

    def _places(self, hash_bytes: int, index_bytes: int, version_bytes: int, abort_bytes: int) -> "_Places":
        symbols = _HEADER_BYTES + _SEGMENTS * _PROGRAM_HEADER_BYTES
        hashes = symbols + elf.SYMBOL_BYTES * len(self._names)
        indices = _align(hashes + hash_bytes, 8)
        versions = _align(indices + index_bytes, 8)
        relocations = _align(versions + version_bytes, 8)
        abort = _align(relocations + _RELOCATION_BYTES * 2 * len(self._types), 16)
        functions = _align(abort + abort_bytes, 16)
        strings = functions + _ENTRY_BYTES * len(self._functions)
        text_end = strings + len(self._strings.data)
        # The linker maps whole pages, so the writable segment starts on one of its own.
        data = _align(text_end, _PAGE)
        types = data + _DYNAMIC_ENTRY_BYTES * _DYNAMIC_ENTRIES
        file_end = types + _TYPE_INFO_BYTES * len(self._types)
        variables = _align(file_end, _SLOT_BYTES)
        slots = variables + _VARIABLE_BYTES
        return _Places(
            symbols=symbols,
            hashes=hashes,
            indices=indices,
            versions=versions,
            relocations=relocations,
            abort=abort,
            functions=functions,
            strings=strings,
            text_end=text_end,
            data=data,
            types=types,
            file_end=file_end,
            variables=variables,
            slots=slots,
            memory_end=slots + _SLOT_BYTES * len(self._functions),
        )

    def _dynamic_section(self, at: "_Places") -> bytes:
        entries = [
            (elf.DT_SONAME, self._strings.add(self._soname)),
            (elf.DT_HASH, at.hashes),
            (elf.DT_STRTAB, at.strings),
            (elf.DT_SYMTAB, at.symbols),
            (elf.DT_STRSZ, len(self._strings.data)),
            (elf.DT_SYMENT, elf.SYMBOL_BYTES),
        ]
        if self._types:
            entries += [
                (elf.DT_NEEDED, self._strings.add(_CXX_RUNTIME)),
                (elf.DT_RELA, at.relocations),
                (elf.DT_RELASZ, _RELOCATION_BYTES * 2 * len(self._types)),
                (elf.DT_RELAENT, _RELOCATION_BYTES),
            ]
        if self._versions:
            entries += [
                (elf.DT_VERSYM, at.indices),
                (elf.DT_VERDEF, at.versions),
                (elf.DT_VERDEFNUM, len(self._versions) + 1),
            ]
        packed = b"".join(struct.pack("<QQ", *entry) for entry in entries)
        return packed.ljust(_DYNAMIC_ENTRY_BYTES * _DYNAMIC_ENTRIES, b"\0")  # zeros are DT_NULL, the end

    def _symbol_table(self, at: "_Places") -> bytes:
        table = bytearray(elf.SYMBOL_BYTES)
        if self._types:
            info = (elf.Binding.GLOBAL << 4) | elf.SymbolKind.OBJECT
            table += struct.pack("<IBBHQQ", self._strings.add(_CLASS_TYPE_INFO), info, 0, 0, 0, 0)
        functions = {symbol: at.functions + _ENTRY_BYTES * i for i, symbol in enumerate(self._functions)}
        types = {symbol: at.types + _TYPE_INFO_BYTES * i for i, symbol in enumerate(self._types)}
        for symbol in self._symbols:
            match symbol.kind:
                case StubKind.FUNCTION | StubKind.ACCESSOR:
                    address, size, kind = functions[symbol], _ENTRY_BYTES, elf.SymbolKind.FUNCTION
                case StubKind.TYPE_INFO:
                    address, size, kind = types[symbol], _TYPE_INFO_BYTES, elf.SymbolKind.OBJECT
                case StubKind.VARIABLE:
                    address, size, kind = at.variables, _VARIABLE_BYTES, elf.SymbolKind.OBJECT
            # Any section number but 0 (undefined) and the reserved ones says "defined"; there are no sections.
            info = (elf.Binding.GLOBAL << 4) | kind
            table += struct.pack("<IBBHQQ", self._strings.add(symbol.name), info, 0, 1, address, size)
        return bytes(table)

    def _relocations(self, at: "_Places") -> bytes:
        """Return what fills in a type's description: the C++ runtime's table (symbol 1), and the type's name."""
        table = bytearray()
        for number, symbol in enumerate(self._types):
            address = at.types + _TYPE_INFO_BYTES * number
            name = at.strings + self._strings.add(_type_name(symbol))
            table += struct.pack("<QQq", address, (1 << 32) | _R_X86_64_64, 16)
            table += struct.pack("<QQq", address + 8, _R_X86_64_RELATIVE, name)
        return bytes(table)

    def _functions_code(self, at: "_Places") -> bytes:
        code = bytearray()
        for number, symbol in enumerate(self._functions):
            here = at.functions + _ENTRY_BYTES * number
            if symbol.kind is StubKind.ACCESSOR:
                code += _accessor(here, slot_at=at.slots + _SLOT_BYTES * number)
            else:
                name_at = at.strings + self._strings.add(symbol.name)
                code += _function(here, name_at=name_at, name=symbol.name, abort_at=at.abort)
        return bytes(code)

    def _hash_table(self) -> bytes:
        """Return the System V hash table: buckets of chains of symbol numbers."""
        count = len(self._names)
        buckets = [0] * max(1, count)
        chains = [0] * count
        for number, name in enumerate(self._names[1:], start=1):
            bucket = _system_v_hash(name) % len(buckets)
            chains[number], buckets[bucket] = buckets[bucket], number
        return struct.pack(f"<{2 + len(buckets) + count}I", len(buckets), count, *buckets, *chains)

    def _version_indices(self) -> bytes:
        if not self._versions:
            return b""
        index = {version: number for number, version in enumerate(self._versions, start=2)}
        unversioned = len(self._names) - len(self._symbols) - 1
        indices = [0, *[1] * unversioned, *(index.get(s.version, 1) for s in self._symbols)]
        return struct.pack(f"<{len(indices)}H", *indices)

    def _version_definitions(self) -> bytes:
        """Return the table of the versions that the library defines; the first entry is the library itself."""
        if not self._versions:
            return b""
        table = bytearray()
        names = [self._soname, *self._versions]
        for number, name in enumerate(names, start=1):
            base_flag = 1 if number == 1 else 0
            step = _VERSION_DEFINITION_BYTES if number < len(names) else 0
            table += struct.pack("<HHHHIII", 1, base_flag, number, 1, _system_v_hash(name), 20, step)
            table += struct.pack("<II", self._strings.add(name), 0)
        return bytes(table)


@dataclass(frozen=True)
class _Places:
    """Where each part of a stub lies: offsets in the file, which are its addresses too."""

    symbols: int
    hashes: int
    indices: int
    versions: int
    relocations: int
    abort: int
    functions: int
    strings: int
    text_end: int
    data: int
    types: int
    file_end: int
    variables: int
    slots: int
    memory_end: int


def _program_headers(at: _Places) -> bytes:
    readable, writable, executable = 4, 2, 1
    dynamic_bytes = _DYNAMIC_ENTRY_BYTES * _DYNAMIC_ENTRIES
    segments = (
        (elf.PT_LOAD, readable | executable, 0, at.text_end, at.text_end, _PAGE),
        (elf.PT_LOAD, readable | writable, at.data, at.file_end - at.data, at.memory_end - at.data, _PAGE),
        (elf.PT_DYNAMIC, readable | writable, at.data, dynamic_bytes, dynamic_bytes, 8),
        (_PT_GNU_STACK, readable | writable, 0, 0, 0, 16),  # the stack is not executable
    )
    return b"".join(
        struct.pack("<IIQQQQQQ", kind, flags, start, start, start, file_bytes, memory_bytes, alignment)
        for kind, flags, start, file_bytes, memory_bytes, alignment in segments
    )


def _type_name(symbol: StubSymbol) -> str:
    return symbol.name.removeprefix("_ZTI")


def _file_header() -> bytes:
    identification = b"\x7fELF\x02\x01\x01" + bytes(9)
    shared_object, x86_64 = 3, 62
    return identification + struct.pack(
        "<HHIQQQIHHHHHH",
        shared_object,
        x86_64,
        1,
        0,
        _HEADER_BYTES,
        0,
        0,
        _HEADER_BYTES,
        _PROGRAM_HEADER_BYTES,
        _SEGMENTS,
        64,
        0,
        0,
    )


def _abort_routine(complaint: bytes) -> bytes:
    """Return machine code that writes two texts to standard error and raises SIGABRT, by system calls alone.

    The first text is in rsi and edx (the caller's), the second one is the complaint, stored behind the code.
    """
    code = bytearray()
    code += _WRITE_TO_STDERR
    lea_at = len(code)
    code += b"\x48\x8d\x35" + bytes(4)  # lea rsi, [rip + complaint]
    code += b"\xba" + struct.pack("<I", len(complaint))  # mov edx, length
    code += _WRITE_TO_STDERR
    code += b"\xb8" + struct.pack("<I", 39) + b"\x0f\x05"  # mov eax, getpid; syscall
    code += b"\x89\xc7"  # mov edi, eax
    code += b"\xbe" + struct.pack("<I", 6)  # mov esi, SIGABRT
    code += b"\xb8" + struct.pack("<I", 62) + b"\x0f\x05"  # mov eax, kill; syscall
    code += b"\x0f\x0b"  # ud2: SIGABRT was blocked or handled, and there is nothing to return to
    code[lea_at + 3 : lea_at + 7] = struct.pack("<i", len(code) - (lea_at + 7))
    return bytes(code) + complaint


def _accessor(at: int, *, slot_at: int) -> bytes:
    """Return the machine code of a function that returns the address of its slot."""
    entry = b"\x48\x8d\x05" + struct.pack("<i", slot_at - (at + 7)) + b"\xc3"  # lea rax, [rip + slot]; ret
    return entry.ljust(_ENTRY_BYTES, b"\xcc")


def _function(at: int, *, name_at: int, name: str, abort_at: int) -> bytes:
    """Return the machine code of one function, which hands its own name to the abort routine."""
    entry = b"\x48\x8d\x35" + struct.pack("<i", name_at - (at + 7))  # lea rsi, [rip + name]
    entry += b"\xba" + struct.pack("<I", len(name.encode()))  # mov edx, length
    entry += b"\xe9" + struct.pack("<i", abort_at - (at + 17))  # jmp abort
    return entry.ljust(_ENTRY_BYTES, b"\xcc")


def _system_v_hash(name: str) -> int:
    """Hash a symbol's name as the System V ABI says (figure 5-13)."""
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value


def _align(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
