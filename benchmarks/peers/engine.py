"""What a worker asks of an engine. Imports nothing but the standard library: all environments read it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.workloads import Workload


class Engine(Protocol):
    """An engine with the model in memory."""

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """Exactly that many new tokens for each prompt, greedily, all prompts at once."""
        ...


@dataclass(frozen=True)
class Entry:
    """An engine that can be measured.

    Attributes:
        module: in `benchmarks.peers.engines`; has ``load(model, work, workload, threads, variant)``.
        variant: what of the module is measured.
        precision: of weights, activations and cache.
        setup: how it was set up.
        equal: our engine whose weights are as precise, or the nearest above.
        ours: runs in the project's environment, not in the peers'.
    """

    module: str
    variant: str
    precision: str
    setup: str
    equal: str
    ours: bool = False

    def load(self, model: Path, work: Path, workload: Workload, threads: int) -> Engine:
        """Loads the model, after whatever conversion it takes (kept in ``work``)."""
        module = importlib.import_module(f"benchmarks.peers.engines.{self.module}")
        return cast("Engine", module.load(model, work, workload, threads, self.variant))


_OPENVINO = "ContinuousBatchingPipeline, dynamic split-fuse, u8 cache (its default), LATENCY hint, one stream"
_LLAMA = "libllama's batches, flash attention, one cache stream a sequence, built for this processor, f16 cache"
_PADDED = "generate(), SDPA, one left-padded batch"
_SERVED = "generate_batch(), paged SDPA: what `transformers serve --continuous-batching` runs, without its HTTP"

_ONNX = "Generator, one batch, shorter prompts filled up behind; its builder's quantisation, in blocks of 32"

_INT8, _BF16, _FP32 = "modelfleet-int8", "modelfleet-bf16", "modelfleet-fp32"

ENTRIES = {
    _INT8: Entry("modelfleet", "int8", "w8 a8, kv8", "the engine, int8 layers and cache", _INT8, ours=True),
    _BF16: Entry("modelfleet", "bf16", "w16 a32, kv16", "the engine, bf16 layers and cache", _BF16, ours=True),
    _FP32: Entry("modelfleet", "fp32", "w32 a32, kv32", "the engine, as it starts by default", _FP32, ours=True),
    "openvino-int8": Entry("openvino_genai", "int8", "w8 (per channel), kv8", _OPENVINO, _INT8),
    "openvino-fp32": Entry("openvino_genai", "fp32", "w32 a32, kv8", f"{_OPENVINO}; f32 inference", _FP32),
    "llama.cpp-q8_0": Entry("llama_cpp", "Q8_0", "w8 a8 (blocks of 32), kv16", _LLAMA, _INT8),
    "llama.cpp-f16": Entry("llama_cpp", "F16", "w16 a32, kv16", _LLAMA, _BF16),
    "transformers-fp32": Entry("transformers_generate", "float32", "w32 a32, kv32", _PADDED, _FP32),
    "transformers-bf16": Entry("transformers_generate", "bfloat16", "w16 a16, kv16", _PADDED, _BF16),
    "transformers-cb-fp32": Entry("transformers_batching", "float32", "w32 a32, kv32", _SERVED, _FP32),
    "onnxruntime-genai-int8": Entry("onnxruntime_genai", "int8", "w8 a8 (blocks of 32), kv32", _ONNX, _INT8),
    "onnxruntime-genai-int4": Entry("onnxruntime_genai", "int4", "w4 a8 (blocks of 32), kv32", _ONNX, _INT8),
    "ctranslate2-int8": Entry("ctranslate2_generator", "int8", "w8 a8, kv32", "Generator, one batch, cpu int8", _INT8),
}
