"""The smaller number formats cost the demo model next to nothing on text that it has never seen."""

from __future__ import annotations

import functools
import itertools
import math

import pytest

from benchmarks.perplexity import BAR, FORMATS, FULL, MODEL, held_out_texts, perplexity

_DOCUMENTS = 24


@functools.cache
def texts() -> tuple[str, ...]:
    return tuple(itertools.islice(held_out_texts(), _DOCUMENTS))


@functools.cache
def full() -> float:
    return perplexity(MODEL, texts(), FULL)


def test_the_model_knows_the_language() -> None:
    assert len(texts()) == _DOCUMENTS
    assert 2 < full() < 20  # of 4,096 tokens


@pytest.mark.parametrize("kept", FORMATS[1:], ids=str)
def test_perplexity_stays(kept: object) -> None:
    assert isinstance(kept, type(FULL))
    found = perplexity(MODEL, texts(), kept)
    assert not math.isclose(found, full(), rel_tol=1e-9)  # it is another arithmetic
    assert found / full() <= BAR
