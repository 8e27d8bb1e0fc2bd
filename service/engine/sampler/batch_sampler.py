"""The next token of every row of a step, each by its own request's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from service.engine.interface import TokenLogprob
from service.engine.sampler.draw import Filters, draw
from service.engine.sampler.penalties import Penalties
from service.engine.sampler.philox import uniform
from service.engine.sampler.settings_table import SettingsTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.engine.interface import SamplingParams
    from service.engine.sampler.grammar import Grammars


class UnfitLogitsError(Exception):
    """A row's logits are no numbers, or rule out every token."""


@dataclass(frozen=True, slots=True)
class SlotStart:
    """What a slot's new tenant brings along.

    Attributes:
        slot: its place.
        params: its settings.
        seed: of its random numbers, 64 bits.
        choice: which of its request's choices it is.
        grammar: its grammar, compiled, if any.
        prompt: its prompt's tokens.
        generated: its tokens so far, after an interruption.
    """

    slot: int
    params: SamplingParams
    seed: int
    choice: int
    grammar: str | None
    prompt: tuple[int, ...]
    generated: tuple[int, ...]


class Sampled(NamedTuple):
    """The outcome of a step.

    Attributes:
        token_ids: one for each row.
        logprobs: of those rows that asked.
        failures: rows that can't go on, and why; their tokens mean nothing.
    """

    token_ids: list[int]
    logprobs: Mapping[int, TokenLogprob]
    failures: Mapping[int, Exception]


class BatchSampler:
    """Chooses tokens; keeps by slot what that takes."""

    def __init__(self, slots: int, vocabulary: int, device: torch.device, grammars: Grammars) -> None:
        self._device = device
        self._table = SettingsTable(slots)
        self._penalties = Penalties(slots, vocabulary, device)
        self._grammars = grammars
        self._biases: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def start(self, start: SlotStart) -> None:
        """Gives a slot to another choice."""
        params = start.params
        self._table.set(start.slot, params, seed=start.seed, choice=start.choice)
        self._penalties.start(start.slot, params, start.prompt, start.generated)
        self._grammars.start(start.slot, start.grammar, start.generated)
        self._biases.pop(start.slot, None)
        if params.logit_bias:
            tokens = torch.tensor(list(params.logit_bias), device=self._device)
            values = torch.tensor(list(params.logit_bias.values()), dtype=torch.float32, device=self._device)
            self._biases[start.slot] = tokens, values

    @torch.inference_mode()
    def sample(self, logits: torch.Tensor, slots: np.ndarray, positions: np.ndarray) -> Sampled:
        """Chooses a token for each row.

        Args:
            logits: (rows, vocabulary) float32; changed in place.
            slots: (rows,) int64, all different.
            positions: (rows,) uint64, how many tokens the choice has generated before.
        """
        table, slot_list = self._table, slots.tolist()
        asking = np.flatnonzero(table.alternatives[slots] >= 0)
        # What the model itself says, before any setting changes it.
        plain = logits[torch.from_numpy(asking).to(self._device)].log_softmax(dim=-1) if len(asking) else None
        penalised = np.flatnonzero(table.penalised(slots))
        if len(penalised):
            self._penalties.apply(logits, penalised, slots[penalised], table)
        if self._biases:
            self._add_biases(logits, slot_list)
        failures: dict[int, Exception] = dict(self._grammars.apply(logits, slot_list))
        best = logits.max(dim=-1)
        # A row with a NaN has NaN as its maximum; one in which nothing is allowed, minus infinity.
        unfit = torch.nonzero(~torch.isfinite(best.values)).flatten().tolist()
        failures |= {row: UnfitLogitsError("the logits are not finite") for row in unfit}
        tokens = best.indices
        drawing = np.flatnonzero(table.temperature[slots] > 0.0)
        if len(drawing):
            tokens[torch.from_numpy(drawing).to(self._device)] = self._draw(logits, drawing, slots, positions)
        if len(penalised):
            self._penalties.count(slots[penalised], tokens[torch.from_numpy(penalised).to(self._device)])
        token_ids = tokens.tolist()
        failures |= self._grammars.accept(slot_list, token_ids)
        logprobs = {} if plain is None else _logprobs(plain, asking, tokens, table.alternatives[slots[asking]])
        return Sampled(token_ids, logprobs, failures)

    def _draw(self, logits: torch.Tensor, rows: np.ndarray, slots: np.ndarray, positions: np.ndarray) -> torch.Tensor:
        table, drawing = self._table, slots[rows]
        filters = Filters(table.temperature[drawing], table.top_k[drawing], table.top_p[drawing], table.min_p[drawing])
        random = uniform(table.seed[drawing], table.choice[drawing], positions[rows])
        chosen = logits if len(rows) == len(logits) else logits[torch.from_numpy(rows).to(self._device)]
        return draw(chosen, filters, random)

    def _add_biases(self, logits: torch.Tensor, slots: Sequence[int]) -> None:
        for row, slot in enumerate(slots):
            if (bias := self._biases.get(slot)) is not None:
                tokens, values = bias
                logits[row, tokens] += values


def _logprobs(
    plain: torch.Tensor, rows: np.ndarray, tokens: torch.Tensor, alternatives: np.ndarray
) -> dict[int, TokenLogprob]:
    """Log-probabilities of the chosen tokens and their alternatives, by row."""
    chosen = tokens[torch.from_numpy(rows).to(tokens.device)]
    own = plain.gather(-1, chosen[:, None])[:, 0].tolist()
    top = plain.topk(min(int(alternatives.max()), plain.shape[-1]), dim=-1)
    top_tokens, top_values = top.indices.tolist(), top.values.tolist()
    return {
        row: TokenLogprob(token, logprob, tuple(zip(ids[:count], values[:count], strict=True)))
        for row, token, logprob, ids, values, count in zip(
            rows.tolist(), chosen.tolist(), own, top_tokens, top_values, alternatives.tolist(), strict=True
        )
    }
