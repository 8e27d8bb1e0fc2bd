"""OpenVINO GenAI: its continuous batching over a model that Optimum converted."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.workloads import Workload


_TOKENIZER = Path(__file__).parents[3] / "models" / "demo-coder"


class OpenVinoEngine:
    """Implements `benchmarks.peers.engine.Engine`."""

    def __init__(self, pipeline: Any) -> None:
        self._genai = importlib.import_module("openvino_genai")
        self._tensor = importlib.import_module("openvino").Tensor
        self._pipeline = pipeline

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """See `Engine.generate`."""
        config = self._genai.GenerationConfig(
            max_new_tokens=new_tokens, min_new_tokens=new_tokens, ignore_eos=True, do_sample=False
        )
        tensors = [self._tensor(np.array([prompt], np.int64)) for prompt in prompts]
        results = self._pipeline.generate(tensors, [config] * len(prompts))
        return [list(result.m_generation_ids[0]) for result in results]


def load(model: Path, work: Path, workload: Workload, threads: int, variant: str) -> OpenVinoEngine:
    """See `Entry.load`."""
    converted = work / f"openvino-{variant}"
    if not converted.is_dir():
        _convert(model, converted, variant)
    genai = importlib.import_module("openvino_genai")
    scheduler = genai.SchedulerConfig()
    scheduler.max_num_seqs = workload.concurrency
    scheduler.max_num_batched_tokens = 512
    scheduler.cache_size = 1
    scheduler.enable_prefix_caching = False
    properties: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    if variant == "fp32":
        properties["INFERENCE_PRECISION_HINT"] = "f32"
    pipeline = genai.ContinuousBatchingPipeline(str(converted), scheduler, "CPU", properties)
    return OpenVinoEngine(pipeline)


def _convert(model: Path, converted: Path, variant: str) -> None:
    """Optimum's own conversion. The prompts are token ids, but the pipeline wants a tokenizer: any will do."""
    staged = converted.with_suffix(".part")
    shutil.rmtree(staged, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        for file in (*model.iterdir(), *_TOKENIZER.glob("tokenizer*.json")):
            (source / file.name).unlink(missing_ok=True)
            (source / file.name).symlink_to(file)
        program = Path(sys.executable).with_name("optimum-cli")
        task = ("--task", "text-generation-with-past", "--weight-format", variant)
        subprocess.run([program, "export", "openvino", "--model", source, *task, staged], check=True, stdout=sys.stderr)
    staged.rename(converted)
