"""A byte-level BPE tokenizer for Python, small because every token of vocabulary costs CPU time in the softmax.

The pre-tokenizer decides what may become one token: a line break together with the indentation after it (so most
lines begin with exactly one token that states their depth), a word with the space before it, up to three digits,
a short run of punctuation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

if TYPE_CHECKING:
    from collections.abc import Iterable

END_OF_TEXT = "<|endoftext|>"
"""Ends every training document; generation stops at it."""
END_OF_TEXT_ID = 0
"""Special tokens come first."""
VOCABULARY = 4096

_PRE_TOKENS = (
    r"\n+ *",
    r" ?__[a-z]+__",
    r" ?_*[A-Za-z]+",
    r" ?[0-9]{1,3}",
    r" ?[^\s\p{L}0-9]{1,3}",
    r"\p{L}+",
    r"\s+",
)


def train(texts: Iterable[str]) -> Tokenizer:
    """Learn `VOCABULARY` tokens from these texts. The result depends on the texts alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("|".join(_PRE_TOKENS)), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
