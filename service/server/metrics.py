"""What the server measures, under vLLM's names with our prefix, so that dashboards carry over by a rename.

``vllm:num_requests_running`` is ``modelfleet_num_requests_running`` here, and so on: Prometheus keeps the colon for
recording rules. Names and meaning: https://docs.vllm.ai/en/latest/usage/metrics.html; what differs stands in
``docs/serving.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from service.server.request_metrics import RequestClock, RequestFamilies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric
    from starlette.types import Scope

    from service.engine.interface import EngineStats, GenerationRequest, Health

_PATHS = frozenset(
    {
        "/detokenize",
        "/tokenize",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/models",
        "/version",
    }
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the server stands when it is asked for its metrics.

    Attributes:
        model_name: what clients call the model.
        health: of the engine.
        stats: of the engine, where it keeps any.
        ready: whether requests are taken.
    """

    model_name: str
    health: Health
    stats: EngineStats | None
    ready: bool


class ServerMetrics:
    """The server's metrics, in a registry of their own.

    Attributes:
        families: what is measured of each request.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.families = RequestFamilies(registry)
        self._engine = _EngineCollector()
        registry.register(self._engine)
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

    def request(self, model_name: str, request: GenerationRequest) -> RequestClock:
        """Follows one admitted request."""
        return RequestClock(self.families, model_name, request)

    def observe_http(self, *, path: str, method: str, status: int, duration_s: float, scope: Scope) -> None:
        """One HTTP request is over. Unknown paths share a label: clients choose them."""
        del duration_s, scope
        known_method = method if method in {"GET", "POST"} else "other"
        self._http.labels(path if path in _PATHS else "other", known_method, str(status)).inc()

    def render(self, snapshot: Snapshot) -> bytes:
        """All metrics in Prometheus' text format."""
        self._engine.snapshot = snapshot
        self._ready.set(1 if snapshot.ready else 0)
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    """What the engine counts itself: read when it is asked for, never pushed from the engine's threads."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def describe(self) -> Iterator[Metric]:
        """Nothing ahead of time: the names are ours alone."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The engine's books, as they stand."""
        if (snapshot := self.snapshot) is None:
            return
        health, stats = snapshot.health, snapshot.stats
        model = [snapshot.model_name]
        for name, meaning, value in (
            ("num_requests_running", "Requests that are being computed.", health.running),
            ("num_requests_waiting", "Requests that wait for their turn.", health.waiting),
        ):
            yield _gauge(name, meaning, model, value)
        if stats is None:
            return
        yield _gauge(
            "kv_cache_usage_perc",
            "Share of the key-value blocks that requests hold; 1 is all.",
            model,
            stats.cache_usage,
        )
        for name, meaning, count in (
            ("prefix_cache_queries", "Tokens that were looked for in the prefix cache.", stats.prefix_queries),
            ("prefix_cache_hits", "Tokens that the prefix cache held.", stats.prefix_hits),
            ("num_preemptions", "How often a choice had to give its blocks back.", stats.preemptions),
        ):
            family = CounterMetricFamily(f"modelfleet_{name}", meaning, labels=["model_name"])
            family.add_metric(model, count)
            yield family
        steps = SummaryMetricFamily(
            "modelfleet_iteration_tokens_total", "Tokens computed in each of the engine's steps.", labels=["model_name"]
        )
        steps.add_metric(model, count_value=stats.steps, sum_value=stats.computed_tokens)
        yield steps


def _gauge(name: str, meaning: str, model: list[str], value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"modelfleet_{name}", meaning, labels=["model_name"])
    family.add_metric(model, value)
    return family
