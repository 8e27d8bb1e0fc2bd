"""A runner in the engine's own process: one decoder, its cache and its sampler on one device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from service.engine.model.decoder import PackedTokens
from service.engine.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from service.engine.int8_cache import Int8Cache
    from service.engine.kernels.cuda_graphs import GraphedDecoder
    from service.engine.model.decoder import Decoder
    from service.engine.sampler.batch_sampler import BatchSampler
    from service.engine.step import Step


class LocalRunner:
    """Implements `service.engine.step.Runner`."""

    def __init__(
        self, decoder: Decoder | GraphedDecoder, sampler: BatchSampler, cache: Sequence[torch.Tensor | Int8Cache]
    ) -> None:
        """Joins a model, what chooses its tokens, and its empty cache (see `Decoder.new_cache`)."""
        self._decoder = decoder
        self._sampler = sampler
        self._cache = cache

    def run(self, step: Step) -> list[Outcome]:
        """See `Runner.run`."""
        for start in step.starts:
            self._sampler.start(start)
        logits = self._decoder(packed_tokens(step, self._decoder.device), self._cache)
        if not len(step.sampled_slots):
            return []
        token_ids, logprobs, failures = self._sampler.sample(logits, step.sampled_slots, step.sampled_positions)
        if not failures and not logprobs:
            return [Outcome((token,)) for token in token_ids]
        return [
            Outcome((), None, failures[row])
            if row in failures
            else Outcome((token,), (logprobs[row],) if row in logprobs else None)
            for row, token in enumerate(token_ids)
        ]


def packed_tokens(step: Step, device: torch.device) -> PackedTokens:
    """A step's arrays as tensors on a device."""

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    return PackedTokens(
        token_ids=tensor(step.token_ids),
        positions=tensor(step.positions),
        kv_slots=tensor(step.kv_slots),
        query_starts=tensor(step.query_starts),
        context_lens=tensor(step.context_lens),
        block_tables=tensor(step.block_tables),
        logit_rows=tensor(step.logit_rows),
    )
