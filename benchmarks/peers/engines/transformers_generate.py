"""transformers' own generate, over a left-padded batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.workloads import Workload


class TransformersEngine:
    """Implements `benchmarks.peers.engine.Engine`."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """See `Engine.generate`."""
        longest = max(map(len, prompts))
        tokens = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        config = GenerationConfig(
            max_new_tokens=new_tokens, min_new_tokens=new_tokens, do_sample=False, pad_token_id=0, eos_token_id=None
        )
        with torch.inference_mode():
            output = self._model.generate(tokens, attention_mask=mask, generation_config=config)
        return output[:, longest:].tolist()


def load(model: Path, _work: Path, _workload: Workload, threads: int, variant: str) -> TransformersEngine:
    """See `Entry.load`."""
    torch.set_num_threads(threads)
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, variant)).eval()
    loaded.generation_config.eos_token_id = None
    return TransformersEngine(loaded)
