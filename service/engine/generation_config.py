"""A model's own wishes: ``generation_config.json``, which its makers put beside the weights.

As with other servers (vLLM's ``--generation-config auto``), what a request leaves open is sampled as the model asks.
Only how tokens are chosen is taken over; how many are generated is the client's and the operator's business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.engine.interface import ModelLoadError, SamplingDefaults
from service.engine.model.description import token_ids

if TYPE_CHECKING:
    from pathlib import Path

NAME = "generation_config.json"

# Field -> (smallest, largest), as in a request.
_BOUNDS = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "top_k": (0, 2**31 - 1),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 10.0),
}


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """What a model's folder says of generating with it; a folder without the file says nothing.

    Attributes:
        defaults: sampling parameters that the model asks for.
        end_token_ids: tokens that end a text; none where only ``config.json`` names them.
    """

    defaults: SamplingDefaults = field(default_factory=SamplingDefaults)
    end_token_ids: frozenset[int] = frozenset()

    @classmethod
    def read(cls, folder: Path) -> GenerationConfig:
        """Reads a model's folder.

        Raises:
            ModelLoadError: the file is malformed, or a value can't be a sampling parameter.
        """
        try:
            content: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise ModelLoadError(f"{NAME}: {error}") from None
        if not isinstance(content, dict):
            raise ModelLoadError(f"{NAME}: is no JSON object")
        return cls(_defaults(content), token_ids(content.get("eos_token_id")))


def _defaults(content: dict[str, Any]) -> SamplingDefaults:
    # Greedy models keep their makers' temperature in the file as a remark.
    wished = _BOUNDS if content.get("do_sample") else {"repetition_penalty": _BOUNDS["repetition_penalty"]}
    found = {name: content[name] for name in wished if content.get(name) is not None}
    for name, value in found.items():
        low, high = wished[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ModelLoadError(f"{NAME}: {name} is {value!r}; a number from {low} to {high} is needed")
    return SamplingDefaults(**found)
