"""From tokens to text, on a thread of its own, so that decoding text never holds up the next step.

A stop string shows only here. The engine then learns a step or two late that a choice is over; what it has computed
beyond is neither shown nor counted.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, NamedTuple

from service.engine.delta_queue import put_all
from service.engine.detokenizer import IncrementalDetokenizer
from service.engine.interface import Delta, FinishReason, GenerationFailedError, Usage
from service.engine.stop_strings import StopStrings
from service.web import logs

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from service.engine.delta_queue import DeltaQueue, Item
    from service.engine.interface import TokenLogprob
    from service.engine.request import Choice, Request

    Decode = Callable[[collections.abc.Sequence[int]], str]

_log = logs.get("engine")
# How many of the prompt's last tokens decide how the first new one is written (a leading space, say).
_CONTEXT_TOKENS = 4


class Produced(NamedTuple):
    """What a step has produced for a choice.

    Attributes:
        choice: whose.
        token_ids: the step's tokens; the last is an end token where the reason is `FinishReason.STOP`.
        finish_reason: set when the choice is over.
        logprobs: one for each token, where asked for.
        embedding: the prompt's pooled hidden state, where a vector is wanted.
    """

    choice: Choice
    token_ids: tuple[int, ...]
    finish_reason: FinishReason | None
    logprobs: tuple[TokenLogprob, ...] | None
    embedding: NDArray[np.float32] | None = None


class Ended(NamedTuple):
    """A request that ends without an answer."""

    request: Request
    error: Exception


class Piece(NamedTuple):
    """What a few tokens add to a text.

    Attributes:
        text: fit to be shown.
        tokens: how many of the tokens count.
        finish_reason: set when the text is over.
    """

    text: str
    tokens: int
    finish_reason: FinishReason | None


class ChoiceText:
    """The text of one choice."""

    def __init__(self, choice: Choice, decode: Decode) -> None:
        asked = choice.request.asked
        self._detokenizer = IncrementalDetokenizer(decode, asked.prompt_token_ids[-_CONTEXT_TOKENS:])
        self._stop = StopStrings(asked.sampling.stop)
        self.over = False

    def add(self, token_ids: tuple[int, ...], finish_reason: FinishReason | None) -> Piece:
        """The text that is complete with these tokens; up to a stop string, if one is."""
        text, shown = "", len(token_ids) - (finish_reason is FinishReason.STOP)
        for count, token in enumerate(token_ids[:shown], start=1):
            text += self._stop.push(self._detokenizer.push(token))
            if self._stop.stopped:
                return self._finish(text, count, FinishReason.STOP)
        if finish_reason is None:
            return Piece(text, len(token_ids), None)
        text += self._stop.push(self._detokenizer.flush())
        if self._stop.stopped:
            return self._finish(text, len(token_ids), FinishReason.STOP)
        return self._finish(text + self._stop.flush(), len(token_ids), finish_reason)

    def _finish(self, text: str, tokens: int, reason: FinishReason) -> Piece:
        self.over = True
        return Piece(text, tokens, reason)


class TextWriter:
    """Turns what steps produce into deltas."""

    def __init__(self, decode: Decode, on_over: Callable[[Choice], None]) -> None:
        """Makes a writer; it works once `start` was called.

        Args:
            decode: the text of tokens.
            on_over: called, from the writer's thread, for a choice that is over for a reason that shows only here.
        """
        self._decode = decode
        self._on_over = on_over
        self._steps: queue.SimpleQueue[list[Produced | Ended] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="text", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def write(self, step: list[Produced | Ended]) -> None:
        """Hands over what a step has produced. From any thread."""
        self._steps.put(step)

    def stop(self) -> None:
        """Writes what was handed over, and ends."""
        self._steps.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (step := self._steps.get()) is not None:
            put_all([item for entry in step for item in self._items(entry)])

    def _items(self, entry: Produced | Ended) -> list[tuple[DeltaQueue, Item]]:
        if isinstance(entry, Ended):
            return self._close(entry.request, entry.error)
        request = entry.choice.request
        try:
            return self._deltas(entry)
        except Exception as error:  # noqa: BLE001 - a request whose text can't be decoded ends alone
            _log.exception("text failed", request_id=request.asked.request_id)
            for choice in request.choices:
                self._on_over(choice)
            return self._close(request, GenerationFailedError(f"The text failed: {type(error).__name__}."))

    def _deltas(self, produced: Produced) -> list[tuple[DeltaQueue, Item]]:
        choice = produced.choice
        request = choice.request
        if request.open_choices == 0 or request.stream.cancelled:
            return []
        if choice.text is None:
            choice.text = ChoiceText(choice, self._decode)
        if choice.text.over:
            return []
        piece = choice.text.add(produced.token_ids, produced.finish_reason)
        request.shown_tokens += piece.tokens
        logprobs = None if produced.logprobs is None else produced.logprobs[: piece.tokens]
        usage = Usage(len(request.asked.prompt_token_ids), request.shown_tokens, request.cached_tokens)
        token_ids = produced.token_ids[: piece.tokens]
        delta = Delta(
            piece.text,
            token_ids,
            usage,
            choice.index,
            piece.finish_reason,
            logprobs,
            request.queue_s,
            produced.embedding,
        )
        if piece.finish_reason is None:
            return [(request.stream, delta)]
        if produced.finish_reason is None:
            self._on_over(choice)
        request.open_choices -= 1
        return [(request.stream, delta)] + ([(request.stream, None)] if request.open_choices == 0 else [])

    @staticmethod
    def _close(request: Request, error: Exception) -> list[tuple[DeltaQueue, Item]]:
        if request.open_choices == 0:
            return []
        request.open_choices = 0
        return [(request.stream, error)]
