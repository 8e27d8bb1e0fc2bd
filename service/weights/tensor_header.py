"""What a safetensors file says that it holds, read without its library: to tell which tensor a damaged file lacks.

The format: 8 bytes of the header's length, little-endian, the header as JSON, then the tensors' bytes, at offsets from
there. Source: https://huggingface.co/docs/safetensors, "Format".
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_LENGTH_BYTES = 8
# The format's own limit.
_HEADER_LIMIT_BYTES = 100_000_000
_METADATA = "__metadata__"
_ELEMENT_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64, "F4": 4,
}  # fmt: skip


class TensorPlace(NamedTuple):
    """Where a tensor's bytes are.

    Attributes:
        name: of the tensor.
        begin: its first byte, from the end of the header.
        end: after its last byte.
        needed_bytes: what its type and shape take; None for a type that isn't known here.
    """

    name: str
    begin: int
    end: int
    needed_bytes: int | None


def find_damage(path: Path) -> str:
    """Say what is wrong with a file that the library has refused, with the tensor's name where one is at fault.

    Returns:
        A sentence without the file's name; empty where nothing is found.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(_LENGTH_BYTES)
        if len(prefix) < _LENGTH_BYTES:
            return f"{size_bytes} bytes are no safetensors file"
        (length,) = struct.unpack("<Q", prefix)
        if length > min(_HEADER_LIMIT_BYTES, size_bytes - _LENGTH_BYTES):
            return f"its header should have {length} bytes, the whole file has {size_bytes}: no tensor can be read"
        header = file.read(length)
    try:
        places = sorted(_places(json.loads(header)), key=lambda place: place.begin)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its header is no list of tensors"
    return _first_misplaced(places, size_bytes - _LENGTH_BYTES - length)


def _places(header: dict[str, dict[str, object]]) -> list[TensorPlace]:
    found = []
    for name, entry in header.items():
        if name == _METADATA:
            continue
        begin, end = (int(str(offset)) for offset in _list(entry["data_offsets"]))
        bits = _ELEMENT_BITS.get(str(entry["dtype"]))
        elements = math.prod(int(str(extent)) for extent in _list(entry["shape"]))
        found.append(TensorPlace(name, begin, end, None if bits is None else -(-elements * bits // 8)))
    return found


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _first_misplaced(places: list[TensorPlace], data_bytes: int) -> str:
    expected = 0
    for place in places:
        if place.needed_bytes is not None and place.end - place.begin != place.needed_bytes:
            has = place.end - place.begin
            return f"tensor {place.name}: its type and shape take {place.needed_bytes} bytes, it has {has}"
        if place.begin != expected:
            return f"tensor {place.name}: begins at byte {place.begin}, the one before it ends at {expected}"
        if place.end > data_bytes:
            return f"tensor {place.name} is cut off: it ends at byte {place.end} of the data, the file has {data_bytes}"
        expected = place.end
    return f"{data_bytes - expected} bytes follow the last tensor" if data_bytes > expected else ""
