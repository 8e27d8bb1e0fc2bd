"""Drawing tokens from filtered distributions, a whole batch at once.

Each filter keeps the tokens at or above a threshold of its own row, so that what is kept depends on the row alone. They
apply in the order of transformers and vLLM: temperature, top_k, top_p, min_p, each to what the one before left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    _Threshold = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# Nucleus sampling needs the likeliest tokens in order. These are nearly always enough, and cheaper than sorting all.
_NUCLEUS_FIRST_TRY = 256


class Filters(NamedTuple):
    """What to draw from; one value a row.

    Attributes:
        temperature: above 0.
        top_k: 0 keeps all.
        top_p: 1 keeps all.
        min_p: 0 keeps all.
    """

    temperature: np.ndarray
    top_k: np.ndarray
    top_p: np.ndarray
    min_p: np.ndarray


def draw(logits: torch.Tensor, filters: Filters, random: np.ndarray) -> torch.Tensor:
    """One token for each row.

    Args:
        logits: (rows, vocabulary) float32.
        filters: of each row.
        random: (rows,) float64 in [0, 1).

    Returns:
        (rows,) int64.
    """
    device = logits.device
    scores = logits - logits.amax(dim=-1, keepdim=True)
    probabilities = (scores / torch.from_numpy(filters.temperature).to(device)[:, None]).softmax(dim=-1)
    _keep(probabilities, filters.top_k > 0, filters.top_k, _top_k_threshold)
    _keep(probabilities, filters.top_p < 1.0, filters.top_p, _top_p_threshold)
    _keep(probabilities, filters.min_p > 0.0, filters.min_p, _min_p_threshold)
    cumulative = probabilities.cumsum(dim=-1, dtype=torch.float64)
    wanted = cumulative[:, -1] * torch.from_numpy(random).to(device)
    # The first token whose cumulative probability exceeds the random number: never one of probability 0.
    drawn = torch.searchsorted(cumulative, wanted[:, None], right=True)[:, 0]
    return drawn.clamp(max=logits.shape[-1] - 1)


def _keep(probabilities: torch.Tensor, active: np.ndarray, values: np.ndarray, threshold: _Threshold) -> None:
    """Sets to 0 what is below its row's threshold, in the rows where the filter is active."""
    if not active.any():
        return
    rows = torch.from_numpy(np.flatnonzero(active)).to(probabilities.device)
    chosen = probabilities[rows]
    lowest = threshold(chosen, torch.from_numpy(values[active]).to(probabilities.device))
    probabilities[rows] = torch.where(chosen < lowest[:, None], 0.0, chosen)


def _top_k_threshold(probabilities: torch.Tensor, top_k: torch.Tensor) -> torch.Tensor:
    top_k = top_k.clamp(max=probabilities.shape[-1])
    ordered = probabilities.topk(int(top_k.max()), dim=-1).values
    return ordered.gather(-1, top_k[:, None] - 1)[:, 0]


def _top_p_threshold(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    wanted = probabilities.sum(dim=-1, dtype=torch.float64) * top_p
    ordered = probabilities.topk(min(_NUCLEUS_FIRST_TRY, probabilities.shape[-1]), dim=-1).values
    cumulative = ordered.cumsum(dim=-1, dtype=torch.float64)
    if bool((cumulative[:, -1] < wanted).any()):
        ordered = probabilities.sort(dim=-1, descending=True).values
        cumulative = ordered.cumsum(dim=-1, dtype=torch.float64)
    # A token is kept while those before it don't reach top_p: the one that crosses it stays.
    kept = (cumulative - ordered < wanted[:, None]).sum(dim=-1).clamp(min=1)
    return ordered.gather(-1, kept[:, None] - 1)[:, 0]


def _min_p_threshold(probabilities: torch.Tensor, min_p: torch.Tensor) -> torch.Tensor:
    return probabilities.amax(dim=-1) * min_p
