"""A first engine: one model on transformers, one thread, requests advanced in turn by one token each.

It is exact and fair rather than fast: nothing is batched, so that each request's text depends on nothing but
itself, and a step of the loop is a step of one request. What it can't do (several choices, log-probabilities,
adapters) it refuses by name.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from service.engine.admission import admit
from service.engine.checkpoint import Checkpoint, DTypeChoice, load_checkpoint
from service.engine.delta_queue import DeltaQueue
from service.engine.generation_config import GenerationConfig
from service.engine.interface import (
    ChatMessage,
    ChatPrompt,
    DeadlineExceededError,
    EngineDeadError,
    EngineState,
    GenerationFailedError,
    GenerationRequest,
    Health,
    ModelInfo,
    OverloadedError,
    SamplingParams,
    UnsupportedParameterError,
)
from service.engine.processor import allowed_cpus
from service.engine.sequence import Sequence
from service.engine.token_bytes import TokenBytes
from service.web import logs

if TYPE_CHECKING:
    import collections.abc
    from pathlib import Path

    from service.engine.interface import EngineStats

_log = logs.get("engine")
_WARM_UP_TOKENS = 4


@dataclass(frozen=True, slots=True)
class TransformersEngineOptions:
    """How the engine runs.

    Attributes:
        max_running: requests computed in turn; more make each slower, fewer make the rest wait.
        max_waiting: requests that may wait for their turn; more are refused.
        threads: of torch; 0 takes what the container's CPU limit allows.
        max_context_tokens: a limit below the model's own; None keeps that.
        dtype: of the weights in memory.
    """

    max_running: int = 8
    max_waiting: int = 256
    threads: int = 0
    max_context_tokens: int | None = None
    dtype: DTypeChoice = "auto"


class TransformersEngine:
    """Implements `service.engine.interface.Engine` on one transformers model."""

    def __init__(
        self, folder: Path, *, name: str, digest: str = "", options: TransformersEngineOptions | None = None
    ) -> None:
        self._folder = folder
        self._name = name
        self._digest = digest
        self._options = options or TransformersEngineOptions()
        self._checkpoint: Checkpoint | None = None
        self._token_bytes: TokenBytes | None = None
        self._info: ModelInfo | None = None
        self._state = EngineState.LOADING
        self._reason = "the model is being loaded"
        self._thread: threading.Thread | None = None
        # Guards what the event loop and the engine's thread share: the queue and the state.
        self._wake = threading.Condition()
        self._waiting: list[tuple[int, int, Sequence]] = []
        self._arrivals = itertools.count()
        self._running: list[Sequence] = []
        self.load_s = 0.0
        self.warm_up_s = 0.0

    async def start(self) -> None:
        """See `Engine.start`."""
        started = time.monotonic()
        self._checkpoint = await asyncio.to_thread(self._load)
        self.load_s = time.monotonic() - started
        self._thread = threading.Thread(target=self._work, args=(self._checkpoint,), name="engine", daemon=True)
        self._thread.start()
        self._reason = "the model is being warmed up"
        await self._warm_up()
        self.warm_up_s = time.monotonic() - started - self.load_s
        with self._wake:
            if self._state is EngineState.LOADING:
                self._state, self._reason = EngineState.READY, ""

    async def stop(self) -> None:
        """See `Engine.stop`."""
        with self._wake:
            if self._state is not EngineState.DEAD:
                self._state, self._reason = EngineState.STOPPED, "the engine was stopped"
            self._wake.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    async def generate(self, request: GenerationRequest) -> DeltaQueue:
        """See `Engine.generate`."""
        if self._state is not EngineState.READY:
            raise EngineDeadError(f"The engine is not ready: {self._reason}.")
        return self._admit(request)

    async def tokenize(self, text: str, *, add_special_tokens: bool = True) -> tuple[int, ...]:
        """See `Engine.tokenize`."""
        tokenizer = self._loaded().tokenizer
        encoding = await asyncio.to_thread(tokenizer.encode, text, add_special_tokens=add_special_tokens)
        return tuple(encoding.ids)

    async def tokenize_chat(self, messages: collections.abc.Sequence[ChatMessage]) -> ChatPrompt:
        """See `Engine.tokenize_chat`."""
        template = self._loaded().chat_template
        prompt = await asyncio.to_thread(template.render, messages)
        # A template writes its special tokens itself.
        token_ids = await self.tokenize(prompt, add_special_tokens=template.is_fallback)
        return ChatPrompt(token_ids, template.stop)

    async def detokenize(self, token_ids: collections.abc.Sequence[int]) -> str:
        """See `Engine.detokenize`."""
        return await asyncio.to_thread(self._loaded().tokenizer.decode, list(token_ids))

    def token_bytes(self, token_id: int) -> bytes:
        """See `Engine.token_bytes`."""
        if self._token_bytes is None:
            self._token_bytes = TokenBytes(self._loaded().tokenizer)
        return self._token_bytes.of(token_id)

    def model_info(self) -> ModelInfo:
        """See `Engine.model_info`."""
        if self._info is None:
            raise EngineDeadError(f"The engine is not ready: {self._reason}.")
        return self._info

    def health(self) -> Health:
        """See `Engine.health`."""
        return Health(self._state, self._reason, len(self._running), len(self._waiting))

    def stats(self) -> EngineStats | None:
        """See `Engine.stats`; this engine keeps no books."""
        return None

    def _loaded(self) -> Checkpoint:
        if self._checkpoint is None:
            raise EngineDeadError(f"The engine is not ready: {self._reason}.")
        return self._checkpoint

    def _load(self) -> Checkpoint:
        torch.set_num_threads(self._options.threads or allowed_cpus())
        checkpoint = load_checkpoint(self._folder, dtype=self._options.dtype)
        self._info = ModelInfo(
            name=self._name,
            digest=self._digest,
            context_tokens=min(
                checkpoint.context_tokens, self._options.max_context_tokens or checkpoint.context_tokens
            ),
            vocabulary_size=checkpoint.model.config.vocab_size,
            created=int(time.time()),
            defaults=GenerationConfig.read(self._folder).defaults,
        )
        return checkpoint

    async def _warm_up(self) -> None:
        """Runs a request through the whole path: the first one pays for memory, threads and kernels."""
        sampling = SamplingParams(max_tokens=_WARM_UP_TOKENS, ignore_eos=True)
        async for _ in self._admit(GenerationRequest("warm-up", (0,) * _WARM_UP_TOKENS, sampling)):
            pass

    def _admit(self, request: GenerationRequest) -> DeltaQueue:
        info = self.model_info()
        _refuse_unsupported(request)
        max_tokens = admit(request, info)
        stream = DeltaQueue(asyncio.get_running_loop(), limit_bytes=request.backlog_bytes)
        sequence = Sequence(request, max_tokens, stream)
        with self._wake:
            if self._state in {EngineState.DEAD, EngineState.STOPPED}:
                raise EngineDeadError(f"The engine does not run: {self._reason}.")
            if len(self._waiting) >= self._options.max_waiting:
                # Those who gave up while waiting take no place.
                self._waiting = [entry for entry in self._waiting if not entry[2].stream.cancelled]
                heapq.heapify(self._waiting)
            if len(self._waiting) >= self._options.max_waiting:
                raise OverloadedError(f"{len(self._waiting)} requests are waiting already; try again later.")
            heapq.heappush(self._waiting, (request.priority, next(self._arrivals), sequence))
            self._wake.notify()
        return stream

    def _work(self, checkpoint: Checkpoint) -> None:
        """The engine's thread: admit, advance each running request by a step, repeat."""
        try:
            while self._next_round():
                for sequence in tuple(self._running):
                    if self._advance(sequence, checkpoint):
                        self._running.remove(sequence)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread has to be reported, not lost
            _log.exception("engine died")
            with self._wake:
                self._state, self._reason = EngineState.DEAD, f"its loop failed: {type(error).__name__}"
        self._end_all()

    def _next_round(self) -> bool:
        """Waits for work and takes in what there is room for; False when the engine is to stop."""
        with self._wake:
            while self._state is not EngineState.STOPPED and not self._running and not self._waiting:
                self._wake.wait()
            if self._state is EngineState.STOPPED:
                return False
            admitted: list[Sequence] = []
            while self._waiting and len(self._running) + len(admitted) < self._options.max_running:
                sequence = heapq.heappop(self._waiting)[2]
                if not sequence.stream.cancelled:
                    admitted.append(sequence)
        self._running += admitted
        return True

    def _advance(self, sequence: Sequence, checkpoint: Checkpoint) -> bool:
        """One step of one request; True when it is over, however it ended."""
        stream = sequence.stream
        if stream.cancelled:
            return True
        if sequence.is_late:
            stream.put(DeadlineExceededError("The request's deadline passed before it was finished."))
            return True
        try:
            finished = sequence.step(checkpoint)
        except Exception as error:  # noqa: BLE001 - a poisoned request ends alone, whatever it met
            _log.exception("request failed", request_id=sequence.request.request_id)
            stream.put(GenerationFailedError(f"The request failed in the engine: {type(error).__name__}."))
            return True
        if finished:
            stream.put(None)
        return finished

    def _end_all(self) -> None:
        with self._wake:
            left = [*self._running, *(sequence for _, _, sequence in self._waiting)]
            self._running.clear()
            self._waiting.clear()
            reason = self._reason
        for sequence in left:
            sequence.stream.put(EngineDeadError(f"The engine does not run: {reason}."))


def _refuse_unsupported(request: GenerationRequest) -> None:
    if request.sampling.n != 1:
        raise UnsupportedParameterError("n other than 1 is not supported by this engine.", parameter="n")
    if request.sampling.logprobs is not None:
        raise UnsupportedParameterError("logprobs are not supported by this engine.", parameter="logprobs")
    if request.sampling.grammar is not None:
        raise UnsupportedParameterError("response_format is not supported by this engine.", parameter="grammar")
