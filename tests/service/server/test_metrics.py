from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.engine.interface import (
    Delta,
    EngineState,
    EngineStats,
    FinishReason,
    GenerationFailedError,
    GenerationRequest,
    Health,
    SamplingParams,
    Usage,
)
from service.server.metrics import ServerMetrics, Snapshot
from service.server.request_metrics import RequestClock

_DOCUMENT = Path(__file__).parents[3] / "docs" / "serving.md"
_STATS = EngineStats(
    steps=7,
    computed_tokens=70,
    generated_tokens=30,
    preemptions=2,
    prefix_queries=50,
    prefix_hits=20,
    cache_usage=0.25,
)


def samples(metrics: ServerMetrics, stats: EngineStats | None = _STATS) -> dict[str, float]:
    """Each sample's sum over its labels."""
    health = Health(EngineState.READY, running=3, waiting=4)
    text = metrics.render(Snapshot("m", health, stats, ready=True)).decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def follow(metrics: ServerMetrics, clock: Clock, *, max_tokens: int | None = None, n: int = 1) -> RequestClock:
    request = GenerationRequest("r", (1, 2, 3), SamplingParams(max_tokens=max_tokens, n=n))
    return RequestClock(metrics.families, "m", request, clock)


def delta(tokens: int, *, index: int = 0, last: bool = False) -> Delta:
    return Delta("x", (1,), Usage(3, tokens), index, FinishReason.LENGTH if last else None, queue_s=0.5)


def test_the_engine_s_books_are_read_as_they_stand() -> None:
    found = samples(ServerMetrics())
    assert found["modelfleet_num_requests_running"] == 3
    assert found["modelfleet_num_requests_waiting"] == 4
    assert found["modelfleet_kv_cache_usage_perc"] == 0.25
    assert found["modelfleet_prefix_cache_queries_total"] == 50
    assert found["modelfleet_prefix_cache_hits_total"] == 20
    assert found["modelfleet_num_preemptions_total"] == 2
    assert found["modelfleet_iteration_tokens_total_count"] == 7
    assert found["modelfleet_iteration_tokens_total_sum"] == 70
    assert "modelfleet_kv_cache_usage_perc" not in samples(ServerMetrics(), None)


def test_a_request_s_time_is_split_into_its_parts() -> None:
    metrics, clock = ServerMetrics(), Clock()
    following = follow(metrics, clock, max_tokens=9, n=2)
    for now, index, tokens in ((102.0, 0, 1), (102.5, 1, 2), (103.0, 0, 3)):
        clock.now = now
        following.delta(delta(tokens, index=index))
    clock.now = 104.0
    last = delta(4, index=1, last=True)
    following.delta(last)
    following.finished(last)
    found = samples(metrics)
    for name, total in {
        "time_to_first_token_seconds": 2.0,
        "inter_token_latency_seconds": 1.0 + 1.5,  # of the same choice each
        "e2e_request_latency_seconds": 4.0,
        "request_queue_time_seconds": 0.5,
        "request_prefill_time_seconds": 1.5,
        "request_decode_time_seconds": 2.0,
        "request_inference_time_seconds": 3.5,
        "request_prompt_tokens": 3.0,
        "request_generation_tokens": 4.0,
        "request_params_n": 2.0,
        "request_params_max_tokens": 9.0,
    }.items():
        assert found[f"modelfleet_{name}_sum"] == pytest.approx(total), name
    assert found["modelfleet_request_time_per_output_token_seconds_sum"] == pytest.approx(2.0 / 3)
    assert found["modelfleet_prompt_tokens_total"] == 3
    assert found["modelfleet_generation_tokens_total"] == 4
    assert found["modelfleet_request_success_total"] == 1
    assert "modelfleet_request_failure_total" not in found


def test_failures_are_counted_by_their_reason() -> None:
    metrics = ServerMetrics()
    for error in (None, GenerationFailedError("x"), GenerationFailedError("y")):
        follow(metrics, Clock()).failed(error)
    text = metrics.render(Snapshot("m", Health(EngineState.READY), None, ready=True)).decode()
    assert 'modelfleet_request_failure_total{model_name="m",reason="client_gone"} 1.0' in text
    assert 'modelfleet_request_failure_total{model_name="m",reason="GenerationFailedError"} 2.0' in text


def test_the_document_names_every_metric_and_no_other() -> None:
    metrics = ServerMetrics()
    text = metrics.render(Snapshot("m", Health(EngineState.READY), _STATS, ready=True)).decode()
    served = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text)
        if family.name.startswith("modelfleet_") and not family.name.endswith("_created")
    }
    chapter = _DOCUMENT.read_text("utf-8").split("## Metrics")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in chapter.splitlines() if line.startswith("| `")]
    own = chapter.split("Of our own:")[1].split(".")[0]
    named = {f"modelfleet_{name}" for cell in (*rows, own) for name in re.findall(r"`([a-z0-9_]+)", cell)}
    assert named == served
