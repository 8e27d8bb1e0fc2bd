"""The sampling settings of everything that runs, one row a slot: a step picks its rows without a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from service.engine.interface import SamplingParams

# A temperature below this can't be told from 0 in float32 and overflows; its limit is the likeliest token.
_COLDEST = 1e-6
# No vocabulary is larger than a row can say; keeping more tokens than there are keeps all.
_MOST_KEPT = np.iinfo(np.int64).max


class SettingsTable:
    """Sampling settings by slot; see `SamplingParams` for what they mean."""

    def __init__(self, slots: int) -> None:
        self.temperature = np.zeros(slots, np.float32)
        self.top_p = np.ones(slots, np.float32)
        self.top_k = np.zeros(slots, np.int64)
        self.min_p = np.zeros(slots, np.float32)
        self.repetition = np.ones(slots, np.float32)
        self.presence = np.zeros(slots, np.float32)
        self.frequency = np.zeros(slots, np.float32)
        self.seed = np.zeros(slots, np.uint64)
        self.choice = np.zeros(slots, np.uint64)
        self.alternatives = np.full(slots, -1, np.int64)  # -1: no log-probabilities

    def set(self, slot: int, params: SamplingParams, *, seed: int, choice: int) -> None:
        """Fills a row."""
        self.temperature[slot] = params.temperature if params.temperature >= _COLDEST else 0.0
        self.top_p[slot] = params.top_p
        self.top_k[slot] = min(params.top_k, _MOST_KEPT)
        self.min_p[slot] = params.min_p
        self.repetition[slot] = params.repetition_penalty
        self.presence[slot] = params.presence_penalty
        self.frequency[slot] = params.frequency_penalty
        self.seed[slot] = seed & 0xFFFF_FFFF_FFFF_FFFF
        self.choice[slot] = choice
        self.alternatives[slot] = -1 if params.logprobs is None else params.logprobs

    def penalised(self, slots: np.ndarray) -> np.ndarray:
        """Which of the slots have a penalty of any kind, bool."""
        return (self.repetition[slots] != 1.0) | (self.presence[slots] != 0.0) | (self.frequency[slots] != 0.0)
