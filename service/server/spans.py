"""OpenTelemetry spans: one for each of the engine's requests, with its queue, prefill and decode inside.

A span's parent is the caller's, by W3C ``traceparent``. Its attributes follow the conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/) and hold no text of any request.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

    from service.engine.interface import Delta, EngineError, GenerationRequest

_SERVICE = "modelfleet-server"
_NS_PER_S = 1_000_000_000


class Tracing:
    """Makes spans and sends them to a collector."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("service.server")
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def to_collector(cls, version: str) -> Tracing:
        """Sends spans in batches to the collector that the environment names, by OTLP over HTTP."""
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before this.
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": _SERVICE}
        provider = TracerProvider(resource=Resource.create({**named, "service.version": version}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def request(
        self, operation: str, model: str, request: GenerationRequest, headers: Mapping[str, str]
    ) -> RequestSpan:
        """Follows one admitted request.

        Args:
            operation: ``chat`` or ``text_completion``.
            model: the model's name.
            request: what was admitted.
            headers: of the HTTP request; may name the caller's span.
        """
        return RequestSpan(self._tracer, self._propagator.extract(headers), operation, model, request)

    def shutdown(self) -> None:
        """Sends what is left. Takes as long as the collector does."""
        self._provider.shutdown()


class RequestSpan:
    """The span of one request. Implements `RequestObserver`."""

    def __init__(self, tracer: Tracer, parent: Context, operation: str, model: str, request: GenerationRequest) -> None:
        self._tracer = tracer
        self._started_ns = time.time_ns()
        self._first_ns: int | None = None
        sampling = request.sampling
        self._span = tracer.start_span(
            f"{operation} {model}",
            context=parent,
            kind=SpanKind.SERVER,
            start_time=self._started_ns,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": "modelfleet",
                "gen_ai.request.model": model,
                "gen_ai.request.choice.count": sampling.n,
                "gen_ai.request.temperature": sampling.temperature,
                "gen_ai.request.top_p": sampling.top_p,
                "modelfleet.request_id": request.request_id,
                "modelfleet.priority": request.priority.name.lower(),
            },
        )
        if sampling.max_tokens is not None:
            self._span.set_attribute("gen_ai.request.max_tokens", sampling.max_tokens)

    def delta(self, delta: Delta) -> None:
        """See `RequestObserver.delta`."""
        del delta
        if self._first_ns is None:
            self._first_ns = time.time_ns()

    def finished(self, last: Delta) -> None:
        """See `RequestObserver.finished`."""
        now_ns = time.time_ns()
        first_ns = self._first_ns or now_ns
        begun_ns = min(self._started_ns + int((last.queue_s or 0.0) * _NS_PER_S), first_ns)
        self._phase("queue", self._started_ns, begun_ns)
        self._phase("prefill", begun_ns, first_ns)
        self._phase("decode", first_ns, now_ns)
        self._span.set_attributes(
            {
                "gen_ai.usage.input_tokens": last.usage.prompt_tokens,
                "gen_ai.usage.output_tokens": last.usage.completion_tokens,
                "gen_ai.response.finish_reasons": [last.finish_reason.value] if last.finish_reason else [],
                "modelfleet.cached_prompt_tokens": last.usage.cached_prompt_tokens,
                "modelfleet.time_to_first_token_s": (first_ns - self._started_ns) / _NS_PER_S,
            }
        )
        self._span.end(now_ns)

    def failed(self, error: EngineError | None) -> None:
        """See `RequestObserver.failed`."""
        kind = "client_gone" if error is None else type(error).__name__
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR, kind)
        self._span.end()

    def _phase(self, name: str, start_ns: int, end_ns: int) -> None:
        self._tracer.start_span(name, context=set_span_in_context(self._span), start_time=start_ns).end(end_ns)
