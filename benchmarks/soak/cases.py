"""What is asked, by whom, and how it is to end."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadtest.randomness import seeded
from loadtest.reference_model import word
from service.engine.interface import Priority, SamplingParams

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

VOCABULARY_SIZE = 512
CONTEXT_TOKENS = 256
SHAPE = {
    "vocab_size": VOCABULARY_SIZE,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": CONTEXT_TOKENS,
    "initializer_range": 0.2,
}
"""A model so small that thousands of requests take minutes. Its weights are large, so that tokens differ clearly."""
_FAMILIES = 4
_PROMPT_LENGTHS = (1, 9, 40, 130)
_OUTPUT_LENGTHS = (1, 12, 60)
_STOPPING = word(2)[:-1]  # begins like every word: a stop string across tokens is built from it


class Ending(enum.StrEnum):
    """How a client behaves, or what is wrong with its request."""

    WHOLE = "whole"
    """Waits for the whole answer."""
    LEAVES = "leaves"
    """Goes after some deltas, or at once."""
    LATE = "late"
    """Its deadline passes soon; it may just be met."""
    OVERSIZED_PROMPT = "oversized prompt"
    """Longer than the context."""
    OVERSIZED_OUTPUT = "oversized output"
    """Prompt and output together are longer than the context."""
    UNKNOWN_ID = "unknown token id"
    """A token id beyond the vocabulary."""


_SHARES: Mapping[Ending, int] = {
    Ending.WHOLE: 60,
    Ending.LEAVES: 22,
    Ending.LATE: 6,
    Ending.OVERSIZED_PROMPT: 5,
    Ending.OVERSIZED_OUTPUT: 4,
    Ending.UNKNOWN_ID: 3,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What determines an answer: the same question has the same answer whatever happens around it.

    Attributes:
        prompt: token ids.
        sampling: how tokens are chosen; greedy or seeded.
    """

    prompt: tuple[int, ...]
    sampling: SamplingParams

    @property
    def text(self) -> str:
        """The prompt as text that the model's tokenizer makes exactly these tokens of."""
        return " ".join(word(token) for token in self.prompt)


@dataclass(frozen=True, slots=True)
class Case:
    """One request.

    Attributes:
        number: which.
        question: index into the questions.
        ending: how it is to end.
        leaves_after: deltas after which the client is gone.
        deadline_s: seconds from its sending.
        priority: who goes first.
        tenant: whose prefixes it may find.
    """

    number: int
    question: int
    ending: Ending
    leaves_after: int
    deadline_s: float | None
    priority: Priority
    tenant: str


def questions(seed: int, families: int = _FAMILIES) -> list[Question]:
    """Give what is asked: prompts that begin alike, each under every kind of sampling and length.

    Args:
        seed: of the prompts.
        families: of prompts that begin alike.
    """
    random = seeded(f"questions {seed}")
    longest = max(_PROMPT_LENGTHS)
    beginnings = [tuple(random.randrange(10, VOCABULARY_SIZE) for _ in range(longest)) for _ in range(families)]
    kinds = (
        SamplingParams(temperature=0.0, ignore_eos=True),
        SamplingParams(temperature=0.9, top_p=0.95, seed=7),
        SamplingParams(temperature=1.2, top_k=40, min_p=0.01, seed=8, presence_penalty=0.6, repetition_penalty=1.2),
        SamplingParams(temperature=0.0, ignore_eos=True, stop=(f"3{_STOPPING}1", f"7{_STOPPING}2")),
    )
    return [
        Question(beginning[:length], replace(kind, max_tokens=output))
        for beginning in beginnings
        for length in _PROMPT_LENGTHS
        for output in _OUTPUT_LENGTHS
        for kind in kinds
    ]


def cases(count: int, asked: Sequence[Question], seed: int) -> list[Case]:
    """Draw requests.

    Args:
        count: how many.
        asked: the questions.
        seed: the same one gives the same requests.
    """
    random = seeded(f"cases {seed}")
    return [_case(number, len(asked), random) for number in range(count)]


def _case(number: int, questions: int, random: random.Random) -> Case:
    ending = random.choices(list(_SHARES), list(_SHARES.values()))[0]
    return Case(
        number,
        random.randrange(questions),
        ending,
        leaves_after=random.choice((0, 0, 1, 2, 5, 11)),
        deadline_s=random.uniform(0.0, 0.3) if ending is Ending.LATE else None,
        priority=random.choice(list(Priority)),
        tenant=random.choice("abcde"),
    )
