"""CTranslate2, which generates a batch until its longest text is done."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from loadtest.reference_model import word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.workloads import Workload


class CTranslate2Engine:
    """Implements `benchmarks.peers.engine.Engine`."""

    def __init__(self, generator: Any) -> None:
        self._generator = generator

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """See `Engine.generate`."""
        results = self._generator.generate_batch(
            [[word(token) for token in prompt] for prompt in prompts],
            max_length=new_tokens,
            min_length=new_tokens,
            sampling_topk=1,
            include_prompt_in_result=False,
        )
        return [list(result.sequences_ids[0]) for result in results]


def load(model: Path, work: Path, _workload: Workload, threads: int, variant: str) -> CTranslate2Engine:
    """See `Entry.load`."""
    library = importlib.import_module("ctranslate2")
    converted = work / f"ctranslate2-{variant}"
    if not converted.is_dir():
        staged = converted.with_suffix(".part")
        converters = importlib.import_module("ctranslate2.converters")
        converters.TransformersConverter(str(model)).convert(str(staged), quantization=variant, force=True)
        staged.rename(converted)
    return CTranslate2Engine(
        library.Generator(str(converted), device="cpu", compute_type=variant, intra_threads=threads, inter_threads=1)
    )
