"""llama.cpp through libllama's own batches, as its batched benchmark runs it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.engines import gguf_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.workloads import Workload

_BATCH_TOKENS = 512


class LlamaEngine:
    """Implements `benchmarks.peers.engine.Engine`."""

    def __init__(self, library: Any, model: Any, workload: Workload, threads: int) -> None:
        parameters = library.llama_context_default_params()
        parameters.n_ctx = workload.concurrency * -(-workload.context_tokens // 256) * 256
        parameters.n_seq_max = workload.concurrency
        parameters.n_batch = parameters.n_ubatch = _BATCH_TOKENS
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.flash_attn_type = library.LLAMA_FLASH_ATTN_TYPE_ENABLED
        self._library = library
        self._vocabulary = library.llama_vocab_n_tokens(library.llama_model_get_vocab(model))
        self._context = library.llama_init_from_model(model, parameters)
        if not self._context:
            raise RuntimeError("llama.cpp made no context")
        self._batch = library.llama_batch_init(_BATCH_TOKENS, 0, 1)

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """See `Engine.generate`."""
        library = self._library
        library.llama_memory_clear(library.llama_get_memory(self._context), True)
        texts: list[list[int]] = [[] for _ in prompts]
        pending = [
            (token, position, sequence, position == len(prompt) - 1)
            for sequence, prompt in enumerate(prompts)
            for position, token in enumerate(prompt)
        ]
        for start in range(0, len(pending), _BATCH_TOKENS):
            self._decode(pending[start : start + _BATCH_TOKENS], texts)
        for _ in range(new_tokens - 1):
            self._decode(
                [
                    (texts[sequence][-1], len(prompt) + len(texts[sequence]) - 1, sequence, True)
                    for sequence, prompt in enumerate(prompts)
                ],
                texts,
            )
        return texts

    def _decode(self, tokens: Sequence[tuple[int, int, int, bool]], texts: list[list[int]]) -> None:
        batch = self._batch
        batch.n_tokens = len(tokens)
        for row, (token, position, sequence, wanted) in enumerate(tokens):
            batch.token[row] = token
            batch.pos[row] = position
            batch.n_seq_id[row] = 1
            batch.seq_id[row][0] = sequence
            batch.logits[row] = wanted
        if self._library.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        for row, (_, _, sequence, wanted) in enumerate(tokens):
            if wanted:
                logits = self._library.llama_get_logits_ith(self._context, row)
                texts[sequence].append(int(np.ctypeslib.as_array(logits, (self._vocabulary,)).argmax()))


def load(model: Path, work: Path, workload: Workload, threads: int, variant: str) -> LlamaEngine:
    """See `Entry.load`."""
    file = work / f"{variant}.gguf"
    if not file.is_file():
        gguf_file.write(model, file, variant)
    library = importlib.import_module("llama_cpp")
    library.llama_backend_init()
    parameters = library.llama_model_default_params()
    loaded = library.llama_model_load_from_file(str(file).encode(), parameters)
    if not loaded:
        raise RuntimeError(f"llama.cpp can't load {file}")
    return LlamaEngine(library, loaded, workload, threads)
