"""How a model makes one vector of a text, read from the files that sentence-transformers writes beside a model.

``modules.json`` names the modules in their order and ``1_Pooling/config.json`` the way of pooling
(https://sbert.net/docs/sentence_transformer/usage/custom_models.html). Whether a vector may be cut stands in
``config.json`` as vLLM reads it: ``is_matryoshka`` and ``matryoshka_dimensions`` (https://arxiv.org/abs/2205.13147).
A module or a way that this engine can't run is refused by name: a vector made otherwise means nothing.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.engine.interface import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODULES_NAME = "modules.json"
_SEQUENCE_NAME = "sentence_bert_config.json"


class PoolingMode(enum.StrEnum):
    """What of a text's last hidden states becomes its vector, in sentence-transformers' words."""

    CLS = "cls"
    """The first token's."""
    MEAN = "mean"
    """The mean of all."""
    LAST = "lasttoken"
    """The last token's."""


@dataclass(frozen=True, slots=True)
class Pooling:
    """How a model pools.

    Attributes:
        mode: what becomes the vector.
        normalised: whether vectors have length 1.
        cuts: lengths that a vector may be cut to besides its own.
        longest_tokens: most tokens of a text; None where the context is the only limit.
    """

    mode: PoolingMode
    normalised: bool
    cuts: Sequence[int]
    longest_tokens: int | None


_OF_KEY = {
    "pooling_mode_cls_token": PoolingMode.CLS,
    "pooling_mode_mean_tokens": PoolingMode.MEAN,
    "pooling_mode_lasttoken": PoolingMode.LAST,
}


class _Module(BaseModel):
    path: str = Field(pattern=r"^[A-Za-z0-9_-]*$")
    type: str

    @property
    def kind(self) -> str:
        return self.type.rpartition(".")[2]


class _PoolingFile(BaseModel):
    model_config = ConfigDict(extra="allow")

    pooling_mode: str | None = None
    include_prompt: bool = True

    def modes(self) -> list[str]:
        """What is switched on: by its name, or by a key of its own in files of earlier versions."""
        keys = [key for key, on in (self.model_extra or {}).items() if key.startswith("pooling_mode_") and on is True]
        return [_OF_KEY.get(key, key) for key in keys] if self.pooling_mode is None else [self.pooling_mode]


class _SequenceFile(BaseModel):
    max_seq_length: int | None = Field(default=None, gt=0)


class _Matryoshka(BaseModel):
    hidden_size: int = Field(gt=0)
    is_matryoshka: bool = False
    matryoshka_dimensions: list[int] | None = None


def read_pooling(folder: Path) -> Pooling | None:
    """How the model in a folder pools; None for one that generates text.

    Raises:
        ModelLoadError: a file is malformed, or asks for what this engine can't run; names both.
    """
    if not (folder / MODULES_NAME).is_file():
        return None
    modules = _read(folder, MODULES_NAME, list[_Module])
    kinds = [module.kind for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or modules[0].path:
        raise ModelLoadError(
            f"{MODULES_NAME}: {', '.join(kinds)} is not supported; a Transformer in this folder, a Pooling and maybe a "
            "Normalize are"
        )
    name = f"{modules[1].path}/config.json"
    found = _read(folder, name, _PoolingFile)
    if not found.include_prompt:
        raise ModelLoadError(f"{name}: include_prompt false is not supported")
    matryoshka = _read(folder, "config.json", _Matryoshka)
    sequence = _read(folder, _SEQUENCE_NAME, _SequenceFile) if (folder / _SEQUENCE_NAME).is_file() else _SequenceFile()
    return Pooling(_mode(found, name), "Normalize" in kinds, _cuts(matryoshka), sequence.max_seq_length)


def _mode(found: _PoolingFile, name: str) -> PoolingMode:
    modes = found.modes()
    if len(modes) != 1 or modes[0] not in set(PoolingMode):
        found_modes, known = " and ".join(modes) or "of no kind", ", ".join(PoolingMode)
        raise ModelLoadError(f"{name}: pooling {found_modes} is not supported; one of {known} is")
    return PoolingMode(modes[0])


def _cuts(found: _Matryoshka) -> Sequence[int]:
    if found.matryoshka_dimensions:
        if not all(0 < size <= found.hidden_size for size in found.matryoshka_dimensions):
            raise ModelLoadError(f"config.json: matryoshka_dimensions have to be between 1 and {found.hidden_size}")
        return tuple(sorted(found.matryoshka_dimensions))
    return range(1, found.hidden_size + 1) if found.is_matryoshka else ()


def _read(folder: Path, name: str, kind: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(json.loads((folder / name).read_text("utf-8")))
    except (OSError, ValueError) as error:
        problem = error.errors()[0] if isinstance(error, ValidationError) else None
        reason = f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" if problem else str(error)
        raise ModelLoadError(f"{name}: {reason}") from None
