"""What the engine's smaller number formats cost: the demo model's perplexity on text that it has never seen.

Every way to keep weights, activations, keys and values is compared with fp32, on the same held-out files of the
standard library (those that training left out, see `models.training.corpus`). The decoder is the engine's own: prompts
are computed into paged blocks and read from them, as a server does it.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import report
from models.training.corpus import is_held_out
from models.training.documents import documents, parse
from models.training.sources import standard_library
from service.engine.kernels.build import build
from service.engine.kernels.operations import best_operations
from service.engine.model.decoder import Decoder, PackedTokens
from service.engine.model.tensor_files import TensorFiles
from service.engine.model_folder import ModelFolder
from service.engine.reference import LinearMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODEL = Path(__file__).parents[1] / "models" / "demo-coder"
BAR = 1.01
"""Perplexity of a smaller format, in multiples of fp32's."""

_BLOCK_SIZE = 16


class Format(NamedTuple):
    """How a model is kept.

    Attributes:
        linear: weights, and what they are multiplied with.
        cache: keys and values.
    """

    linear: LinearMode
    cache: torch.dtype

    def __str__(self) -> str:
        return f"{self.linear} layers, {str(self.cache).removeprefix('torch.')} cache"


FULL = Format(LinearMode.FP32, torch.float32)
FORMATS = (
    FULL,
    Format(LinearMode.BF16, torch.bfloat16),
    Format(LinearMode.FP32, torch.int8),
    Format(LinearMode.INT8, torch.float32),
    Format(LinearMode.INT8, torch.int8),
)


def held_out_texts() -> Iterator[str]:
    """Documents of the standard library that the model wasn't trained on."""
    for name, path in standard_library().files:
        if is_held_out(name) and (source := parse(name, path.read_bytes())):
            yield from (document.text for document in documents(source))


def perplexity(folder: Path, texts: Sequence[str], kept: Format) -> float:
    """Exp of the mean loss of a token, over all tokens of all texts but each one's first.

    Args:
        folder: of the model.
        texts: each is cut where the model's context ends.
        kept: how the model is kept.
    """
    model = ModelFolder.read(folder)
    context = model.description.context_tokens
    decoder = Decoder(
        model.description,
        TensorFiles(folder),
        best_operations(),
        mode=kept.linear,
        dtype=torch.float32,
        device=torch.device("cpu"),
        context_tokens=context,
    )
    blocks = -(-context // _BLOCK_SIZE)
    cache = decoder.new_cache(blocks + 1, _BLOCK_SIZE, kept.cache)
    (end,) = model.end_token_ids
    nats, tokens = 0.0, 0
    for text in texts:
        ids = torch.tensor([*model.tokenizer.encode(text).ids, end][:context])
        logits = decoder(_whole(ids, blocks), cache)
        nats += torch.nn.functional.cross_entropy(logits[:-1].double(), ids[1:], reduction="sum").item()
        tokens += len(ids) - 1
    return math.exp(nats / tokens)


def _whole(ids: torch.Tensor, blocks: int) -> PackedTokens:
    """A step that computes one text, with the logits of every token."""
    places = torch.arange(len(ids))
    return PackedTokens(
        token_ids=ids,
        positions=places,
        kv_slots=places + _BLOCK_SIZE,  # the first block is nobody's
        query_starts=torch.tensor([0, len(ids)], dtype=torch.int32),
        context_lens=torch.tensor([len(ids)], dtype=torch.int32),
        block_tables=torch.arange(1, blocks + 1, dtype=torch.int32)[None],
        logit_rows=places,
    )


def main(arguments: Sequence[str] = ()) -> int:
    """Measure, print and write; 1 where a format misses the bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.perplexity", description=__doc__)
    parser.add_argument("--documents", type=int, default=200, help="of the held-out ones (default: %(default)s)")
    build()
    texts = list(itertools.islice(held_out_texts(), parser.parse_args(arguments).documents))
    found = {kept: perplexity(MODEL, texts, kept) for kept in FORMATS}
    ratios = {kept: value / found[FULL] for kept, value in found.items()}
    report.write(
        "perplexity",
        {
            "model": MODEL.name,
            "documents": len(texts),
            "bar": f"at most {BAR:g} times fp32's",
            "formats": {
                str(kept): {"perplexity": round(value, 4), "ratio": round(ratios[kept], 5)}
                for kept, value in found.items()
            },
        },
    )
    table = Table("format", title=f"{MODEL.name}, {len(texts)} held-out documents")
    table.add_column("perplexity", justify="right")
    table.add_column("in multiples of fp32's", justify="right")
    for kept, value in found.items():
        table.add_row(str(kept), f"{value:.4f}", f"{ratios[kept]:.5f}")
    Console().print(table)
    return 0 if max(ratios.values()) <= BAR else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
