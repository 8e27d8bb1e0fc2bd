"""What belongs to a model besides its weights."""

from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from service.engine.model_folder import read_tokenizer
from tests.service.engine.tiny_models import words

if TYPE_CHECKING:
    from pathlib import Path


def test_truncation_and_padding_that_a_tokenizer_s_file_asks_for_are_left_out(tmp_path: "Path") -> None:
    """Both are left over from training, and would change prompts without a word."""
    path = tmp_path / "tokenizer.json"
    tokenizer = words()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=6)
    tokenizer.save(str(path))
    assert len(Tokenizer.from_file(str(path)).encode("w3 w4 w5").ids) == 6

    assert read_tokenizer(tmp_path).encode("w3 w4 w5").ids == [3, 4, 5]
