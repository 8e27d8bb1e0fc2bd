"""The engine's kernels against torch's own on this processor: how many times as fast, shape by shape.

The shapes are those of an 88-million-parameter decoder (hidden 768, 12 layers, 12 heads of 64, 4 key heads,
intermediate 2048, vocabulary 16384), with as many rows as a decode step of 1 to 128 requests or a piece of a prompt
has. The peers compute the same at the same precision: torch's fp32 and bf16 linear layers, its dynamically quantised
int8 layer, and attention over gathered blocks by its scaled_dot_product_attention. Ours and theirs run in turn, so
that both have the same of what else the machine does; every figure is the median of several rounds.
With `--shared-machine`, one thread's processor time is compared.
"""

from __future__ import annotations

import functools
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.ao.nn.quantized.dynamic import Linear as QuantisedLinear
from torch.nn import functional

from benchmarks import report
from service.engine import reference
from service.engine.kernels import native
from service.engine.kernels.build import build
from service.engine.kernels.operations import native_operations
from service.engine.reference import LinearMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.engine.operations import Operations

ROUNDS = 5
ROUND_S = 0.02
"""A round repeats a call until it took about this long: far more than the clock's resolution."""

ROWS = (1, 8, 32, 128, 512)
LAYERS = 12
HEADS, KV_HEADS, HEAD_DIM, BLOCK_SIZE = 12, 4, 64, 16


@dataclass(frozen=True)
class Shape:
    """A linear layer, and how often the model has it."""

    name: str
    inputs: int
    outputs: int
    count: int


SHAPES = (
    Shape("qkv", 768, 1280, LAYERS),
    Shape("attention output", 768, 768, LAYERS),
    Shape("gate and up", 768, 4096, LAYERS),
    Shape("down", 2048, 768, LAYERS),
    Shape("head", 768, 16384, 1),
)


class Comparison:
    """Runs ours and theirs in turn."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def __call__(self, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
        """Median seconds of a call of each."""
        repeats = [max(1, round(ROUND_S / max(self._seconds(which, 1), 1e-7))) for which in (ours, theirs)]
        samples: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for which, count, into in zip((ours, theirs), repeats, samples, strict=True):
                into.append(self._seconds(which, count))
        return statistics.median(samples[0]), statistics.median(samples[1])

    def _seconds(self, call: Callable[[], Any], count: int) -> float:
        call()  # caches and threads are warm
        start = self._clock()
        for _ in range(count):
            call()
        return (self._clock() - start) / count


def main(*, shared_machine: bool = False) -> int:
    """Measure, print and write.

    Args:
        shared_machine: other programs compete for the processor: compare one thread's processor time, which doesn't
            run while the thread waits for its turn. By default, all threads and the wall's clock.
    """
    if shared_machine:
        torch.set_num_threads(1)
    compare = Comparison(time.thread_time if shared_machine else time.perf_counter)
    library = native.load(build())
    operations = native_operations(library=library)
    torch.manual_seed(0)
    with torch.inference_mode():
        linear = {mode.value: _linear_ratios(compare, operations, mode) for mode in LinearMode}
        attention = _attention_ratios(compare, operations)
        elementwise = _elementwise_ratios(compare, operations)
    file = report.write(
        "kernels",
        {
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "clock": "processor time, as the machine was shared" if shared_machine else "wall",
            "variant": next(iter(library.variants)),
            "rounds": ROUNDS,
            "ratio": "torch's time / ours: above 1, ours is faster",
            "peers": {
                "fp32": "torch.nn.functional.linear, fp32",
                "bf16": "torch.nn.functional.linear, bf16 (without AVX512-BF16 ours keeps activations in fp32)",
                "int8": f"torch.ao dynamic quantised linear, engine {torch.backends.quantized.engine}",
                "attention": "gathered blocks, scaled_dot_product_attention, fp32",
                "elementwise": "torch, fp32",
            },
            "linear": linear,
            "attention": attention,
            "elementwise": elementwise,
        },
    )
    print(f"torch's time / ours, all linear layers of the model; {file}")  # noqa: T201
    for mode, figures in linear.items():
        ratios = (f"{rows} rows {found['model']['ratio']}x" for rows, found in figures.items())
        print(f"{mode}: {', '.join(ratios)}")  # noqa: T201
    for name, found in (*attention.items(), *elementwise.items()):
        print(f"{name}: {found['ratio']}x")  # noqa: T201
    return 0


def _linear_ratios(compare: Comparison, operations: Operations, mode: LinearMode) -> Mapping[str, Any]:
    """For each number of rows: each layer's times, and those of all layers that a step runs."""
    found: dict[str, dict[str, Any]] = {str(rows): {} for rows in ROWS}
    totals = {str(rows): [0.0, 0.0] for rows in ROWS}
    for shape in SHAPES:
        weight = torch.randn(shape.outputs, shape.inputs) / shape.inputs**0.5
        ours, theirs = operations.prepare_linear(weight, None, mode), _torch_linear(weight, mode)
        for rows in ROWS:
            x = torch.randn(rows, shape.inputs)
            x_of_torch = x.bfloat16() if mode is LinearMode.BF16 else x
            ours_s, theirs_s = compare(functools.partial(ours, x), functools.partial(theirs, x_of_torch))
            found[str(rows)][shape.name] = _figures(ours_s, theirs_s)
            totals[str(rows)][0] += shape.count * ours_s
            totals[str(rows)][1] += shape.count * theirs_s
    for rows, (ours_s, theirs_s) in totals.items():
        found[rows]["model"] = _figures(ours_s, theirs_s)
    return found


def _torch_linear(weight: torch.Tensor, mode: LinearMode) -> Callable[[torch.Tensor], torch.Tensor]:
    if mode is LinearMode.INT8:
        scales = weight.abs().amax(dim=1).double() / 127
        zeros = torch.zeros(len(scales), dtype=torch.int64)
        layer = QuantisedLinear(weight.shape[1], weight.shape[0], bias_=False)
        layer.set_weight_bias(torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8), None)
        return layer.__call__
    stored = weight.bfloat16() if mode is LinearMode.BF16 else weight
    return lambda x: functional.linear(x, stored)


def _attention_ratios(compare: Comparison, operations: Operations) -> Mapping[str, Any]:
    return {
        name: _figures(
            *compare(
                *(
                    functools.partial(which, *_batch(queries, lengths), scale=HEAD_DIM**-0.5)
                    for which in (operations.paged_attention, reference.paged_attention)
                )
            )
        )
        for name, queries, lengths in (
            ("attention, 32 requests decode at 150 to 250 tokens", 1, [150 + 3 * i for i in range(32)]),
            ("attention, 1 request decodes at 200 tokens", 1, [200]),
            ("attention, 1 request decodes at 4000 tokens", 1, [4000]),
            ("attention, a prompt of 128 tokens", 128, [128]),
            ("attention, a prompt's last 512 of 2048 tokens", 512, [2048]),
        )
    }


def _batch(queries: int, lengths: list[int]) -> tuple[torch.Tensor, ...]:
    counts = [-(-length // BLOCK_SIZE) for length in lengths]
    order = torch.randperm(sum(counts)).int()
    tables = torch.zeros((len(lengths), max(counts)), dtype=torch.int32)
    for row, count in enumerate(counts):
        tables[row, :count] = order[sum(counts[:row]) :][:count]
    return (
        torch.randn(queries * len(lengths), HEADS, HEAD_DIM),
        torch.randn(2, len(order), KV_HEADS, BLOCK_SIZE, HEAD_DIM),
        tables,
        torch.tensor(lengths, dtype=torch.int32),
        torch.arange(len(lengths) + 1, dtype=torch.int32) * queries,
    )


def _elementwise_ratios(compare: Comparison, operations: Operations) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for rows in (1, 32, 512):
        x, weight, gate_up = torch.randn(rows, 768), torch.randn(768), torch.randn(rows, 4096)
        qkv, angles = torch.randn(rows, HEADS + 2 * KV_HEADS, HEAD_DIM), torch.randn(rows, HEAD_DIM // 2)
        q, k, v = qkv.split((HEADS, KV_HEADS, KV_HEADS), dim=1)
        cache, slots = torch.zeros(2, 64, KV_HEADS, BLOCK_SIZE, HEAD_DIM), torch.randperm(64 * BLOCK_SIZE)[:rows]
        for name, ours, theirs, arguments in (
            ("rms_norm", operations.rms_norm, reference.rms_norm, (x, weight, 1e-6)),
            ("rope", operations.rope, reference.rope, (q, k, angles.cos(), angles.sin())),
            ("silu_mul", operations.silu_mul, reference.silu_mul, (gate_up,)),
            ("store_kv", operations.store_kv, reference.store_kv, (k, v, cache, slots)),
        ):
            seconds = compare(functools.partial(ours, *arguments), functools.partial(theirs, *arguments))
            found[f"{name}, {rows} rows"] = _figures(*seconds)
    return found


def _figures(ours_s: float, theirs_s: float) -> Mapping[str, float]:
    return {
        "ours_us": round(ours_s * 1e6, 1),
        "torch_us": round(theirs_s * 1e6, 1),
        "ratio": round(theirs_s / ours_s, 2),
    }


if __name__ == "__main__":
    sys.exit(main(shared_machine="--shared-machine" in sys.argv))
