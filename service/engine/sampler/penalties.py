"""Penalties for tokens that were there before, for those slots that ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.engine.interface import SamplingParams
    from service.engine.sampler.settings_table import SettingsTable


class Penalties:
    """How often each token was generated, and which were in the prompt; only for slots that have a penalty."""

    def __init__(self, slots: int, vocabulary: int, device: torch.device) -> None:
        self._vocabulary = vocabulary
        self._device = device
        # Rows are made when they are first needed: most requests have no penalty, and vocabularies are large.
        self._row_of_slot = np.full(slots, -1, np.int64)
        self._unused = list(range(slots - 1, -1, -1))
        self._generated = torch.zeros((0, vocabulary), dtype=torch.int32, device=device)
        self._prompted = torch.zeros((0, vocabulary), dtype=torch.bool, device=device)

    def start(self, slot: int, params: SamplingParams, prompt: Sequence[int], generated: Sequence[int]) -> None:
        """A slot's new tenant: what it has had so far."""
        if (row := int(self._row_of_slot[slot])) >= 0:
            self._unused.append(row)
            self._row_of_slot[slot] = -1
        if params.repetition_penalty == 1.0 and not params.presence_penalty and not params.frequency_penalty:
            return
        row = self._unused.pop()
        self._row_of_slot[slot] = row
        self._reserve(row + 1)
        counts = torch.tensor(generated, dtype=torch.int64, device=self._device)
        self._generated[row] = torch.bincount(counts, minlength=self._vocabulary)
        self._prompted[row] = False
        self._prompted[row, torch.tensor(prompt, dtype=torch.int64, device=self._device)] = True

    def apply(self, logits: torch.Tensor, at: np.ndarray, slots: np.ndarray, table: SettingsTable) -> None:
        """Changes logits in place.

        Args:
            logits: (rows, vocabulary) float32.
            at: rows of those that have penalties.
            slots: the slot of each of them.
            table: what the penalties are.
        """
        rows = torch.from_numpy(self._row_of_slot[slots]).to(self._device)
        where = torch.from_numpy(at).to(self._device)
        counts = self._generated[rows]
        scores = logits[where]
        repetition = self._column(table.repetition[slots])
        seen = self._prompted[rows] | (counts > 0)
        scores = torch.where(seen, torch.where(scores > 0, scores / repetition, scores * repetition), scores)
        scores -= self._column(table.presence[slots]) * (counts > 0) + self._column(table.frequency[slots]) * counts
        logits[where] = scores

    def count(self, slots: np.ndarray, tokens: torch.Tensor) -> None:
        """Adds a token to each of the slots, which all have penalties."""
        rows = torch.from_numpy(self._row_of_slot[slots]).to(self._device)
        self._generated[rows, tokens] += 1

    def _column(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(self._device)[:, None]

    def _reserve(self, rows: int) -> None:
        more = rows - len(self._generated)
        if more > 0:
            self._generated = torch.cat([self._generated, self._generated.new_zeros((more, self._vocabulary))])
            self._prompted = torch.cat([self._prompted, self._prompted.new_zeros((more, self._vocabulary))])
