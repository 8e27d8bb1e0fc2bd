"""Decode steps as CUDA graphs: one launch for a step, where layer after layer would be hundreds.

A decode step of a small batch takes a GPU less time than Python takes to launch its kernels. A graph replays them from
one call, over the same memory each time: what changes from step to step is copied into tensors that the graph reads.
There is one graph for each of a few batch sizes; a step takes the next larger one, and its spare rows stand for a
request of one token whose key and value go to the null block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch

from service.engine.model.decoder import PackedTokens
from service.web import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.engine.int8_cache import Int8Cache
    from service.engine.model.decoder import Decoder

_log = logs.get("engine")

Compute: TypeAlias = "Callable[[], torch.Tensor]"


class Captured(NamedTuple):
    """A computation that can be repeated.

    Attributes:
        replay: does it again, over the same tensors.
        logits: what it gives, written anew by each replay.
    """

    replay: Callable[[], object]
    logits: torch.Tensor


class GraphedDecoder:
    """A decoder that replays the steps in which every request has one token. Called like a `Decoder`.

    Attributes:
        device: where it computes.
    """

    def __init__(
        self,
        decoder: Decoder,
        cache: Sequence[torch.Tensor | Int8Cache],
        *,
        most_requests: int,
        most_blocks: int,
        capture: Callable[[Compute], Captured] | None = None,
    ) -> None:
        """Captures a graph for each batch size.

        Args:
            decoder: all of whose operations run without waiting for the device (no mixture of experts).
            cache: the one that all steps have.
            most_requests: of a step.
            most_blocks: of a request.
            capture: makes a computation repeatable; by default as a CUDA graph.
        """
        self.device = decoder.device
        self._decoder = decoder
        self._cache = cache
        self._inputs = PackedTokens(
            token_ids=self._zeros(most_requests, dtype=torch.int64),
            positions=self._zeros(most_requests, dtype=torch.int64),
            kv_slots=self._zeros(most_requests, dtype=torch.int64),
            query_starts=torch.arange(most_requests + 1, dtype=torch.int32, device=self.device),
            context_lens=torch.ones(most_requests, dtype=torch.int32, device=self.device),
            block_tables=self._zeros(most_requests, most_blocks, dtype=torch.int32),
            logit_rows=torch.arange(most_requests, dtype=torch.int64, device=self.device),
        )
        capture = _CudaCapture() if capture is None else capture
        # The largest first: the others' memory then fits into what it has reserved.
        self._graphs = {rows: capture(self._step_of(rows)) for rows in reversed(batch_sizes(most_requests))}
        self._sizes = sorted(self._graphs)

    @torch.inference_mode()
    def __call__(self, step: PackedTokens, cache: Sequence[torch.Tensor | Int8Cache]) -> torch.Tensor:
        """See `Decoder.__call__`. The logits are valid until the next call."""
        requests = len(step.context_lens)
        # Which of them a step is shows in its shapes, so that nothing waits for the device.
        if cache is not self._cache or len(step.token_ids) != requests or requests > self._sizes[-1]:
            return self._decoder(step, cache)
        rows = next(size for size in self._sizes if size >= requests)
        self._fill(step, requests, rows)
        replay, logits = self._graphs[rows]
        replay()
        return logits[:requests] if len(step.logit_rows) == requests else logits[step.logit_rows]

    def _fill(self, step: PackedTokens, requests: int, rows: int) -> None:
        inputs = self._inputs
        inputs.token_ids[:requests] = step.token_ids
        inputs.positions[:requests] = step.positions
        inputs.kv_slots[:requests] = step.kv_slots
        inputs.context_lens[:requests] = step.context_lens
        inputs.block_tables[:requests, : step.block_tables.shape[1]] = step.block_tables
        # Spare rows hold what an earlier step has left, which must not be written to where it once belonged.
        inputs.kv_slots[requests:rows] = 0
        inputs.context_lens[requests:rows] = 1

    def _step_of(self, rows: int) -> Compute:
        inputs = self._inputs
        step = PackedTokens(
            token_ids=inputs.token_ids[:rows],
            positions=inputs.positions[:rows],
            kv_slots=inputs.kv_slots[:rows],
            query_starts=inputs.query_starts[: rows + 1],
            context_lens=inputs.context_lens[:rows],
            block_tables=inputs.block_tables[:rows],
            logit_rows=inputs.logit_rows[:rows],
        )
        return lambda: self._decoder(step, self._cache)

    def _zeros(self, *shape: int, dtype: torch.dtype) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype, device=self.device)


class _CudaCapture:
    """Captures CUDA graphs that share their memory: only one of them runs at a time."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, compute: Compute) -> Captured:
        # Once before, on a stream of its own: what is compiled and allocated on first use can't be captured.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            compute()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            logits = compute()
        return Captured(graph.replay, logits)


def batch_sizes(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12 and so on up to the most: no more than half of a step's rows are added to it."""
    powers = [1 << power for power in range(most.bit_length())]
    return sorted({size for power in powers for size in (power, power + power // 2) if size < most} | {most})


def graphed(
    decoder: Decoder, cache: Sequence[torch.Tensor | Int8Cache], *, most_requests: int, most_blocks: int
) -> Decoder | GraphedDecoder:
    """A CUDA decoder with graphs, where it can have them; without, it computes the same, more slowly."""
    if decoder.description.experts is not None:
        return decoder  # how many tokens go to an expert is known on the device only, and splits the step
    try:
        return GraphedDecoder(decoder, cache, most_requests=most_requests, most_blocks=most_blocks)
    except RuntimeError as error:  # too little memory, or an operation that can't be captured
        _log.warning("decoding without CUDA graphs", reason=str(error))
        return decoder
