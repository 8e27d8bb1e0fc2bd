"""Traces, as a collector gets them over the wire."""

from __future__ import annotations

import http.server
import os
import sys
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from service.server.tracing import from_environment
from service.web.settings import ConfigurationError
from tests.service.conftest import MODEL_NAME, StartService, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_TRACE, _PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def spans(self) -> list[Span]:
        resources = [resource for request in self.requests for resource in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    started = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", started.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield started
    started.close()


def test_requests_are_traced_and_late_ones_too(
    start_service: StartService, model_folder: Path, collector: Collector
) -> None:
    server = start_service(
        "server", MODEL_URI=model_folder.as_uri(), DRAIN_LINGER_S=0, REQUEST_TIMEOUT_S=30, VERSION="1.2.3"
    )
    server.event("ready")
    assert httpx.get(server.url("/version")).json() == {"version": "1.2.3"}
    answer = httpx.post(
        server.url("/v1/completions"),
        json={"model": MODEL_NAME, "prompt": "my secret prompt", "max_tokens": 5, "ignore_eos": True},
        headers={"traceparent": f"00-{_TRACE}-{_PARENT}-01", "x-request-id": "traced"},
        timeout=60,
    )
    assert answer.status_code == 200
    spans = eventually(lambda: found if len(found := collector.spans()) == 4 else None)
    assert {span.trace_id.hex() for span in spans} == {_TRACE}
    by_name = {span.name: span for span in spans}
    whole = by_name[f"text_completion {MODEL_NAME}"]
    assert whole.parent_span_id.hex() == _PARENT
    attributes = {attribute.key: attribute.value for attribute in whole.attributes}
    assert attributes["modelfleet.request_id"].string_value == "traced"
    assert attributes["gen_ai.usage.output_tokens"].int_value == 5
    assert attributes["gen_ai.response.finish_reasons"].array_value.values[0].string_value == "length"
    phases = [by_name[name] for name in ("queue", "prefill", "decode")]
    assert {phase.parent_span_id for phase in phases} == {whole.span_id}
    at = [whole.start_time_unix_nano]
    for phase in phases:
        assert phase.start_time_unix_nano == at[-1]
        at.append(phase.end_time_unix_nano)
    assert at == sorted(at)
    assert at[-1] == whole.end_time_unix_nano
    assert b"secret" not in b"".join(request.SerializeToString() for request in collector.requests)
    resource = {
        entry.key: entry.value.string_value for entry in collector.requests[0].resource_spans[0].resource.attributes
    }
    assert (resource["service.name"], resource["service.version"]) == ("modelfleet-server", "1.2.3")

    with httpx.stream(
        "POST",
        server.url("/v1/completions"),
        json={"model": MODEL_NAME, "prompt": "x", "max_tokens": 250, "stream": True, "ignore_eos": True},
        timeout=60,
    ) as gone:
        next(gone.iter_lines())
    failed = eventually(
        lambda: next((span for span in collector.spans() if span.status.code == Status.STATUS_CODE_ERROR), None)
    )
    assert failed.status.message == "client_gone"
    server.terminate()
    assert server.process.wait(30) == 0


def test_a_deadline_that_passes_is_a_504(start_service: StartService, model_folder: Path) -> None:
    server = start_service("server", MODEL_URI=model_folder.as_uri(), DRAIN_LINGER_S=0, REQUEST_TIMEOUT_S=0.001)
    server.event("ready")
    body = {"model": MODEL_NAME, "prompt": "x", "max_tokens": 200, "ignore_eos": True}
    answer = httpx.post(server.url("/v1/completions"), json=body, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    eventually(lambda: server.metric("modelfleet_num_requests_running") == 0)


def test_nothing_is_traced_or_imported_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    assert from_environment("1") is None


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.delitem(sys.modules, "service.server.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_ENDPOINT is set, but the package opentelemetry"):
        from_environment("1")
