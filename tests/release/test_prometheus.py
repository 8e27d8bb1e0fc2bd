"""What is asked of Prometheus, and what becomes of its answers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from release.errors import RegionError
from release.prometheus import WINDOW_S, Prometheus

SINCE = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Scripted:
    """Answers in the shape that the API documents: a matrix of [time, "value"] pairs."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self.values = values
        self.asked: list[Mapping[str, str]] = []

    def __call__(self, endpoint: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        assert endpoint == "query_range"
        self.asked.append(parameters)
        found = next((values for part, values in self.values.items() if part in parameters["query"]), [])
        pairs = [[SINCE.timestamp() + WINDOW_S * (place + 1), value] for place, value in enumerate(found)]
        result = [{"metric": {}, "values": pairs}] if found else []
        return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def test_one_value_for_each_window() -> None:
    api = Scripted(
        {
            'status=~"5.."': ["1", "0", "2"],
            "gateway_requests_total": ["40", "30", "30"],
            "time_to_first_token": ["0.1", "NaN", "0.3"],
            "per_output_token": ["0.01", "0.02", "+Inf"],
            "generation_tokens": ["100", "200", "300"],
        }
    )
    samples = Prometheus(api).samples(SINCE, SINCE + timedelta(seconds=3 * WINDOW_S))
    assert (samples.requests, samples.errors) == (100, 3)
    assert samples.ttft_s == (0.1, 0.3)  # a window without a request has no mean
    assert samples.token_s == (0.01, 0.02)
    assert samples.tokens_per_s == (100, 200, 300)
    assert {asked["step"] for asked in api.asked} == {str(WINDOW_S)}
    assert {float(asked["start"]) for asked in api.asked} == {SINCE.timestamp() + WINDOW_S}


def test_no_window_has_passed_yet() -> None:
    api = Scripted({"gateway_requests_total": ["1"]})
    samples = Prometheus(api).samples(SINCE, SINCE + timedelta(seconds=WINDOW_S - 1))
    assert samples.requests == 0
    assert api.asked == []


def test_a_refusal_is_told() -> None:
    def refuse(endpoint: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        del endpoint, parameters
        return {"status": "error", "errorType": "bad_data", "error": "parse error"}

    with pytest.raises(RegionError, match=r"Prometheus refused .*: parse error"):
        Prometheus(refuse).samples(SINCE, SINCE + timedelta(minutes=5))
