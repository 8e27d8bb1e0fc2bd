"""The server against its own OpenAPI document: whatever schemathesis makes up, the answer is one that is documented."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.service.conftest import MODEL_NAME

if TYPE_CHECKING:
    from schemathesis.schemas import BaseSchema

    from tests.service.conftest import ServiceProcess


def unfit_is_refused(context: schemathesis.CheckContext, response: schemathesis.Response, case: Any) -> bool | None:
    # The check doesn't know that a body may be refused for its size before anybody reads it.
    return None if response.status_code == 413 else negative_data_rejection(context, response, case)


_CHECKS: list[schemathesis.CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unfit_is_refused,
]
_READING = ["/version", "/v1/models", "/v1/models/{model}"]
_ASKING = ["/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/tokenize", "/detokenize"]


@pytest.fixture(scope="module")
def document(server: ServiceProcess) -> dict[str, Any]:
    return httpx.get(server.url("/openapi.json")).json()


@pytest.fixture(scope="module")
def schema(document: dict[str, Any]) -> BaseSchema:
    return schemathesis.openapi.from_dict(copy.deepcopy(document))


@pytest.fixture(scope="module")
def servable(document: dict[str, Any]) -> BaseSchema:
    """The document, narrowed to requests that this model can serve: else most would end at the model's name."""
    content = copy.deepcopy(document)
    schemas = content["components"]["schemas"]
    for name in ("CompletionBody", "ChatBody", "EmbeddingBody", "TokenizeBody", "DetokenizeBody"):
        schemas[name]["properties"]["model"] = {"type": "string", "enum": [MODEL_NAME]}
    for name in ("CompletionBody", "ChatBody"):
        schemas[name]["properties"] |= {
            "max_tokens": {"type": "integer", "minimum": 1, "maximum": 4},
            "n": {"type": "integer", "minimum": 1, "maximum": 2},
        }
        schemas[name]["required"].append("max_tokens")
    return schemathesis.openapi.from_dict(content)


def test_every_endpoint_is_asked_below(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {*_READING, *_ASKING}


@pytest.mark.parametrize("path", _READING)
def test_what_is_read_is_documented(schema: BaseSchema, server: ServiceProcess, path: str) -> None:
    hold(schema[path]["GET"].as_strategy(), server, examples=5)


@pytest.mark.parametrize("path", _ASKING)
def test_what_fits_the_document_is_answered_as_documented(
    servable: BaseSchema, server: ServiceProcess, path: str
) -> None:
    hold(servable[path]["POST"].as_strategy(), server, examples=25)


@pytest.mark.parametrize("path", _ASKING)
def test_what_does_not_fit_is_refused_as_documented(schema: BaseSchema, server: ServiceProcess, path: str) -> None:
    hold(schema[path]["POST"].as_strategy(generation_mode=GenerationMode.NEGATIVE), server, examples=25)


def hold(cases: st.SearchStrategy[schemathesis.Case], server: ServiceProcess, *, examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=cases)
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=server.url(), checks=_CHECKS, timeout=60)

    check()
