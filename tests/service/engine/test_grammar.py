"""Forms in a batch: a text that has left its own fails alone."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from service.engine.interface import Grammar, GrammarKind
from service.engine.sampler.grammar import GrammarCompiler, Grammars

_END = "<end>"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A token for each byte, and an end token."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [], trainers.BpeTrainer(special_tokens=[_END], initial_alphabet=alphabet, show_progress=False)
    )
    return made


@pytest.mark.parametrize("others", [0, 1])
def test_a_text_that_has_left_its_form_is_told_and_its_logits_are_left_alone(tokenizer: Tokenizer, others: int) -> None:
    """Also where it is the only one that has a form."""
    vocabulary = tokenizer.get_vocab_size()
    compiler = GrammarCompiler(tokenizer, vocabulary, (0,))
    compiled = compiler.compile(Grammar(GrammarKind.JSON_OBJECT))
    grammars = Grammars(compiler, vocabulary)
    grammars.start(0, compiled, tokenizer.encode("no object").ids)
    for slot in range(1, 1 + others):
        grammars.start(slot, compiled, ())
    logits = torch.zeros(1 + others, vocabulary)

    failed = grammars.apply(logits, range(1 + others))

    assert set(failed) == {0}
    assert torch.isfinite(logits[0]).all()
    assert not torch.isfinite(logits[1:]).all(dim=1).any()
