"""The engine: continuous batching over paged keys and values, behind the `Engine` protocol.

This is the border between the event loop and the engine's threads. What happens behind it is in `engine_loop` (one step
after the other), `text` (from tokens to text) and `loading` (how the parts are joined).
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from service.engine.admission import admit
from service.engine.delta_queue import DeltaQueue
from service.engine.interface import (
    ChatMessage,
    ChatPrompt,
    EngineDeadError,
    EngineState,
    GenerationRequest,
    Health,
    ModelInfo,
    SamplingParams,
    Task,
)
from service.engine.loading import BatchingEngineOptions, LoadedEngine, load_engine
from service.engine.request import Request
from service.engine.text import TextWriter

if TYPE_CHECKING:
    import collections.abc
    from pathlib import Path

    from service.engine.interface import EngineStats
    from service.engine.operations import Operations
    from service.engine.prefix_hash import HashChain

_WARM_UP_TOKENS = 4
_SEED_BITS = 64


class BatchingEngine:
    """Implements `service.engine.interface.Engine`.

    Attributes:
        load_s: how long the model took to load.
        warm_up_s: how long the first request took.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        digest: str = "",
        options: BatchingEngineOptions | None = None,
        operations: Operations | None = None,
    ) -> None:
        """Makes an engine that isn't loaded yet.

        Args:
            folder: the model, in Hugging Face layout.
            name: what clients call it.
            digest: of its manifest.
            options: how the engine runs.
            operations: what the model is computed with; None takes the best for this machine.
        """
        self._folder = folder
        self._name = name
        self._digest = digest
        self._options = options or BatchingEngineOptions()
        self._operations = operations
        self._loaded: LoadedEngine | None = None
        self._threads: tuple[threading.Thread, TextWriter] | None = None
        self._state = EngineState.LOADING
        self._reason = "the model is being loaded"
        self.load_s = 0.0
        self.warm_up_s = 0.0

    async def start(self) -> None:
        """See `Engine.start`."""
        started = time.monotonic()
        loaded = await asyncio.to_thread(self._load)
        self.load_s = time.monotonic() - started
        if self._state is EngineState.STOPPED:  # while it was loading
            return
        self._loaded, self._reason = loaded, "the model is being warmed up"
        writer = TextWriter(loaded.folder.tokenizer.decode, loaded.loop.end_choice)
        thread = threading.Thread(target=loaded.loop.run, args=(writer, self._died), name="engine", daemon=True)
        self._threads = thread, writer
        writer.start()
        thread.start()
        await self._warm_up(loaded)
        self.warm_up_s = time.monotonic() - started - self.load_s
        if self._state is EngineState.LOADING:
            self._state, self._reason = EngineState.READY, ""

    async def stop(self) -> None:
        """See `Engine.stop`."""
        if self._state is not EngineState.DEAD:
            self._state, self._reason = EngineState.STOPPED, "the engine was stopped"
        if self._loaded is not None and self._threads is not None:
            self._loaded.loop.stop(self._reason)
            thread, writer = self._threads
            await asyncio.to_thread(thread.join)
            await asyncio.to_thread(writer.stop)
            self._threads = None

    async def generate(self, request: GenerationRequest) -> DeltaQueue:
        """See `Engine.generate`."""
        if self._state is not EngineState.READY:
            raise EngineDeadError(f"The engine is not ready: {self._reason}.")
        return await self._admit(request, self._ready())

    async def tokenize(self, text: str, *, add_special_tokens: bool = True) -> tuple[int, ...]:
        """See `Engine.tokenize`."""
        tokenizer = self._ready().folder.tokenizer
        encoding = await asyncio.to_thread(tokenizer.encode, text, add_special_tokens=add_special_tokens)
        return tuple(encoding.ids)

    async def tokenize_chat(self, messages: collections.abc.Sequence[ChatMessage]) -> ChatPrompt:
        """See `Engine.tokenize_chat`."""
        template = self._ready().folder.chat_template
        prompt = await asyncio.to_thread(template.render, messages)
        # A template writes its special tokens itself.
        token_ids = await self.tokenize(prompt, add_special_tokens=template.is_fallback)
        return ChatPrompt(token_ids, template.stop)

    async def detokenize(self, token_ids: collections.abc.Sequence[int]) -> str:
        """See `Engine.detokenize`."""
        return await asyncio.to_thread(self._ready().folder.tokenizer.decode, list(token_ids))

    def token_bytes(self, token_id: int) -> bytes:
        """See `Engine.token_bytes`."""
        return self._ready().token_bytes.of(token_id)

    def model_info(self) -> ModelInfo:
        """See `Engine.model_info`."""
        return self._ready().info

    def health(self) -> Health:
        """See `Engine.health`."""
        if self._loaded is None:
            return Health(self._state, self._reason)
        return Health(self._state, self._reason, self._loaded.loop.running, self._loaded.loop.waiting)

    def stats(self) -> EngineStats:
        """See `Engine.stats`.

        Raises:
            EngineDeadError: not loaded yet.
        """
        return self._ready().loop.stats()

    async def check_integrity(self) -> None:
        """Compares the block pool's books with what requests hold, between two steps.

        Raises:
            IntegrityError: a block is lost or counted twice.
            EngineDeadError: the engine was stopped.
        """
        outcome: Future[None] = Future()
        self._ready().loop.check(outcome)
        await asyncio.wrap_future(outcome)

    def _ready(self) -> LoadedEngine:
        if self._loaded is None:
            raise EngineDeadError(f"The engine is not ready: {self._reason}.")
        return self._loaded

    def _load(self) -> LoadedEngine:
        return load_engine(
            self._folder, name=self._name, digest=self._digest, options=self._options, operations=self._operations
        )

    def _died(self, reason: str) -> None:
        self._state, self._reason = EngineState.DEAD, reason

    async def _warm_up(self, loaded: LoadedEngine) -> None:
        """Runs a request through the whole path: the first one pays for memory, threads and kernels."""
        tokens = min(_WARM_UP_TOKENS, loaded.info.context_tokens // 2)
        sampling = SamplingParams(max_tokens=tokens, ignore_eos=True)
        task = Task.GENERATE if loaded.info.embedding is None else Task.EMBED
        async for _ in await self._admit(GenerationRequest("warm-up", (0,) * tokens, sampling, task=task), loaded):
            pass

    def _chain(self, asked: GenerationRequest, loaded: LoadedEngine) -> HashChain | None:
        """The hashes by which blocks of a request are found again; None where they needn't be."""
        if not loaded.reuses_blocks:
            return None
        salt = f"tenant {asked.prefix_salt}"
        if not self._options.prefix_cache:
            if asked.sampling.n == 1:
                return None
            salt = f"request {secrets.token_hex()}"  # its choices still share their prompt
        return loaded.hasher.chain(asked.prompt_token_ids, salt, asked.adapter_id)

    async def _admit(self, asked: GenerationRequest, loaded: LoadedEngine) -> DeltaQueue:
        max_tokens = admit(asked, loaded.info)
        sampling = asked.sampling
        grammar = None
        if sampling.grammar is not None:
            grammar = await asyncio.to_thread(loaded.grammars.compile, sampling.grammar)
        stream = DeltaQueue(
            asyncio.get_running_loop(), lambda: loaded.loop.give_up(request), limit_bytes=asked.backlog_bytes
        )
        now = time.monotonic()
        request = Request(
            asked,
            stream,
            self._chain(asked, loaded),
            max_tokens=max_tokens,
            seed=secrets.randbits(_SEED_BITS) if sampling.seed is None else sampling.seed,
            rank=now + self._options.ageing_s * asked.priority,
            arrived=now,
            grammar=grammar,
        )
        loaded.loop.submit(
            request, most_queued=self._options.max_waiting, most_queued_tokens=self._options.max_waiting_tokens
        )
        return stream
