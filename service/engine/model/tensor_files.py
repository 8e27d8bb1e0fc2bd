"""A model folder's safetensors files: every tensor that is expected, of the shape that is expected, and no other.

A missing tensor filled with random numbers would answer nonsense with a straight face, so whatever doesn't fit is an
error that names the tensor.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from service.engine.interface import ModelLoadError
from service.weights.tensor_header import find_damage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Shape = tuple[int, ...]
INDEX_NAME = "model.safetensors.index.json"
# Buffers that older checkpoints carry; they follow from config.json.
_DERIVED = (".rotary_emb.inv_freq", ".masked_bias")
_SHOWN = 3
# What the names of all tensors but the head's begin with.
_BODY = "model."
_HEAD = "lm_head."


class TensorFiles:
    """The tensors of a folder, read one by one from memory-mapped files."""

    def __init__(self, folder: Path) -> None:
        """Opens each file, which checks its header against its size.

        Raises:
            ModelLoadError: there is none, or one is damaged; names it.
        """
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise ModelLoadError(f"{folder.name}: no .safetensors file; other formats can run code and are not loaded")
        self._files: dict[str, tuple[str, Any, str]] = {}
        self._shapes: dict[str, Shape] = {}
        for path in files:
            self._open(path)
        _check_index(folder / INDEX_NAME, {name: file for name, (file, _, _) in self._files.items()})
        if not any(name.startswith(_BODY) for name in self._files):
            # Saved without its head, as models that pool mostly are.
            self._files = {_full_name(name): place for name, place in self._files.items()}
            self._shapes = {_full_name(name): shape for name, shape in self._shapes.items()}

    def _open(self, path: Path) -> None:
        try:
            opened = safe_open(path, framework="pt")
            names = list(opened.keys())
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in names}
        except (SafetensorError, OSError, struct.error) as error:
            raise ModelLoadError(f"{path.name}: damaged or truncated: {_damage(path) or error}") from None
        for name, shape in shapes.items():
            if name in self._files:
                raise ModelLoadError(f"{path.name}: tensor {name} is in another file too")
            if not name.endswith(_DERIVED):
                self._files[name], self._shapes[name] = (path.name, opened, name), shape

    def require(self, expected: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> None:
        """Checks names and shapes.

        Args:
            expected: must be there.
            optional: may be there.

        Raises:
            ModelLoadError: a tensor is missing, left over or of another shape; names it.
        """
        known = {**(optional or {}), **expected}
        wrong = [name for name, shape in self._shapes.items() if name in known and shape != known[name]]
        for names, means in (
            (sorted(expected.keys() - self._shapes.keys()), "not in the weights files"),
            (
                sorted(self._shapes.keys() - known.keys()),
                "in the weights files, but not in the model that config.json describes",
            ),
            (sorted(wrong), "of another shape than config.json describes"),
        ):
            if names:
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                shapes = [
                    f"{name} {list(self._shapes[name])}, expected {list(known[name])}" if name in wrong else name
                    for name in names[:_SHOWN]
                ]
                raise ModelLoadError(f"tensor {', '.join(shapes)}{more}: {means}")

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor, in its stored type, on the CPU.

        Raises:
            ModelLoadError: it is of no float type, or can't be read.
        """
        file, opened, stored_name = self._files[name]
        try:
            loaded: torch.Tensor = opened.get_tensor(stored_name)
        except (SafetensorError, OSError, RuntimeError) as error:
            raise ModelLoadError(f"{file}: tensor {name}: {error}") from None
        if loaded.dtype not in {torch.float32, torch.bfloat16, torch.float16}:
            raise ModelLoadError(f"{file}: tensor {name} is of type {loaded.dtype}; float32, bfloat16 or float16 are")
        return loaded


def _damage(path: Path) -> str:
    """What is wrong with a file that can't be opened, as far as it can still be read."""
    try:
        return find_damage(path)
    except OSError:
        return ""


def _full_name(name: str) -> str:
    return name if name.startswith(_HEAD) else _BODY + name


def _check_index(index: Path, places: Mapping[str, str]) -> None:
    if not index.is_file():
        return
    try:
        mapping: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelLoadError(f"{index.name}: malformed: {error}") from None
    for tensor, file in mapping.items():
        if not tensor.endswith(_DERIVED) and places.get(tensor) != file:
            raise ModelLoadError(f"{index.name}: tensor {tensor} should be in {file} and is not")
