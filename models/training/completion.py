"""Greedy completion by the exported folder itself, loaded as any user of transformers would load it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

if TYPE_CHECKING:
    from pathlib import Path

MOST_TOKENS = 256
"""Of one completion; the longest training document has about twice as many."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model added to a prompt."""

    prompt: str
    text: str
    """Without the prompt."""
    ended: bool
    """The model ended it (rather than the limit of tokens)."""
    tokens: int

    def parses(self) -> bool:
        """Whether prompt and completion together are Python."""
        try:
            compile(self.prompt + self.text, "<completion>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        return True


class Completer:
    """A model folder, in float32 on the CPU as the server runs it."""

    def __init__(self, folder: Path) -> None:
        transformers_logging.disable_progress_bar()  # the caller has one
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        loaded: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        self.model: Any = loaded.eval()
        self.end: int = self.model.config.eos_token_id
        self.context: int = self.model.config.max_position_embeddings

    @torch.inference_mode()
    def complete(self, prompt: str) -> Completion:
        """Greedy, up to `MOST_TOKENS` or the context's end.

        Raises:
            ValueError: the prompt fills the context.
        """
        ids = self.tokenizer(prompt, return_tensors="pt").input_ids
        room = min(MOST_TOKENS, self.context - ids.shape[1])
        if room < 1:
            raise ValueError(f"the prompt has {ids.shape[1]} tokens, the context {self.context}")
        made = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=room,
            do_sample=False,
            pad_token_id=self.end,
        )[0, ids.shape[1] :].tolist()
        ended = made[-1] == self.end
        text = self.tokenizer.decode(made[:-1] if ended else made)
        return Completion(prompt, text, ended, len(made))
