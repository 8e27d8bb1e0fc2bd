"""The frequencies of rotary position embeddings, and how models stretch them to longer contexts.

Only variants whose frequencies depend on the configuration alone can run over a cache: a key is rotated once, when it
is stored. ``dynamic`` (NTK) and ``longrope`` change all frequencies with the length of the longest sequence, so that
keys stored earlier would be wrong; they are refused by name.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from service.engine.interface import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Scaling(enum.StrEnum):
    """How the frequencies are stretched."""

    DEFAULT = "default"
    LINEAR = "linear"
    LLAMA3 = "llama3"
    YARN = "yarn"


@dataclass(frozen=True)
class Rotary:
    """A rotary embedding.

    Attributes:
        inverse_frequencies: radians per position, one for each pair of dimensions.
        scale: cosine and sine are multiplied by this.
    """

    inverse_frequencies: tuple[float, ...]
    scale: float = 1.0

    def table(self, positions: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of the first positions, each (positions, head_dim / 2) float32."""
        frequencies = torch.tensor(self.inverse_frequencies, dtype=torch.float32)
        angles = torch.arange(positions, dtype=torch.float32)[:, None] * frequencies
        return angles.cos() * self.scale, angles.sin() * self.scale


def rotary_of(parameters: Mapping[str, Any], head_dim: int) -> Rotary:
    """The rotary embedding that ``rope_parameters`` describe.

    Raises:
        ModelLoadError: of a kind that can't run over a cache, or a parameter is missing; names it.
    """
    kind = str(parameters.get("rope_type", "default"))
    try:
        scaling = Scaling(kind)
    except ValueError:
        raise ModelLoadError(
            f"config.json: RoPE type {kind!r} is not supported; supported are {', '.join(Scaling)}. Types whose "
            "frequencies follow the longest sequence of a batch can't be served from a cache."
        ) from None
    if float(parameters.get("partial_rotary_factor", 1.0)) != 1.0:
        raise ModelLoadError("config.json: partial_rotary_factor other than 1 is not supported")
    theta = _number(parameters, "rope_theta", 10_000.0)
    plain = 1.0 / (theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim))
    match scaling:
        case Scaling.DEFAULT:
            return _rotary(plain)
        case Scaling.LINEAR:
            return _rotary(plain / _number(parameters, "factor"))
        case Scaling.LLAMA3:
            return _rotary(_llama3(plain, parameters))
        case Scaling.YARN:
            return _rotary(_yarn(plain, parameters, theta), _yarn_scale(parameters))


def _rotary(frequencies: torch.Tensor, scale: float = 1.0) -> Rotary:
    return Rotary(tuple(frequencies.tolist()), scale)


def _number(parameters: Mapping[str, Any], name: str, default: float | None = None) -> float:
    found = parameters.get(name)
    found = default if found is None else found
    if isinstance(found, bool) or not isinstance(found, (int, float)) or found <= 0:
        raise ModelLoadError(f"config.json: rope_parameters.{name} has to be a positive number, not {found!r}")
    return float(found)


def _llama3(plain: torch.Tensor, parameters: Mapping[str, Any]) -> torch.Tensor:
    """Long wavelengths are stretched, short ones kept, those between blended.

    Source: Llama 3.1's reference implementation, ``apply_scaling`` (https://github.com/meta-llama/llama-models).
    """
    factor = _number(parameters, "factor")
    low, high = _number(parameters, "low_freq_factor"), _number(parameters, "high_freq_factor")
    original = _number(parameters, "original_max_position_embeddings")
    # How often a wave fits into the original context, placed between the two borders: 0 and less is stretched.
    kept = ((original * plain / (2 * math.pi) - low) / (high - low)).clamp(0, 1)
    return (1 - kept) * plain / factor + kept * plain


def _yarn(plain: torch.Tensor, parameters: Mapping[str, Any], theta: float) -> torch.Tensor:
    """Dimensions that turn often are kept, slow ones interpolated, with a ramp between.

    Source: YaRN, section 3.2 (https://arxiv.org/abs/2309.00071).
    """
    original = _number(parameters, "original_max_position_embeddings")
    head_dim = 2 * len(plain)

    def dimension_of(rotations: float) -> float:
        return head_dim * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(theta))

    low = dimension_of(_number(parameters, "beta_fast", 32.0))
    high = dimension_of(_number(parameters, "beta_slow", 1.0))
    if parameters.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001  # a step instead of a ramp
    interpolated = ((torch.arange(len(plain), dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    return plain / _number(parameters, "factor") * interpolated + plain * (1 - interpolated)


def _yarn_scale(parameters: Mapping[str, Any]) -> float:
    """YaRN's attention temperature (section 3.4), by which cosine and sine are multiplied."""
    if parameters.get("attention_factor") is not None:
        return _number(parameters, "attention_factor")
    factor = _number(parameters, "factor")

    def magnitude(weight: float) -> float:
        return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0

    mscale, mscale_all_dim = parameters.get("mscale"), parameters.get("mscale_all_dim")
    if mscale and mscale_all_dim:
        return magnitude(float(mscale)) / magnitude(float(mscale_all_dim))
    return magnitude(1.0)
