"""From a started process to a warm engine, with the time that each phase takes.

Importing torch and fetching the weights happen at once: the one is the processor's work, the other the
network's. The port is open all the while, so that probes learn how far it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from service.engine.interface import EngineDeadError, EngineState, Health
from service.server.refusals import not_ready
from service.web import logs
from service.weights.manifest import MANIFEST_NAME, Manifest, digest_of
from service.weights.store import fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.engine.batching_engine import BatchingEngine
    from service.engine.interface import Engine, EngineStats
    from service.server.metrics import ServerMetrics
    from service.server.settings import ServerSettings
    from service.web.drain import Drain

_log = logs.get("startup")
T = TypeVar("T")


class Serving:
    """The server's life: starting, ready, draining. Belongs to one event loop."""

    def __init__(self, settings: ServerSettings, metrics: ServerMetrics, drain: Drain) -> None:
        self._settings = settings
        self._metrics = metrics
        self._drain = drain
        self._engine: Engine | None = None
        self._phase = "fetching the weights"

    @classmethod
    def of_engine(cls, engine: Engine, settings: ServerSettings, metrics: ServerMetrics, drain: Drain) -> Serving:
        """Serves an engine that somebody else has started."""
        serving = cls(settings, metrics, drain)
        serving._engine = engine
        return serving

    @property
    def health(self) -> Health:
        """The engine's health, or how far the start is."""
        return self._engine.health() if self._engine else Health(EngineState.LOADING, self._phase)

    @property
    def unready_reason(self) -> str:
        """Why no request is taken; empty when requests are."""
        if self._drain.draining:
            return "it is draining"
        health = self.health
        return "" if health.state is EngineState.READY else (health.reason or health.state.value)

    @property
    def model_name(self) -> str:
        """What clients call the model, as far as it is known yet: from its loading on, whatever becomes of it."""
        if self._engine is not None:
            with contextlib.suppress(EngineDeadError):  # not loaded yet
                return self._engine.model_info().name
        return self._settings.model_name

    @property
    def stats(self) -> EngineStats | None:
        """The engine's books; None before it has any."""
        if self._engine is None:
            return None
        try:
            return self._engine.stats()
        except EngineDeadError:  # not loaded yet
            return None

    def engine(self) -> Engine:
        """The engine, for a new request.

        Raises:
            ApiError: 503, the server isn't ready or not any more.
        """
        if (reason := self.unready_reason) or self._engine is None:
            raise not_ready(reason)
        return self._engine

    async def start(self) -> None:
        """Brings the engine up.

        Raises:
            WeightsError: the weights can't be had as they should be.
            ModelLoadError: they are no model that can be served.
        """
        settings = self._settings
        began = time.monotonic()
        self._metrics.startup("process", _process_age_s())
        folder, _ = await asyncio.gather(
            self._timed("weights", self._fetch),
            self._timed("imports", _import_engine),
        )
        manifest = (folder / MANIFEST_NAME).read_bytes()
        self._phase = "loading the model"
        engine = _engine(settings, folder, manifest)
        self._engine = engine
        await engine.start()
        self._metrics.startup("load", engine.load_s)
        self._metrics.startup("warm_up", engine.warm_up_s)
        total_s = _process_age_s()
        self._metrics.startup("total", total_s)
        _log.info(
            "ready",
            model=engine.model_info().name,
            digest=engine.model_info().digest,
            load_s=round(engine.load_s, 3),
            warm_up_s=round(engine.warm_up_s, 3),
            start_s=round(time.monotonic() - began, 3),
            since_process_start_s=round(total_s, 3),
        )

    async def stop(self) -> None:
        """Ends the engine, and with it whatever it still computes."""
        if self._engine is not None:
            await self._engine.stop()

    async def _timed(self, phase: str, work: Callable[[], T]) -> T:
        started = time.monotonic()
        result = await _in_thread(work, phase)
        duration_s = time.monotonic() - started
        self._metrics.startup(phase, duration_s)
        _log.info("start-up phase done", phase=phase, duration_s=round(duration_s, 3))
        return result

    def _fetch(self) -> Path:
        settings = self._settings
        return fetch(
            settings.model_uri,
            settings.model_cache,
            settings.model_digest or None,
            in_place=settings.model_in_place,
        )


async def _in_thread(work: Callable[[], T], name: str) -> T:
    """Like `asyncio.to_thread`, but nobody waits for the thread when the start was given up."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(set_outcome: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and so is whoever waited
            loop.call_soon_threadsafe(lambda: None if outcome.done() else set_outcome())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            settle(functools.partial(outcome.set_exception, error))
        else:
            settle(functools.partial(outcome.set_result, result))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await outcome


def _import_engine() -> None:
    """Imports what takes seconds: torch, and the part of transformers that the engine needs."""
    importlib.import_module("service.engine.batching_engine")


def _engine(settings: ServerSettings, folder: Path, manifest: bytes) -> BatchingEngine:
    from service.engine.batching_engine import BatchingEngine  # noqa: PLC0415 - seconds, spent in `_import_engine`
    from service.engine.loading import BatchingEngineOptions  # noqa: PLC0415
    from service.engine.reference import CacheType, LinearMode  # noqa: PLC0415

    defaults = BatchingEngineOptions()
    return BatchingEngine(
        folder,
        name=settings.model_name or Manifest.from_bytes(manifest, source=MANIFEST_NAME).name,
        digest=digest_of(manifest),
        options=BatchingEngineOptions(
            max_running=settings.max_running or defaults.max_running,
            max_waiting=settings.max_waiting,
            threads=settings.threads,
            max_context_tokens=settings.max_context_tokens,
            linear_mode=None if settings.linear_mode == "auto" else LinearMode(settings.linear_mode),
            cache_type=CacheType(settings.cache_type),
            cache_tokens=settings.cache_tokens,
            token_budget=settings.token_budget,
            prefix_cache=settings.prefix_cache,
            shared_system_prompts=settings.shared_system_prompts,
            cuda_graphs=settings.cuda_graphs,
        ),
    )


def _process_age_s() -> float:
    """Seconds since the kernel started this process: the interpreter's own start is part of a cold start.

    Source: proc_pid_stat(5), field 22 (starttime, in clock ticks since boot).
    """
    fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
