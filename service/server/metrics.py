"""What the server measures, under vLLM's names with our prefix, so that dashboards carry over.

``vllm:num_requests_running`` is ``modelfleet_num_requests_running`` here, and so on. Names and meaning:
https://docs.vllm.ai/en/latest/usage/metrics.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

if TYPE_CHECKING:
    from starlette.types import Scope

    from service.engine.interface import Delta, FinishReason, Health, Usage

_LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
_TOKEN_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5)
_TOKEN_COUNT_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)
_PATHS = frozenset({"/v1/models", "/v1/completions", "/v1/chat/completions"})


class ServerMetrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        model = ("model_name",)
        self._running = Gauge(
            "modelfleet_num_requests_running", "Requests that are being computed.", model, registry=registry
        )
        self._waiting = Gauge(
            "modelfleet_num_requests_waiting", "Requests that wait for their turn.", model, registry=registry
        )
        self._prompt_tokens = Counter(
            "modelfleet_prompt_tokens", "Prompt tokens of finished requests.", model, registry=registry
        )
        self._generation_tokens = Counter("modelfleet_generation_tokens", "Tokens generated.", model, registry=registry)
        self._first_token = Histogram(
            "modelfleet_time_to_first_token_seconds",
            "From a request's admission to its first token.",
            model,
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._inter_token = Histogram(
            "modelfleet_inter_token_latency_seconds",
            "Between two tokens of a request.",
            model,
            buckets=_TOKEN_BUCKETS_S,
            registry=registry,
        )
        self._end_to_end = Histogram(
            "modelfleet_e2e_request_latency_seconds",
            "From a request's admission to its last token.",
            model,
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._request_prompt = Histogram(
            "modelfleet_request_prompt_tokens",
            "Prompt tokens per request.",
            model,
            buckets=_TOKEN_COUNT_BUCKETS,
            registry=registry,
        )
        self._request_generation = Histogram(
            "modelfleet_request_generation_tokens",
            "Generated tokens per request.",
            model,
            buckets=_TOKEN_COUNT_BUCKETS,
            registry=registry,
        )
        self._success = Counter(
            "modelfleet_request_success",
            "Requests answered to the end.",
            ("model_name", "finished_reason"),
            registry=registry,
        )
        self._failure = Counter(
            "modelfleet_request_failure",
            "Requests that ended without an answer after they were admitted.",
            ("model_name", "reason"),
            registry=registry,
        )
        self._http = Counter(
            "modelfleet_http_requests", "HTTP requests.", ("path", "method", "status"), registry=registry
        )
        self._startup = Gauge(
            "modelfleet_startup_seconds", "Duration of each phase of the last start.", ("phase",), registry=registry
        )
        self._ready = Gauge("modelfleet_ready", "1 when the server takes requests.", registry=registry)

    def startup(self, phase: str, duration_s: float) -> None:
        """One phase of the start is over."""
        self._startup.labels(phase).set(duration_s)

    def request(self, model_name: str) -> RequestMetrics:
        """Follows one admitted request."""
        return RequestMetrics(self, model_name)

    def observe_http(self, *, path: str, method: str, status: int, duration_s: float, scope: Scope) -> None:
        """One HTTP request is over. Unknown paths share a label: clients choose them."""
        del duration_s, scope
        known_method = method if method in {"GET", "POST"} else "other"
        self._http.labels(path if path in _PATHS else "other", known_method, str(status)).inc()

    def render(self, *, model_name: str, health: Health | None, ready: bool) -> bytes:
        """All metrics in Prometheus' text format."""
        if health is not None:
            self._running.labels(model_name).set(health.running)
            self._waiting.labels(model_name).set(health.waiting)
        self._ready.set(1 if ready else 0)
        return generate_latest(self._registry)


class RequestMetrics:
    """The clock of one request."""

    def __init__(self, metrics: ServerMetrics, model_name: str) -> None:
        self._metrics = metrics
        self._model = model_name
        self._started = self._last = time.monotonic()
        self._tokens = 0
        self._closed = False

    def delta(self, delta: Delta) -> None:
        """The engine has taken a step for this request."""
        now = time.monotonic()
        if self._tokens == 0:
            self._metrics._first_token.labels(self._model).observe(now - self._started)  # noqa: SLF001
        else:
            self._metrics._inter_token.labels(self._model).observe(now - self._last)  # noqa: SLF001
        self._tokens += len(delta.token_ids)
        self._metrics._generation_tokens.labels(self._model).inc(len(delta.token_ids))  # noqa: SLF001
        self._last = now

    def success(self, usage: Usage, reason: FinishReason) -> None:
        """The request was answered to the end."""
        metrics, model = self._metrics, self._model
        self._closed = True
        metrics._end_to_end.labels(model).observe(time.monotonic() - self._started)  # noqa: SLF001
        metrics._prompt_tokens.labels(model).inc(usage.prompt_tokens)  # noqa: SLF001
        metrics._request_prompt.labels(model).observe(usage.prompt_tokens)  # noqa: SLF001
        metrics._request_generation.labels(model).observe(usage.completion_tokens)  # noqa: SLF001
        metrics._success.labels(model, reason.value).inc()  # noqa: SLF001

    def close(self, reason: str = "client_gone") -> None:
        """The request is over; without `success` before, it failed for this reason."""
        if not self._closed:
            self._closed = True
            self._metrics._failure.labels(self._model, reason).inc()  # noqa: SLF001
