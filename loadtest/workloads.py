"""What is asked of a server or an engine, so that every program that measures asks the same.

W1 to W3 are the workloads by which engines are compared: many requests at once, one stream, a few at once. They are
made for the model of `reference_model`; any model of at least `context_tokens` can be given them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtest.lengths import Lengths, Uniform
from loadtest.randomness import seeded

if TYPE_CHECKING:
    from collections.abc import Mapping

# The first ids of a vocabulary are its special tokens as a rule: a prompt has none of them.
_FIRST_TOKEN = 10


@dataclass(frozen=True, slots=True)
class PromptTask:
    """One request.

    Attributes:
        prompt_token_ids: the prompt.
        output_tokens: exactly as many new tokens, whatever the model's end token.
    """

    prompt_token_ids: tuple[int, ...]
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests that begin at once, greedy, each with exactly its number of new tokens.

    Attributes:
        name: as it is called in results.
        requests: how many.
        concurrency: how many of them are in flight at once; the next begins when one ends.
        prompt_tokens: lengths of prompts.
        output_tokens: lengths of outputs.
    """

    name: str
    requests: int
    concurrency: int
    prompt_tokens: Lengths
    output_tokens: Lengths

    @property
    def context_tokens(self) -> int:
        """The longest request, prompt and output."""
        return self.prompt_tokens.longest + self.output_tokens.longest

    def draw(self, *, vocabulary_size: int, seed: int = 0) -> list[PromptTask]:
        """Give the requests.

        Args:
            vocabulary_size: token ids are below it.
            seed: another one gives other prompts of the same distribution.
        """
        random = seeded(f"{self.name} {seed}")
        return [
            PromptTask(
                tuple(
                    random.randrange(min(_FIRST_TOKEN, vocabulary_size - 1), vocabulary_size)
                    for _ in range(self.prompt_tokens.draw(random))
                ),
                self.output_tokens.draw(random),
            )
            for _ in range(self.requests)
        ]


W1 = Workload("W1", requests=32, concurrency=32, prompt_tokens=Uniform(50, 200), output_tokens=Uniform(64, 64))
"""32 requests at once, prompts of 50 to 200 tokens, 64 new tokens each."""
W2 = Workload("W2", requests=1, concurrency=1, prompt_tokens=Uniform(100, 100), output_tokens=Uniform(128, 128))
"""One stream: a prompt of 100 tokens, 128 new ones."""
W3 = Workload("W3", requests=8, concurrency=8, prompt_tokens=Uniform(50, 200), output_tokens=Uniform(64, 64))
"""8 requests at once, otherwise as W1."""

WORKLOADS: Mapping[str, Workload] = {workload.name: workload for workload in (W1, W2, W3)}
