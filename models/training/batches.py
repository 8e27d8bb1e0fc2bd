"""Documents as rows of tokens: each row begins with a document's first token and is full to the last place.

What doesn't fit at a row's end is left out (the next epoch packs anew), so no step computes padding and position 0
is where a document starts, as in a request.
"""

from __future__ import annotations

import bisect
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.training.tokenizer import END_OF_TEXT_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from models.training.documents import Document

CUT_SHARE = 0.25
"""Documents that are encoded as two texts, cut at a random character or just after a line break: a prompt may end
anywhere, also where the tokenizer would not have ended a token."""
_ENCODE_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class TokenStream:
    """Encoded documents one after the other, each ended by the end-of-text token."""

    tokens: NDArray[np.uint16]
    starts: NDArray[np.int64]
    """Where each document begins in `tokens`; one entry more than documents, the last is the length."""


def encode(tokenizer: Tokenizer, found: Sequence[Document], *, cut_share: float, seed: int) -> TokenStream:
    """Encode documents in their order; `cut_share` of them as two texts (see `CUT_SHARE`)."""
    chooser = random.Random(seed)  # noqa: S311  a choice, no secret
    pieces: list[tuple[str, str]] = []
    for document in found:
        text = document.text
        cut = len(text)
        if chooser.random() < cut_share:
            cut = chooser.randrange(1, len(text))
            if chooser.random() < 0.5:
                cut = text.find("\n", cut) + 1 or len(text)
        pieces.append((text[:cut], text[cut:]))
    tokens: list[NDArray[np.uint16]] = []
    starts = [0]
    for first in range(0, len(pieces), _ENCODE_AT_ONCE):
        some = pieces[first : first + _ENCODE_AT_ONCE]
        heads = tokenizer.encode_batch_fast([head for head, _ in some])
        tails = tokenizer.encode_batch_fast([tail for _, tail in some])
        for head, tail in zip(heads, tails, strict=True):
            tokens.append(np.array([*head.ids, *tail.ids, END_OF_TEXT_ID], dtype=np.uint16))
            starts.append(starts[-1] + len(tokens[-1]))
    return TokenStream(np.concatenate(tokens), np.array(starts, dtype=np.int64))


def rows(stream: TokenStream, *, context: int, seed: int) -> NDArray[np.uint16]:
    """All documents in the order that the seed gives, packed as [rows, context]."""
    order = np.random.default_rng(seed).permutation(len(stream.starts) - 1)
    packed: list[NDArray[np.uint16]] = []
    row = np.empty(context, dtype=np.uint16)
    filled = 0
    for document in order:
        start, end = stream.starts[document], stream.starts[document + 1]
        taken = min(int(end - start), context - filled)
        row[filled : filled + taken] = stream.tokens[start : start + taken]
        filled += taken
        if filled == context:
            packed.append(row)
            row, filled = np.empty(context, dtype=np.uint16), 0
    return np.stack(packed) if packed else np.empty((0, context), dtype=np.uint16)


class Batches:
    """The training rows by step: epoch after epoch, each packed by its own seed; the same step is the same batch."""

    def __init__(self, stream: TokenStream, *, context: int, size: int, seed: int) -> None:
        self._stream, self._context, self._size, self._seed = stream, context, size, seed
        self._first_steps = [0]
        self._epoch = -1
        self._rows = np.empty((0, context), dtype=np.uint16)

    def at(self, step: int) -> NDArray[np.int64]:
        """Batch of one step, [size, context].

        Raises:
            ValueError: when the corpus doesn't fill one batch.
        """
        while step >= self._first_steps[-1]:
            self._load(len(self._first_steps) - 1)
            if len(self._rows) < self._size:
                raise ValueError(f"the corpus gives {len(self._rows)} rows, less than one batch of {self._size}")
            self._first_steps.append(self._first_steps[-1] + len(self._rows) // self._size)
        epoch = bisect.bisect_right(self._first_steps, step) - 1
        self._load(epoch)
        first = (step - self._first_steps[epoch]) * self._size
        return self._rows[first : first + self._size].astype(np.int64)

    def _load(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._rows = rows(self._stream, context=self._context, seed=self._seed + epoch)
            self._epoch = epoch
