from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.training import tokenizer
from models.training.tokenizer import END_OF_TEXT, END_OF_TEXT_ID

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from models.training.corpus import Corpus


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=200))
def test_every_text_comes_back(small_tokenizer: Tokenizer, text: str) -> None:
    assert small_tokenizer.decode(small_tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_a_line_break_and_its_indentation_are_one_token(small_tokenizer: Tokenizer) -> None:
    pieces = small_tokenizer.encode("if x:\n    if y:\n        return\n").tokens
    assert pieces.count("Ċ" + "Ġ" * 4) == 1
    assert pieces.count("Ċ" + "Ġ" * 8) == 1


def test_the_end_of_text_is_a_token_of_its_own(small_tokenizer: Tokenizer) -> None:
    assert small_tokenizer.token_to_id(END_OF_TEXT) == END_OF_TEXT_ID
    assert small_tokenizer.encode(f"a{END_OF_TEXT}").ids[-1] == END_OF_TEXT_ID


def test_learning_is_repeatable(small_corpus: Corpus, small_tokenizer: Tokenizer) -> None:
    again = tokenizer.train(document.text for document in small_corpus.training)
    assert again.to_str() == small_tokenizer.to_str()


def test_code_is_compressed(small_corpus: Corpus, small_tokenizer: Tokenizer) -> None:
    texts = [document.text for document in small_corpus.held_out]
    tokens = sum(len(encoding.ids) for encoding in small_tokenizer.encode_batch(texts))
    assert sum(map(len, texts)) / tokens > 2.5
