"""Forms that texts are forced into, by llguidance (https://github.com/guidance-ai/llguidance)."""

from __future__ import annotations

import functools
import json
import threading
from typing import TYPE_CHECKING

import torch
from llguidance import LLExecutor, LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask_par

from service.engine.interface import Grammar, GrammarKind, InvalidParameterError, UnsupportedParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokenizers import Tokenizer

_BITS = 32
# At most one space between two parts: a small model may otherwise write blanks until its last token.
_WHITESPACE = " ?"
# Grammars that are kept ready: an application asks for few forms, again and again.
_KEPT = 64
_ANY_OBJECT = '{"type": "object"}'


class GrammarError(Exception):
    """A text has left its grammar, or the grammar is too complex to go on with."""


class GrammarCompiler:
    """Makes grammars for one vocabulary. Safe to use from several threads."""

    def __init__(self, tokenizer: Tokenizer, vocabulary: int, end_token_ids: Iterable[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._ends = sorted(end_token_ids)
        # Made when the first grammar comes: for large vocabularies this takes a while, and most requests have none.
        self._making = threading.Lock()
        self._made: LLTokenizer | None = None
        self._unmoved = functools.lru_cache(_KEPT)(self._begin)

    def compile(self, grammar: Grammar) -> str:
        """The grammar in llguidance's own form, checked. May take a second.

        Raises:
            InvalidParameterError: it is malformed, or uses what isn't supported; says what.
            UnsupportedParameterError: this model's texts can't be forced into forms.
        """
        schema = _ANY_OBJECT if grammar.kind is GrammarKind.JSON_OBJECT else grammar.schema
        try:
            # Overrides, as a schema may ask for other options by itself (`x-guidance`).
            compiled = LLMatcher.grammar_from_json_schema(
                json.loads(schema), overrides={"whitespace_pattern": _WHITESPACE, "lenient": False}
            )
        except ValueError as error:
            raise InvalidParameterError(f"response_format: {error}", parameter="grammar") from None
        failed, messages = LLMatcher.validate_grammar_with_warnings(compiled, self._vocabulary_trie())
        if failed:
            raise InvalidParameterError(f"response_format: {messages[0]}", parameter="grammar")
        self._unmoved(compiled)
        return compiled

    def matcher(self, compiled: str) -> LLMatcher:
        """A matcher at the beginning of a text; a copy, as making one of a large schema would hold up a step."""
        return self._unmoved(compiled).deep_copy()

    def _begin(self, compiled: str) -> LLMatcher:
        return LLMatcher(self._vocabulary_trie(), compiled, log_level=0)

    def _vocabulary_trie(self) -> LLTokenizer:
        with self._making:
            if self._made is None:
                if not self._ends:
                    raise UnsupportedParameterError(
                        "This model has no end token, so a text in a response_format could never end.",
                        parameter="grammar",
                    )
                try:
                    self._made = LLTokenizer(self._tokenizer.to_str(), n_vocab=self._vocabulary, eos_token=self._ends)
                except ValueError as error:
                    raise UnsupportedParameterError(
                        f"response_format is not supported with this model's tokenizer: {error}", parameter="grammar"
                    ) from None
            return self._made


class Grammars:
    """The matchers of those slots that have a grammar."""

    def __init__(self, compiler: GrammarCompiler, vocabulary: int) -> None:
        self._compiler = compiler
        self._vocabulary = vocabulary
        self._executor = LLExecutor()
        self._matchers: dict[int, LLMatcher] = {}

    def start(self, slot: int, compiled: str | None, generated: Sequence[int]) -> None:
        """A slot's new tenant, with or without a grammar, and what it has written so far."""
        self._matchers.pop(slot, None)
        if compiled is not None:
            matcher = self._compiler.matcher(compiled)
            if generated:
                matcher.consume_tokens(list(generated))
            self._matchers[slot] = matcher

    def apply(self, logits: torch.Tensor, slots: Sequence[int]) -> dict[int, GrammarError]:
        """Rules out, in place, whatever would leave a row's grammar.

        Args:
            logits: (rows, vocabulary) float32.
            slots: of each row.

        Returns:
            What went wrong in which row; such a row's logits are left alone.
        """
        rows = [row for row, slot in enumerate(slots) if slot in self._matchers]
        if not rows:
            return {}
        failed = {row: GrammarError(m.get_error()) for row in rows if (m := self._matchers[slots[row]]).is_error()}
        rows = [row for row in rows if row not in failed]
        if not rows:
            return failed
        masks = allocate_token_bitmask(len(rows), self._vocabulary)
        fill_next_token_bitmask_par(
            self._executor, [(self._matchers[slots[row]], index) for index, row in enumerate(rows)], masks
        )
        bits = torch.from_numpy(masks).unsqueeze(-1) >> torch.arange(_BITS, dtype=torch.int32)
        allowed = (bits & 1).bool().flatten(1)[:, : self._vocabulary].to(logits.device)
        where = torch.tensor(rows, device=logits.device)
        logits[where] = logits[where].masked_fill(~allowed, -torch.inf)
        return failed

    def accept(self, slots: Sequence[int], tokens: Sequence[int]) -> dict[int, GrammarError]:
        """Moves each slot's grammar on by its token; returns what went wrong in which row."""
        failed: dict[int, GrammarError] = {}
        if self._matchers:
            for row, (slot, token) in enumerate(zip(slots, tokens, strict=True)):
                matcher = self._matchers.get(slot)
                if matcher is not None and not matcher.consume_token(token):
                    failed[row] = GrammarError(matcher.get_error())
        return failed
