from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from service.engine.interface import ModelLoadError
from service.engine.model.tensor_files import TensorFiles
from service.weights.tensor_header import find_damage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model-00001-of-00001.safetensors"
    tensors = {"a.weight": torch.zeros(8, 4), "b.weight": torch.ones(16), "c.bias": torch.ones(3, dtype=torch.bfloat16)}
    save_file(tensors, path, metadata={"format": "pt"})
    return path


def rewrite(path: Path, **changes: Any) -> None:
    """Changes the first tensor's entry of the header."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["a.weight"] |= changes
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + content[8 + length :])


def test_a_sound_file_has_no_damage(file: Path) -> None:
    assert find_damage(file) == ""
    TensorFiles(file.parent)


@pytest.mark.parametrize(("cut_bytes", "tensor"), [(1, "c.bias"), (6, "c.bias"), (7, "b.weight"), (100, "a.weight")])
def test_a_truncated_file_is_refused_with_its_first_missing_tensor(file: Path, cut_bytes: int, tensor: str) -> None:
    os.truncate(file, file.stat().st_size - cut_bytes)
    with pytest.raises(ModelLoadError, match=rf"{file.name}: damaged or truncated: tensor {tensor} is cut off"):
        TensorFiles(file.parent)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shape": [8, 5]}, "tensor a.weight: its type and shape take 160 bytes, it has 128"),
        ({"dtype": "F16"}, "tensor a.weight: its type and shape take 64 bytes, it has 128"),
        ({"data_offsets": [0, 4096], "shape": [32, 32]}, "tensor"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_the_tensor(file: Path, changes: dict[str, Any], says: str) -> None:
    rewrite(file, **changes)
    with pytest.raises(ModelLoadError, match=says):
        TensorFiles(file.parent)


@pytest.mark.parametrize("content", [b"", b"1234", struct.pack("<Q", 1 << 40) + b"{}", struct.pack("<Q", 2) + b"[]"])
def test_what_is_no_safetensors_file_is_refused_by_name(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ModelLoadError, match=file.name):
        TensorFiles(file.parent)
    assert find_damage(file)
