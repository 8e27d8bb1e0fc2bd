from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.training.batches import Batches, TokenStream, encode, rows
from models.training.tokenizer import END_OF_TEXT_ID

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from models.training.corpus import Corpus


@pytest.fixture
def stream(small_tokenizer: Tokenizer, small_corpus: Corpus) -> TokenStream:
    return encode(small_tokenizer, small_corpus.training, cut_share=0.0, seed=0)


def texts(tokenizer: Tokenizer, found: TokenStream) -> list[str]:
    bounds = zip(found.starts[:-1], found.starts[1:], strict=True)
    return [tokenizer.decode(found.tokens[start : end - 1].tolist()) for start, end in bounds]


def test_every_document_is_whole_and_ended(
    stream: TokenStream, small_tokenizer: Tokenizer, small_corpus: Corpus
) -> None:
    assert texts(small_tokenizer, stream) == [document.text for document in small_corpus.training]
    assert (stream.tokens[stream.starts[1:] - 1] == END_OF_TEXT_ID).all()


def test_cutting_changes_tokens_but_no_text(
    small_tokenizer: Tokenizer, small_corpus: Corpus, stream: TokenStream
) -> None:
    cut = encode(small_tokenizer, small_corpus.training, cut_share=1.0, seed=0)
    assert texts(small_tokenizer, cut) == texts(small_tokenizer, stream)
    assert len(cut.tokens) > len(stream.tokens)


def test_rows_begin_with_a_document(stream: TokenStream) -> None:
    packed = rows(stream, context=128, seed=1)
    beginnings = {tuple(stream.tokens[start : start + 8]) for start in stream.starts[:-1]}
    assert len(packed) * 128 > 0.3 * len(stream.tokens)
    shortest = np.diff(stream.starts).min()
    assert shortest >= 8
    assert all(tuple(row[:8]) in beginnings for row in packed)


def test_a_row_goes_on_with_whole_documents_after_an_end(stream: TokenStream) -> None:
    beginnings = {tuple(stream.tokens[start : start + 4]) for start in stream.starts[:-1]}
    for row in rows(stream, context=128, seed=1):
        for place in np.flatnonzero(row[:-4] == END_OF_TEXT_ID):
            assert tuple(row[place + 1 : place + 5]) in beginnings


def test_a_step_is_the_same_batch_whatever_was_asked_before(stream: TokenStream) -> None:
    one, other = (Batches(stream, context=64, size=4, seed=3) for _ in range(2))
    steps_an_epoch = len(rows(stream, context=64, seed=3)) // 4
    late = steps_an_epoch + 2
    expected = other.at(late)
    for step in (0, late, 1, late):
        batch = one.at(step)
    assert (batch == expected).all()
    assert batch.shape == (4, 64)
    assert not (one.at(2) == expected).all()  # the second epoch has another order


def test_a_corpus_smaller_than_a_batch_is_refused() -> None:
    tiny = TokenStream(np.arange(1, 11, dtype=np.uint16), np.array([0, 10]))
    with pytest.raises(ValueError, match="less than one batch"):
        Batches(tiny, context=8, size=4, seed=0).at(0)
