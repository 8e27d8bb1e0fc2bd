"""Measuring a finished model on text it has never seen: perplexity, prefixes that parse, sample completions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

from models.training import prefixes, prompts
from models.training.results import PrefixRecord, SampleRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.training.completion import Completer
    from models.training.documents import Document

Reporter = Callable[[int, int], None]
"""Told (done, in all)."""

PREFIXES = 100
_BATCH_TOKENS = 4_096
_IGNORED = -100


@dataclass(frozen=True, slots=True)
class Loss:
    """Sum of the losses of all tokens but each document's first, end of text included."""

    nats: float
    tokens: int
    bytes: int

    @property
    def perplexity(self) -> float:
        """Exp of the mean loss of a token."""
        return math.exp(self.nats / self.tokens)

    @property
    def bits_per_byte(self) -> float:
        """Comparable between tokenizers."""
        return self.nats / math.log(2) / self.bytes


@torch.inference_mode()
def loss(completer: Completer, found: Sequence[Document], progress: Reporter) -> Loss:
    """Loss over documents, each alone in the context and cut at its end.

    Args:
        completer: model and tokenizer.
        found: what to measure on.
        progress: told (documents done, documents in all).
    """
    encoded = sorted(
        (
            [*completer.tokenizer(one.text, verbose=False).input_ids, completer.end][: completer.context]
            for one in found
        ),
        key=len,
    )
    size = sum(len(one.text.encode()) for one in found)
    nats, tokens, done = 0.0, 0, 0
    while done < len(encoded):
        count = max(1, _BATCH_TOKENS // len(encoded[done]))
        rows = encoded[done : done + count]
        width = max(map(len, rows))
        ids = torch.tensor([row + [completer.end] * (width - len(row)) for row in rows])
        targets = torch.tensor([row[1:] + [_IGNORED] * (width - len(row)) for row in rows])
        logits: Any = completer.model(input_ids=ids).logits[:, :-1]
        nats += cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction="sum").item()
        tokens += int((targets != _IGNORED).sum())
        done += len(rows)
        progress(done, len(encoded))
    return Loss(nats, tokens, size)


def prefix_records(completer: Completer, held_out: Sequence[Document], progress: Reporter) -> list[PrefixRecord]:
    """Complete `PREFIXES` held-out functions greedily; nothing is cut or repaired before parsing."""
    chosen = prefixes.choose(held_out, PREFIXES)
    records: list[PrefixRecord] = []
    for document, text in chosen:
        made = completer.complete(text)
        records.append(
            PrefixRecord(origin=document.origin, completion_tokens=made.tokens, ended=made.ended, parses=made.parses())
        )
        progress(len(records), len(chosen))
    return records


def sample_records(completer: Completer, progress: Reporter) -> list[SampleRecord]:
    """Complete the card's prompts greedily."""
    records: list[SampleRecord] = []
    for prompt in prompts.SAMPLES:
        made = completer.complete(prompt)
        records.append(SampleRecord(prompt=prompt, completion=made.text, ended=made.ended, parses=made.parses()))
        progress(len(records), len(prompts.SAMPLES))
    return records
