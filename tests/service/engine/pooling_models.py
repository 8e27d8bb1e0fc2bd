"""Tiny models that make vectors of texts, in the layout that sentence-transformers writes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import torch

from tests.service.engine.tiny_models import tiny_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_TYPES = "sentence_transformers.models"


def make_pooling_model(
    folder: Path, shape: str, *, pooling: dict[str, Any], normalised: bool = True, bare: bool = False, **config: Any
) -> Path:
    """A model of `tiny_models` with what says how it pools.

    Args:
        folder: is made.
        shape: of `SHAPES`.
        pooling: content of the pooling module's file.
        normalised: whether a module for it follows.
        bare: saved by the class without a head, as most embedding models are.
        config: more entries of ``config.json``.
    """
    source, model = tiny_model(shape)
    shutil.copytree(source, folder)
    if bare:
        (folder / "model.safetensors").unlink()
        model.base_model.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")][: 3 if normalised else 2]
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"{_TYPES}.{kind}"}
        for index, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


def pooled(shape: str, prompt: Sequence[int], mode: str) -> NDArray[np.float32]:
    """The vector by transformers' own hidden states, not normalised."""
    _, model = tiny_model(shape)
    with torch.inference_mode():
        states = model.base_model(torch.tensor([list(prompt)])).last_hidden_state[0]
    return {"cls": states[0], "mean": states.mean(dim=0), "lasttoken": states[-1]}[mode].numpy()
