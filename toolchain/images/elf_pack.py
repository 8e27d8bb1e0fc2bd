"""Rewrites a shared library without what is never mapped, and with named regions left to the zero page.

A linked library carries its debugging symbol table (tens of megabytes in torch's) and, in a CUDA build, machine code
for GPUs that a machine without one never reads. Addresses stay what they were, so code, relocations and symbols are
untouched: only where a segment lies in the file changes, as the System V ABI leaves open, and a region that is left
out becomes a segment with memory and without file bytes, as an ordinary ``.bss`` is.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain.images.elf import PT_LOAD
from toolchain.images.errors import ElfError

_PAGE = 0x1000
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_PT_NULL = 0
_PT_PHDR = 6


@dataclass(frozen=True)
class _Segment:
    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    file_bytes: int
    memory_bytes: int
    alignment: int

    def covers(self, address: int) -> bool:
        return self.kind == PT_LOAD and self.address <= address < self.address + self.file_bytes


def packed(path: Path, *, leave_out: Sequence[str] = ()) -> bytes:
    """Return the library without its symbol and string tables for debuggers and section headers.

    Args:
        path: a 64-bit x86-64 shared object with section headers.
        leave_out: sections whose content is replaced by zeros that take no file space.

    Raises:
        ElfError: the file is not such an object, or a section to leave out lies in no segment.
    """
    image = path.read_bytes()
    try:
        return _pack(path, image, leave_out)
    except (struct.error, IndexError, ValueError) as error:
        raise ElfError(f"{path} is damaged or no x86-64 shared object: {error}") from error


def _pack(path: Path, image: bytes, leave_out: Sequence[str]) -> bytes:
    header = list(_HEADER.unpack_from(image))
    if header[0][:6] != b"\x7fELF\x02\x01" or header[2] != 62:
        raise ElfError(f"{path} is not a 64-bit little-endian x86-64 ELF file")
    table, count = header[5], header[10]
    segments = [_Segment(*_PROGRAM_HEADER.unpack_from(image, table + i * _PROGRAM_HEADER.size)) for i in range(count)]
    holes = list(_holes(image, header, leave_out))
    if len(holes) != len(leave_out):
        raise ElfError(f"{path} does not have each of the sections {', '.join(leave_out)}")

    loaded = [piece for segment in segments if segment.kind == PT_LOAD for piece in _split(segment, holes)]
    output = bytearray()
    moved: list[_Segment] = []
    for piece in loaded:
        start = len(output) + (piece.address - len(output)) % _PAGE
        output += bytes(start - len(output))
        output += image[piece.offset : piece.offset + piece.file_bytes]
        moved.append(replace(piece, offset=start))

    # A dynamic linker wants the loaded segments in the order of their addresses, others anywhere.
    headers: list[_Segment] = [*sorted(moved, key=lambda s: s.address)]
    for segment in segments:
        if segment.kind in {PT_LOAD, _PT_NULL, _PT_PHDR}:
            continue  # PT_PHDR means something to an executable only, and the table moves
        home = next((piece for piece in moved if piece.covers(segment.address)), None)
        if home is None and segment.file_bytes:
            raise ElfError(f"{path}: a segment of kind {segment.kind:#x} lies in no loaded one")
        offset = segment.offset if home is None else segment.address - home.address + home.offset
        headers.append(replace(segment, offset=offset))
    output += bytes(-len(output) % 8)
    table = len(output)
    for segment in headers:
        output += _PROGRAM_HEADER.pack(
            segment.kind, segment.flags, segment.offset, segment.address,
            segment.physical, segment.file_bytes, segment.memory_bytes, segment.alignment,
        )  # fmt: skip
    header[5], header[10] = table, len(headers)
    header[6] = header[12] = header[13] = 0  # no section headers
    output[: _HEADER.size] = _HEADER.pack(*header)
    return bytes(output)


def _holes(image: bytes, header: list[int], names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the whole pages (start address, end address) of the sections to leave out."""
    table, size, count, names_at = header[6], header[11], header[12], header[13]
    sections = [_SECTION_HEADER.unpack_from(image, table + i * size) for i in range(count)]
    strings = sections[names_at][4] if count else 0
    for name, _, _, address, _, section_bytes, *_ in sections:
        end = image.find(b"\0", strings + name)
        if image[strings + name : end].decode() in names:
            yield -(-address // _PAGE) * _PAGE, (address + section_bytes) // _PAGE * _PAGE


def _split(segment: _Segment, holes: Sequence[tuple[int, int]]) -> Iterator[_Segment]:
    """Cut a loaded segment where a hole begins and ends; the part within has memory and no file bytes."""
    for start, end in sorted(holes):
        if segment.address <= start < end <= segment.address + segment.file_bytes:
            before = start - segment.address
            if before:
                yield replace(segment, file_bytes=before, memory_bytes=before)
            yield replace(segment, address=start, physical=start, file_bytes=0, memory_bytes=end - start)
            skipped = end - segment.address
            segment = replace(
                segment,
                offset=segment.offset + skipped,
                address=end,
                physical=end,
                file_bytes=segment.file_bytes - skipped,
                memory_bytes=segment.memory_bytes - skipped,
            )
    yield segment
