"""What the gateway measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

if TYPE_CHECKING:
    from starlette.types import Scope

    from service.web.drain import Drain

_LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)


class GatewayMetrics:
    """The gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "modelfleet_gateway_requests",
            "Requests by outcome; 499 is a client that left.",
            ("tenant", "route", "status"),
            registry=registry,
        )
        self._duration = Histogram(
            "modelfleet_gateway_request_seconds",
            "From a request's head to the last byte of its answer.",
            ("route",),
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._first_byte = Histogram(
            "modelfleet_gateway_upstream_first_byte_seconds",
            "From sending a request on to the head of the answer, retries included.",
            ("route",),
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._retries = Counter(
            "modelfleet_gateway_upstream_retries", "Requests sent again, by reason.", ("reason",), registry=registry
        )
        self._refused_keys = Counter(
            "modelfleet_gateway_authentication_failures", "Requests without a valid key.", registry=registry
        )
        self._reloads = Counter(
            "modelfleet_gateway_reloads", "Changed files, by outcome.", ("file", "outcome"), registry=registry
        )
        self._in_flight = Gauge(
            "modelfleet_gateway_requests_in_flight", "Requests that are being served.", registry=registry
        )
        self._ready = Gauge("modelfleet_gateway_ready", "1 until the gateway drains.", registry=registry)

    def observe_http(self, *, path: str, method: str, status: int, duration_s: float, scope: Scope) -> None:
        """One request is over."""
        del path, method
        route = scope["state"].get("route", "other")
        self._requests.labels(scope["state"].get("tenant", ""), route, str(status)).inc()
        self._duration.labels(route).observe(duration_s)

    def first_byte(self, route: str, duration_s: float) -> None:
        """A server has begun its answer."""
        self._first_byte.labels(route).observe(duration_s)

    def retry(self, reason: str) -> None:
        """A request is sent again."""
        self._retries.labels(reason).inc()

    def refused_key(self) -> None:
        """A request came without a valid key."""
        self._refused_keys.inc()

    def reload(self, file: str, outcome: str) -> None:
        """A changed file was loaded or refused."""
        self._reloads.labels(file, outcome).inc()

    def render(self, drain: Drain) -> bytes:
        """All metrics in Prometheus' text format."""
        self._in_flight.set(drain.in_flight)
        self._ready.set(0 if drain.draining else 1)
        return generate_latest(self._registry)
