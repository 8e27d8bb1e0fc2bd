"""A runner for models that pool: each text is read once, and its hidden states become one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from service.engine.local_runner import packed_tokens
from service.engine.model.pooling import PoolingMode
from service.engine.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.engine.int8_cache import Int8Cache
    from service.engine.model.decoder import Decoder
    from service.engine.step import Step


class UnfitStatesError(Exception):
    """A text's hidden states are no numbers."""


class PoolingRunner:
    """Implements `service.engine.step.Runner`.

    A long text comes in several steps, so what is pooled over more than its last token is summed by slot. A sum begins
    where the text does: nothing of such a text may come from the prefix cache, which keeps no hidden states. A step may
    be run again, so each slot keeps the sum before its last part too, and where that part began.
    """

    def __init__(
        self, decoder: Decoder, mode: PoolingMode, cache: Sequence[torch.Tensor | Int8Cache], *, slots: int
    ) -> None:
        """Joins a model without a head and its empty cache (see `Decoder.new_cache`).

        Args:
            decoder: the model.
            mode: what is pooled.
            cache: for the model.
            slots: places for texts.
        """
        self._decoder = decoder
        self._mode = mode
        self._cache = cache
        size = (slots, decoder.description.hidden_size)
        self._sums = torch.zeros(size, dtype=torch.float32, device=decoder.device)
        self._sums_before = torch.zeros_like(self._sums)
        self._began_at = [0] * slots

    def run(self, step: Step) -> list[Outcome]:
        """See `Runner.run`."""
        states = self._decoder.hidden_states(packed_tokens(step, self._decoder.device), self._cache).float()
        for slot, first, last, length in zip(
            step.slots, step.query_starts, step.query_starts[1:], step.context_lens, strict=False
        ):
            begins = length == last - first
            match self._mode:
                case PoolingMode.LAST:
                    self._sums[slot] = states[last - 1]
                case PoolingMode.CLS if begins:
                    self._sums[slot] = states[first]
                case PoolingMode.MEAN:
                    self._add(int(slot), states[first:last].sum(dim=0), first_position=int(length - (last - first)))
        ends = {int(row): int(length) for row, length in zip(step.query_starts[1:] - 1, step.context_lens, strict=True)}
        lengths = [ends[int(row)] for row in step.logit_rows]
        return [self._outcome(int(slot), length) for slot, length in zip(step.sampled_slots, lengths, strict=True)]

    def _add(self, slot: int, part: torch.Tensor, *, first_position: int) -> None:
        """Adds a part to a text's sum, or replaces it where the same part was added already."""
        if first_position == 0:
            self._sums_before[slot] = 0.0
        elif first_position != self._began_at[slot]:
            self._sums_before[slot] = self._sums[slot]
        self._began_at[slot] = first_position
        self._sums[slot] = self._sums_before[slot] + part

    def _outcome(self, slot: int, length: int) -> Outcome:
        pooled = self._sums[slot] / length if self._mode is PoolingMode.MEAN else self._sums[slot]
        if not torch.isfinite(pooled).all():
            return Outcome((), failure=UnfitStatesError("the hidden states are no numbers"))
        # A copy: the slot has its next text soon.
        return Outcome((), embedding=pooled.cpu().numpy().copy())
