"""Detokenising and stop strings: what a stream shows is what the whole text would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from service.engine.detokenizer import IncrementalDetokenizer
from service.engine.stop_strings import StopStrings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(model_folder / "tokenizer.json"))


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=60))
def test_pieces_add_up_to_the_text(tokenizer: Tokenizer, text: str) -> None:
    detokenizer = IncrementalDetokenizer(tokenizer.decode)
    pieces = [detokenizer.push(token) for token in tokenizer.encode(text).ids]
    assert "".join(pieces) + detokenizer.flush() == text
    assert not any("\ufffd" in piece for piece in pieces)


@given(st.lists(st.integers(1, 383), max_size=80))
def test_any_tokens_give_the_text_of_the_whole(tokenizer: Tokenizer, tokens: list[int]) -> None:
    detokenizer = IncrementalDetokenizer(tokenizer.decode)
    text = "".join(detokenizer.push(token) for token in tokens) + detokenizer.flush()
    # Where bytes form no characters, the borders between replacement characters may fall elsewhere.
    assert text.replace("\ufffd", "") == tokenizer.decode(tokens).replace("\ufffd", "")


_LETTERS = st.text(alphabet="ab\n", max_size=30)


@given(_LETTERS, st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_stop_strings_are_found_across_pieces_and_never_shown(text: str, stop: list[str], data: st.DataObject) -> None:
    stops = StopStrings(tuple(stop))
    shown, rest = "", text
    while rest and not stops.stopped:
        size = data.draw(st.integers(1, len(rest)))
        shown, rest = shown + stops.push(rest[:size]), rest[size:]
        # What is out is never taken back, and never holds a stop string or the beginning of the one that comes.
        assert text.startswith(shown)
        assert not any(string in shown for string in stop)
    if stops.stopped:
        assert any(text[len(shown) :].startswith(string) for string in stop)
    else:
        assert not any(string in text for string in stop)
        assert shown + stops.flush() == text


def test_without_stop_strings_nothing_is_held_back() -> None:
    assert StopStrings(()).push("text") == "text"
