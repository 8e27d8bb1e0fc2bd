"""ONNX Runtime GenAI, over a model that its own builder converted."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest.reference_model import END_TOKEN_ID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.workloads import Workload


class OnnxRuntimeEngine:
    """Implements `benchmarks.peers.engine.Engine`."""

    def __init__(self, library: Any, model: Any) -> None:
        self._library = library
        self._model = model

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """See `Engine.generate`. It batches prompts of one length only: shorter ones are filled up behind."""
        longest = max(map(len, prompts))
        rows = [[*prompt, *[END_TOKEN_ID] * (longest - len(prompt))] for prompt in prompts]
        parameters = self._library.GeneratorParams(self._model)
        # Without the least length a text would end with its first end token.
        length = longest + new_tokens
        parameters.set_search_options(
            batch_size=len(prompts), max_length=length, min_length=length, do_sample=False, num_beams=1
        )
        generator = self._library.Generator(self._model, parameters)
        generator.append_tokens(np.array(rows, np.int32))
        for _ in range(new_tokens):
            generator.generate_next_token()
        return [generator.get_sequence(row)[longest:].tolist() for row in range(len(prompts))]


def load(model: Path, work: Path, _workload: Workload, threads: int, variant: str) -> OnnxRuntimeEngine:
    """See `Entry.load`."""
    library = importlib.import_module("onnxruntime_genai")
    converted = work / f"onnxruntime-{variant}"
    if not converted.is_dir():
        staged = converted.with_suffix(".part")
        shutil.rmtree(staged, ignore_errors=True)
        builder = (sys.executable, "-m", "onnxruntime_genai.models.builder")
        arguments = ("--input", model, "--output", staged, "--precision", variant, "--execution_provider", "cpu")
        subprocess.run([*builder, *arguments, "--cache_dir", work / "onnxruntime-cache"], check=True, stdout=sys.stderr)
        staged.rename(converted)
    config = library.Config(str(converted))
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}))
    return OnnxRuntimeEngine(library, library.Model(config))
