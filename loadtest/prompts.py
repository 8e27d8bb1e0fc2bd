"""Prompts of a wanted number of tokens, for a server whose tokenizer isn't known.

Two short questions tell how many tokens it makes of a word, and how many it adds to each prompt (a chat template, say).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtest.errors import LoadTestError
from loadtest.openai_client import TextTask
from loadtest.outcome import RequestFailedError
from loadtest.randomness import seeded

if TYPE_CHECKING:
    import random

    from loadtest.lengths import Lengths
    from loadtest.open_loop import Ask

# Frequent words, which most tokenizers know whole. Prompts drawn from them share no beginning long enough to be found
# in a prefix cache.
_FREQUENT = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could"
)
_WORDS = _FREQUENT.split()
_PROBE_WORDS = (8, 32)


@dataclass(frozen=True, slots=True)
class PromptWriter:
    """Writes prompts for one server.

    Attributes:
        tokens_per_word: that it makes of a word, as measured.
        overhead_tokens: that it adds to each prompt, as measured.
    """

    tokens_per_word: float
    overhead_tokens: float

    @classmethod
    async def calibrate(cls, ask: Ask[TextTask], *, seed: int) -> PromptWriter:
        """Ask the server how many tokens it makes of words.

        Raises:
            LoadTestError: it refuses, or doesn't count tokens.
        """
        random = seeded(f"calibration {seed}")
        counts = []
        for words in _PROBE_WORDS:
            tokens = None
            try:
                async for piece in ask(TextTask(_text(random, words), 1)):
                    tokens = tokens if piece.prompt_tokens is None else piece.prompt_tokens
            except RequestFailedError as error:
                hint = "; leave it out by --no-ignore-eos" if "ignore_eos" in str(error) else ""
                raise LoadTestError(f"the first request failed: {error}{hint}") from None
            if not tokens:
                raise LoadTestError("the server tells no usage in its streams: prompts can't be made to length")
            counts.append(tokens)
        per_word = (counts[1] - counts[0]) / (_PROBE_WORDS[1] - _PROBE_WORDS[0])
        if per_word <= 0:
            raise LoadTestError(
                f"{_PROBE_WORDS} words are {counts} tokens to this server: prompts can't be made to length"
            )
        return cls(per_word, counts[0] - per_word * _PROBE_WORDS[0])

    def tasks(self, count: int, prompts: Lengths, outputs: Lengths, *, shared_tokens: int, seed: int) -> list[TextTask]:
        """Write requests.

        Args:
            count: how many.
            prompts: lengths of prompts in tokens, of what each has of its own.
            outputs: lengths of answers in tokens.
            shared_tokens: with which all prompts begin, beside these.
            seed: of lengths and words.
        """
        random = seeded(f"prompts {seed}")
        shared = _text(random, round(shared_tokens / self.tokens_per_word)) if shared_tokens else ""
        tasks = []
        for _ in range(count):
            words = (prompts.draw(random) - self.overhead_tokens) / self.tokens_per_word
            prompt = " ".join(filter(None, (shared, _text(random, max(1, round(words))))))
            tasks.append(TextTask(prompt, outputs.draw(random)))
        return tasks


def _text(random: random.Random, words: int) -> str:
    return " ".join(random.choices(_WORDS, k=words))
