"""One step between the scheduler and whatever computes it: plain arrays, fit to travel to another process."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from service.engine.block_pool import NULL_BLOCK
from service.engine.interface import SamplingParams
from service.engine.sampler.batch_sampler import SlotStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from service.engine.interface import TokenLogprob
    from service.engine.request import Choice
    from service.engine.scheduler import Share


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be computed; the arrays' meaning is that of `PackedTokens`.

    Attributes:
        starts: slots that have a new tenant.
        slots: (requests,) int64: each one's slot.
        token_ids: (tokens,) int64.
        positions: (tokens,) int64.
        kv_slots: (tokens,) int64.
        query_starts: (requests + 1,) int32.
        context_lens: (requests,) int32.
        block_tables: (requests, most blocks) int32.
        logit_rows: (sampled,) int64: tokens after which the next one is wanted.
        sampled_slots: (sampled,) int64: their slots.
        sampled_positions: (sampled,) uint64: how many tokens each has generated before.
    """

    starts: tuple[SlotStart, ...]
    slots: NDArray[np.int64]
    token_ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    kv_slots: NDArray[np.int64]
    query_starts: NDArray[np.int32]
    context_lens: NDArray[np.int32]
    block_tables: NDArray[np.int32]
    logit_rows: NDArray[np.int64]
    sampled_slots: NDArray[np.int64]
    sampled_positions: NDArray[np.uint64]


class Outcome(NamedTuple):
    """What came of a choice whose next token was wanted.

    Attributes:
        token_ids: its next tokens; several where a step yields several.
        logprobs: one for each, where asked for.
        failure: why it can't go on; it has no tokens then.
        embedding: (hidden_size,) float32: its pooled hidden state, of a model that pools; it has no tokens then.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] | None = None
    failure: Exception | None = None
    embedding: NDArray[np.float32] | None = None


class Runner(Protocol):
    """Computes steps; may be one of several processes that each hold a part of the model."""

    def run(self, step: Step) -> list[Outcome]:
        """Computes a step; one outcome for each sampled row. A step may be run again, whole or in parts."""
        ...


class StepBuilder:
    """Packs shares into steps. Keeps the block tables by slot, so that a step only adds what is new."""

    def __init__(self, *, slots: int, block_size: int, most_blocks: int) -> None:
        """Makes a builder.

        Args:
            slots: places for choices.
            block_size: positions of a block.
            most_blocks: of one choice.
        """
        self._block_size = block_size
        self._written = [0] * slots
        self._tables = np.full((slots, most_blocks), NULL_BLOCK, np.int32)

    def build(self, shares: Sequence[Share], *, fresh: bool = False) -> Step:
        """The step of these shares.

        Args:
            shares: at least one.
            fresh: introduce every slot anew, as after a step that failed half-way.
        """
        for share in shares:
            self._write_table(share)
        choices = [share.choice for share in shares]
        counts = np.array([share.count for share in shares])
        before = np.array([choice.computed for choice in choices])
        slots = np.array([choice.slot for choice in choices])
        ends = counts.cumsum()
        tables = self._tables[slots, : max(len(choice.blocks) for choice in choices)]
        row_of_token = np.repeat(np.arange(len(shares)), counts)
        positions = np.arange(ends[-1]) + np.repeat(before - (ends - counts), counts)
        size = self._block_size
        sampled = np.flatnonzero([share.samples for share in shares])
        return Step(
            starts=tuple(_slot_start(share.choice) for share in shares if share.starts or fresh),
            slots=slots,
            token_ids=np.fromiter(itertools.chain.from_iterable(map(_tokens, shares)), np.int64, count=ends[-1]),
            positions=positions,
            kv_slots=tables[row_of_token, positions // size].astype(np.int64) * size + positions % size,
            query_starts=np.concatenate(([0], ends)).astype(np.int32),
            context_lens=(before + counts).astype(np.int32),
            block_tables=tables,
            logit_rows=ends[sampled] - 1,
            sampled_slots=slots[sampled],
            sampled_positions=np.array([choices[row].generated for row in sampled], np.uint64),
        )

    def probe(self, share: Share) -> Step:
        """A step that nothing can be wrong with: one plain token, in the place of a share that is given up.

        Args:
            share: has failed. The block that it was to write next is overwritten, which nobody else holds.
        """
        choice = share.choice
        block = choice.blocks[choice.computed // self._block_size]
        return Step(
            starts=(SlotStart(choice.slot, SamplingParams(temperature=0.0), 0, 0, None, (0,), ()),),
            slots=np.array([choice.slot]),
            token_ids=np.zeros(1, np.int64),
            positions=np.zeros(1, np.int64),
            kv_slots=np.array([block * self._block_size]),
            query_starts=np.array([0, 1], np.int32),
            context_lens=np.ones(1, np.int32),
            block_tables=np.array([[block]], np.int32),
            logit_rows=np.zeros(1, np.int64),
            sampled_slots=np.array([choice.slot]),
            sampled_positions=np.zeros(1, np.uint64),
        )

    def _write_table(self, share: Share) -> None:
        choice = share.choice
        if share.starts:
            self._tables[choice.slot] = NULL_BLOCK
            self._written[choice.slot] = 0
        if (written := self._written[choice.slot]) < len(choice.blocks):
            self._tables[choice.slot, written : len(choice.blocks)] = choice.blocks[written:]
            self._written[choice.slot] = len(choice.blocks)


def _tokens(share: Share) -> Sequence[int]:
    computed = share.choice.computed
    return share.choice.tokens[computed : computed + share.count]


def _slot_start(choice: Choice) -> SlotStart:
    request = choice.request
    prompt = request.asked.prompt_token_ids
    return SlotStart(
        slot=choice.slot,
        params=request.asked.sampling,
        seed=request.seed,
        choice=choice.index,
        grammar=request.grammar,
        prompt=prompt,
        generated=tuple(choice.tokens[len(prompt) :]),
    )
