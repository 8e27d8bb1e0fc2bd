"""transformers' own continuous batching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.workloads import Workload


class TransformersBatchingEngine:
    """Implements `benchmarks.peers.engine.Engine`."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """See `Engine.generate`."""
        config = GenerationConfig(max_new_tokens=new_tokens, do_sample=False, pad_token_id=0, eos_token_id=-1)
        results = self._model.generate_batch(
            inputs=[list(prompt) for prompt in prompts], generation_config=config, progress_bar=False
        )
        # By request id, which counts up.
        ordered = sorted(results.items(), key=lambda item: int(item[0].rsplit("_", 1)[-1]))
        return [result.generated_tokens for _, result in ordered]


def load(model: Path, _work: Path, _workload: Workload, threads: int, variant: str) -> TransformersBatchingEngine:
    """See `Entry.load`."""
    torch.set_num_threads(threads)
    loaded = AutoModelForCausalLM.from_pretrained(
        model, dtype=getattr(torch, variant), attn_implementation="paged|sdpa"
    ).eval()
    loaded.generation_config.eos_token_id = None
    return TransformersBatchingEngine(loaded)
