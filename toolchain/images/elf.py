"""Reads from an ELF shared object what the dynamic linker reads: its name, what it needs, what it offers.

Only 64-bit little-endian x86-64 objects, by their program headers alone, as the linker itself does (section headers
are optional, and the stubs that this package writes have none). Layouts: System V ABI, AMD64 supplement, and the
symbol versioning chapter of the Linux Standard Base core specification.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from toolchain.images.errors import ElfError

PT_LOAD = 1
PT_DYNAMIC = 2

DT_NULL = 0
DT_NEEDED = 1
DT_HASH = 4
DT_STRTAB = 5
DT_SYMTAB = 6
DT_RELA = 7
DT_RELASZ = 8
DT_RELAENT = 9
DT_STRSZ = 10
DT_SYMENT = 11
DT_SONAME = 14
DT_GNU_HASH = 0x6FFFFEF5
DT_VERSYM = 0x6FFFFFF0
DT_VERDEF = 0x6FFFFFFC
DT_VERDEFNUM = 0x6FFFFFFD
DT_VERNEED = 0x6FFFFFFE
DT_VERNEEDNUM = 0x6FFFFFFF

SYMBOL_BYTES = 24
_VERSION_INDEX_MASK = 0x7FFF  # the top bit of a version index says "hidden"


class SymbolKind(IntEnum):
    """STT_* of a symbol: what its address points at."""

    NOTYPE = 0
    OBJECT = 1
    FUNCTION = 2
    SECTION = 3
    FILE = 4
    COMMON = 5
    TLS = 6
    INDIRECT_FUNCTION = 10


class Binding(IntEnum):
    """STB_* of a symbol: who sees it."""

    LOCAL = 0
    GLOBAL = 1
    WEAK = 2
    UNIQUE = 10


@dataclass(frozen=True)
class Symbol:
    """A dynamic symbol. ``library`` and ``version`` are set where the object asks for one version of one library."""

    name: str
    kind: SymbolKind
    binding: Binding
    defined: bool
    size_bytes: int
    library: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class SharedObject:
    """What one shared object offers to, and asks from, the dynamic linker."""

    path: Path
    soname: str | None
    needed: tuple[str, ...]
    symbols: tuple[Symbol, ...]

    def undefined(self) -> Iterator[Symbol]:
        """Yield the symbols that another object must define, weak ones left out: those may stay unresolved."""
        return (s for s in self.symbols if not s.defined and s.binding is not Binding.WEAK and s.name)

    def defined_names(self) -> frozenset[str]:
        """Return the names that this object defines for others."""
        return frozenset(s.name for s in self.symbols if s.defined and s.binding is not Binding.LOCAL)


def read(path: Path) -> SharedObject:
    """Read the dynamic section and the dynamic symbols of a shared object.

    Raises:
        ElfError: the file is no 64-bit x86-64 ELF object, or has no dynamic section.
    """
    with path.open("rb") as file:
        try:
            image = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise ElfError(f"{path} is empty, not a shared object") from error
        with image:
            try:
                return _Reader(path, image).shared_object()
            except (struct.error, IndexError, ValueError) as error:
                raise ElfError(f"{path} is damaged or no x86-64 shared object: {error}") from error


class _Reader:
    def __init__(self, path: Path, image: mmap.mmap) -> None:
        self._path = path
        self._image = image
        if image[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", image, 18)[0] != 62:
            raise ElfError(f"{path} is not a 64-bit little-endian x86-64 ELF file")
        self._segments = list(self._program_headers())
        self._dynamic = list(self._dynamic_entries())
        self._tags = dict(self._dynamic)  # of repeated tags only DT_NEEDED matters, which is read from the list
        self._strings = self._offset(self._tags[DT_STRTAB])

    def shared_object(self) -> SharedObject:
        soname = self._tags.get(DT_SONAME)
        return SharedObject(
            path=self._path,
            soname=None if soname is None else self._string(soname),
            needed=tuple(self._string(value) for tag, value in self._dynamic if tag == DT_NEEDED),
            symbols=tuple(self._symbols()),
        )

    def _program_headers(self) -> Iterator[tuple[int, int, int, int]]:
        (table,) = struct.unpack_from("<Q", self._image, 32)
        size, count = struct.unpack_from("<HH", self._image, 54)
        for position in range(table, table + size * count, size):
            kind, _, offset, address, _, file_bytes = struct.unpack_from("<IIQQQQ", self._image, position)
            yield kind, offset, address, file_bytes

    def _offset(self, address: int) -> int:
        for kind, offset, start, size in self._segments:
            if kind == PT_LOAD and start <= address < start + size:
                return address - start + offset
        raise ElfError(f"{self._path}: address {address:#x} lies in no loaded segment")

    def _dynamic_entries(self) -> Iterator[tuple[int, int]]:
        for kind, offset, _, size in self._segments:
            if kind == PT_DYNAMIC:
                for tag, value in struct.iter_unpack("<QQ", self._image[offset : offset + size]):
                    if tag == DT_NULL:
                        return
                    yield tag, value
                return
        raise ElfError(f"{self._path} has no dynamic section: it is not a shared object")

    def _string(self, position: int) -> str:
        start = self._strings + position
        return self._image[start : self._image.find(b"\0", start)].decode()

    def _symbol_count(self) -> int:
        if DT_HASH in self._tags:
            return struct.unpack_from("<I", self._image, self._offset(self._tags[DT_HASH]) + 4)[0]
        # A GNU hash table has no count: the last symbol is the end of the chain of the highest bucket.
        table = self._offset(self._tags[DT_GNU_HASH])
        buckets, first, bloom_words, _ = struct.unpack_from("<IIII", self._image, table)
        bucket_table = table + 16 + 8 * bloom_words
        last = max(struct.unpack_from(f"<{buckets}I", self._image, bucket_table), default=0)
        if last < first:
            return first
        chains = bucket_table + 4 * buckets
        while not struct.unpack_from("<I", self._image, chains + 4 * (last - first))[0] & 1:
            last += 1
        return last + 1

    def _wanted_versions(self) -> dict[int, tuple[str, str]]:
        """Map a version index to (library, version), from the table of versions that this object needs."""
        wanted: dict[int, tuple[str, str]] = {}
        if DT_VERNEED not in self._tags:
            return wanted
        entry = self._offset(self._tags[DT_VERNEED])
        for _ in range(self._tags[DT_VERNEEDNUM]):
            _, count, file, first, following = struct.unpack_from("<HHIII", self._image, entry)
            auxiliary = entry + first
            for _ in range(count):
                _, _, index, name, step = struct.unpack_from("<IHHII", self._image, auxiliary)
                wanted[index] = (self._string(file), self._string(name))
                auxiliary += step
            entry += following
        return wanted

    def _symbols(self) -> Iterator[Symbol]:
        count = self._symbol_count()
        table = self._offset(self._tags[DT_SYMTAB])
        wanted = self._wanted_versions()
        indices = (
            struct.unpack_from(f"<{count}H", self._image, self._offset(self._tags[DT_VERSYM]))
            if DT_VERSYM in self._tags
            else (0,) * count
        )
        entries = struct.iter_unpack("<IBBHQQ", self._image[table : table + SYMBOL_BYTES * count])
        for (name, info, _, section, _, size), index in zip(entries, indices, strict=True):
            library, version = wanted.get(index & _VERSION_INDEX_MASK, (None, None)) if not section else (None, None)
            yield Symbol(
                name=self._string(name),
                kind=SymbolKind(info & 0xF),
                binding=Binding(info >> 4),
                defined=section != 0,
                size_bytes=size,
                library=library,
                version=version,
            )
