"""One request on its way through the model: its prompt, its cache, and the text it has produced."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from transformers.cache_utils import DynamicCache

from service.engine.detokenizer import IncrementalDetokenizer
from service.engine.interface import Delta, FinishReason, GenerationRequest, Usage
from service.engine.sampling import Sampler
from service.engine.stop_strings import StopStrings

if TYPE_CHECKING:
    from service.engine.checkpoint import Checkpoint
    from service.engine.delta_queue import DeltaQueue

# A long prompt is read in pieces of this many tokens, so that it doesn't hold up the others' next tokens.
_PREFILL_TOKENS = 512
# How many of the prompt's last tokens decide how the first new one is written (a leading space, say).
_DETOKENIZER_CONTEXT = 4


class _ModelState:
    """What a request holds once it is being computed."""

    def __init__(self, request: GenerationRequest, checkpoint: Checkpoint) -> None:
        prompt = request.prompt_token_ids
        self.cache = DynamicCache(config=checkpoint.model.config)
        self.sampler = Sampler(request.sampling, prompt)
        self.detokenizer = IncrementalDetokenizer(checkpoint.tokenizer.decode, prompt[-_DETOKENIZER_CONTEXT:])


class Sequence:
    """A request that is being computed. Belongs to the engine's thread."""

    def __init__(self, request: GenerationRequest, max_tokens: int, stream: DeltaQueue) -> None:
        self.request = request
        self.stream = stream
        self._max_tokens = max_tokens
        self._pending = list(request.prompt_token_ids)
        self._generated = 0
        self._stop = StopStrings(request.sampling.stop)
        self._state: _ModelState | None = None

    @property
    def is_late(self) -> bool:
        """Whether its deadline has passed."""
        return self.request.deadline is not None and time.monotonic() > self.request.deadline

    def step(self, checkpoint: Checkpoint) -> bool:
        """Reads the next piece of the prompt, or adds one token.

        Returns:
            Whether the request is finished; its last delta is then out.
        """
        if self._state is None:
            self._state = _ModelState(self.request, checkpoint)
        piece, self._pending = self._pending[:_PREFILL_TOKENS], self._pending[_PREFILL_TOKENS:]
        tokens = torch.tensor([piece], device=checkpoint.model.device)
        with torch.inference_mode():
            output = checkpoint.model(
                input_ids=tokens, past_key_values=self._state.cache, use_cache=True, logits_to_keep=1
            )
        if self._pending:
            return False
        token = self._state.sampler.next_token(output.logits[0, -1])
        self._generated += 1
        self._pending = [token]
        return self._emit(token, checkpoint, self._state.detokenizer)

    def _emit(self, token: int, checkpoint: Checkpoint, detokenizer: IncrementalDetokenizer) -> bool:
        ended = token in checkpoint.end_token_ids and not self.request.sampling.ignore_eos
        text = "" if ended else detokenizer.push(token)
        text = self._stop.push(text)
        reason = FinishReason.STOP if ended or self._stop.stopped else None
        if reason is None and self._generated >= self._max_tokens:
            reason = FinishReason.LENGTH
        if reason is not None and not self._stop.stopped:
            text += self._stop.push(detokenizer.flush())
            if self._stop.stopped:
                reason = FinishReason.STOP
            else:
                text += self._stop.flush()
        usage = Usage(len(self.request.prompt_token_ids), self._generated)
        self.stream.put(Delta(text, (token,), usage, finish_reason=reason))
        return reason is not None
