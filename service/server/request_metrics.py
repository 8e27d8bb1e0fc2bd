"""What is measured of each request that the engine has admitted, under vLLM's names with our prefix."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from service.engine.interface import Delta, EngineError, GenerationRequest

# From a step of a small model to the longest answer that anybody waits for.
_LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
_TOKEN_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5)
_TOKEN_COUNT_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)
_CHOICES_BUCKETS = (1, 2, 5, 10, 20, 50, 100)


class RequestFamilies:
    """The families of metrics; all labelled with the model's name. Each attribute's meaning is its help text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        model = ("model_name",)

        def counter(name: str, meaning: str, labels: tuple[str, ...] = model) -> Counter:
            return Counter(f"modelfleet_{name}", meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, buckets: tuple[float, ...] = _LATENCY_BUCKETS_S) -> Histogram:
            return Histogram(f"modelfleet_{name}", meaning, model, buckets=buckets, registry=registry)

        self.prompt_tokens = counter("prompt_tokens", "Prompt tokens of requests that have their first token.")
        self.generation_tokens = counter("generation_tokens", "Tokens generated.")
        self.success = counter(
            "request_success",
            "Requests answered to the end, by what ended their last choice.",
            ("model_name", "finished_reason"),
        )
        self.failure = counter(
            "request_failure",
            "Requests that ended without an answer after they were admitted.",
            ("model_name", "reason"),
        )
        self.first_token = histogram("time_to_first_token_seconds", "From a request's admission to its first token.")
        self.inter_token = histogram(
            "inter_token_latency_seconds", "Between two steps of the same choice.", _TOKEN_BUCKETS_S
        )
        self.per_output_token = histogram(
            "request_time_per_output_token_seconds",
            "Mean time for each token of a request after the first.",
            _TOKEN_BUCKETS_S,
        )
        self.end_to_end = histogram("e2e_request_latency_seconds", "From a request's admission to its last token.")
        self.queue = histogram("request_queue_time_seconds", "From a request's admission until its computing began.")
        self.inference = histogram(
            "request_inference_time_seconds", "From the beginning of its computing to a request's last token."
        )
        self.prefill = histogram(
            "request_prefill_time_seconds", "From the beginning of its computing to a request's first token."
        )
        self.decode = histogram("request_decode_time_seconds", "From a request's first token to its last.")
        self.request_prompt = histogram("request_prompt_tokens", "Prompt tokens per request.", _TOKEN_COUNT_BUCKETS)
        self.request_generation = histogram(
            "request_generation_tokens", "Generated tokens per request.", _TOKEN_COUNT_BUCKETS
        )
        self.params_n = histogram("request_params_n", "Choices that a request asked for.", _CHOICES_BUCKETS)
        self.params_max_tokens = histogram(
            "request_params_max_tokens", "Most tokens that a request asked for, where it did.", _TOKEN_COUNT_BUCKETS
        )


class RequestClock:
    """The clock of one admitted request. Implements `RequestObserver`."""

    def __init__(
        self,
        families: RequestFamilies,
        model_name: str,
        request: GenerationRequest,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._families = families
        self._model = model_name
        self._request = request
        self._clock = clock
        # Looked up once: these two are asked for with every step.
        self._inter_token = families.inter_token.labels(model_name)
        self._generation_tokens = families.generation_tokens.labels(model_name)
        self._started = clock()
        self._first: float | None = None
        self._last_of_choice: dict[int, float] = {}

    def delta(self, delta: Delta) -> None:
        """See `RequestObserver.delta`."""
        now = self._clock()
        if self._first is None:
            self._first = now
            self._families.first_token.labels(self._model).observe(now - self._started)
            self._families.prompt_tokens.labels(self._model).inc(delta.usage.prompt_tokens)
        if (last := self._last_of_choice.get(delta.index)) is not None:
            self._inter_token.observe(now - last)
        self._last_of_choice[delta.index] = now
        self._generation_tokens.inc(len(delta.token_ids))

    def finished(self, last: Delta) -> None:
        """See `RequestObserver.finished`."""
        families, model, now, usage = self._families, self._model, self._clock(), last.usage
        first = self._first if self._first is not None else now
        queue_s = last.queue_s or 0.0
        families.end_to_end.labels(model).observe(now - self._started)
        families.decode.labels(model).observe(now - first)
        if last.queue_s is not None:
            families.queue.labels(model).observe(queue_s)
            families.inference.labels(model).observe(max(now - self._started - queue_s, 0.0))
            families.prefill.labels(model).observe(max(first - self._started - queue_s, 0.0))
        if usage.completion_tokens > 1:
            families.per_output_token.labels(model).observe((now - first) / (usage.completion_tokens - 1))
        families.request_prompt.labels(model).observe(usage.prompt_tokens)
        families.request_generation.labels(model).observe(usage.completion_tokens)
        families.params_n.labels(model).observe(self._request.sampling.n)
        if self._request.sampling.max_tokens is not None:
            families.params_max_tokens.labels(model).observe(self._request.sampling.max_tokens)
        if last.finish_reason is not None:
            families.success.labels(model, last.finish_reason.value).inc()

    def failed(self, error: EngineError | None) -> None:
        """See `RequestObserver.failed`."""
        reason = "client_gone" if error is None else type(error).__name__
        self._families.failure.labels(self._model, reason).inc()
