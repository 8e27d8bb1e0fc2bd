"""Whatever is wrong with a request, the answer names it; nothing that a client sends makes the server fail."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.conftest import MODEL_NAME

if TYPE_CHECKING:
    from tests.service.conftest import ServiceProcess

_COMPLETIONS, _CHAT = "/v1/completions", "/v1/chat/completions"
_EMBEDDINGS = "/v1/embeddings"
_USER = {"role": "user", "content": "hi"}
_NEEDED: dict[str, dict[str, Any]] = {
    _COMPLETIONS: {"prompt": "x", "max_tokens": 1},
    _CHAT: {"messages": [_USER], "max_tokens": 1},
}


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "form", "schema": schema}}


@pytest.mark.parametrize(
    ("path", "changes", "status", "param", "code"),
    [
        (_COMPLETIONS, {"model": "gpt-9"}, 404, "model", "model_not_found"),
        (_COMPLETIONS, {"model": 3}, 400, "model", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": -1}, 400, "max_tokens", "invalid_value"),
        (_COMPLETIONS, {"max_tokens": 0}, 400, "max_tokens", "invalid_value"),
        (_COMPLETIONS, {"max_tokens": "5"}, 400, "max_tokens", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": 1.5}, 400, "max_tokens", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": float("inf")}, 400, "max_tokens", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": True}, 400, "max_tokens", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": 10**30}, 400, "max_tokens", "context_length_exceeded"),
        (_COMPLETIONS, {"temperature": float("nan")}, 400, "temperature", "invalid_value"),
        (_COMPLETIONS, {"temperature": float("inf")}, 400, "temperature", "invalid_value"),
        (_COMPLETIONS, {"temperature": 2.5}, 400, "temperature", "invalid_value"),
        (_COMPLETIONS, {"top_p": 0}, 400, "top_p", "invalid_value"),
        (_COMPLETIONS, {"top_k": -2}, 400, "top_k", "invalid_value"),
        (_COMPLETIONS, {"top_k": 10**30}, 400, "top_k", "invalid_value"),
        (_COMPLETIONS, {"repetition_penalty": 5e-324}, 400, "repetition_penalty", "invalid_value"),
        (_COMPLETIONS, {"presence_penalty": -3}, 400, "presence_penalty", "invalid_value"),
        (_COMPLETIONS, {"seed": 2**70}, 400, "seed", "invalid_value"),
        (_COMPLETIONS, {"prompt": ""}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": []}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": {"a": 1}}, 400, "prompt", "invalid_type"),
        (_COMPLETIONS, {"prompt": [1, 99999]}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": [1, -1]}, 400, "prompt[1]", "invalid_value"),
        (_COMPLETIONS, {"prompt": ["a", 1]}, 400, "prompt[1]", "invalid_type"),
        (_COMPLETIONS, {"prompt": ["a", ""]}, 400, "prompt[1]", "invalid_value"),
        (_COMPLETIONS, {"prompt": [[1], []]}, 400, "prompt[1]", "invalid_value"),
        (_COMPLETIONS, {"prompt": [[1], [99999]]}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": [[1], ["a"]]}, 400, "prompt[1][0]", "invalid_type"),
        (_COMPLETIONS, {"prompt": ["a"] * 65, "n": 2}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": [2**70]}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": [1] * 300}, 400, "prompt", "context_length_exceeded"),
        (_COMPLETIONS, {"prompt": "\ud800"}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"model": "\ud800"}, 400, "model", "invalid_value"),
        (_COMPLETIONS, {"n": 0}, 400, "n", "invalid_value"),
        (_COMPLETIONS, {"n": 129}, 400, "n", "invalid_value"),
        (_COMPLETIONS, {"n": True}, 400, "n", "invalid_type"),
        (_COMPLETIONS, {"n": 2, "best_of": 3}, 400, "best_of", "unsupported_parameter"),
        (_COMPLETIONS, {"logprobs": 21}, 400, "logprobs", "invalid_value"),
        (_COMPLETIONS, {"logprobs": True}, 400, "logprobs", "invalid_type"),
        (_COMPLETIONS, {"echo": True, "logprobs": 1}, 400, "echo", "unsupported_parameter"),
        (_COMPLETIONS, {"echo": True, "prompt": [99999]}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"use_beam_search": True}, 400, "use_beam_search", "unsupported_parameter"),
        (_COMPLETIONS, {"priority": -1}, 400, "priority", "unsupported_parameter"),
        (_COMPLETIONS, {"service_tier": "gold"}, 400, "service_tier", "invalid_value"),
        (_COMPLETIONS, {"cache_salt": ""}, 400, "cache_salt", "invalid_value"),
        (_COMPLETIONS, {"suffix": "x"}, 400, "suffix", "unsupported_parameter"),
        (_COMPLETIONS, {"stop": ["a", "b", "c", "d", "e"]}, 400, "stop", "invalid_value"),
        (_COMPLETIONS, {"stop": [""]}, 400, "stop", "invalid_value"),
        (_COMPLETIONS, {"stop": [1]}, 400, "stop[0]", "invalid_type"),
        (_COMPLETIONS, {"logit_bias": {"a": 1}}, 400, "logit_bias", "invalid_value"),
        (_COMPLETIONS, {"logit_bias": {"99999": 1}}, 400, "logit_bias", "invalid_value"),
        (_COMPLETIONS, {"logit_bias": {"1": 101}}, 400, "logit_bias.1", "invalid_value"),
        (_COMPLETIONS, {"stream_options": {"include_usage": True}}, 400, "stream_options", "invalid_value"),
        (_COMPLETIONS, {"temprature": 1}, 400, "temprature", "unknown_parameter"),
        (_COMPLETIONS, {"\ud800": 1}, 400, None, "invalid_value"),
        (_CHAT, {"messages": []}, 400, "messages", "invalid_value"),
        (_CHAT, {"messages": "hi"}, 400, "messages", "invalid_type"),
        (_CHAT, {"messages": [{"role": "user"}]}, 400, "messages[0].content", "missing_required_parameter"),
        (_CHAT, {"messages": [_USER, {"role": "king", "content": ""}]}, 400, "messages[1].role", "invalid_value"),
        (_CHAT, {"messages": [_USER | {"content": 3}]}, 400, "messages[0].content", "invalid_type"),
        (
            _CHAT,
            {"messages": [_USER | {"content": [{"type": "image_url", "text": ""}]}]},
            400,
            "messages[0].content[0].type",
            "invalid_value",
        ),
        (_CHAT, {"max_tokens": 3, "max_completion_tokens": 4}, 400, "max_completion_tokens", "invalid_value"),
        (_CHAT, {"tools": [{"type": "function"}]}, 400, "tools", "unsupported_parameter"),
        (_CHAT, {"messages": [_USER | {"content": "x " * 300}]}, 400, "messages", "context_length_exceeded"),
        (_CHAT, {"response_format": {"type": "xml"}}, 400, "response_format", "invalid_value"),
        (_CHAT, {"response_format": "json"}, 400, "response_format", "invalid_value"),
        (_CHAT, {"response_format": {"type": "json_object", "x": 1}}, 400, "response_format.x", "unknown_parameter"),
        (
            _CHAT,
            {"response_format": {"type": "json_schema"}},
            400,
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        (_CHAT, {"response_format": _schema({"type": "nonsense"})}, 400, "response_format", "invalid_value"),
        (_CHAT, {"response_format": _schema({"$ref": "#/nowhere"})}, 400, "response_format", "invalid_value"),
        (
            _CHAT,
            {"response_format": _schema({"minimum": float("nan")})},
            400,
            "response_format.json_schema.schema",
            "invalid_value",
        ),
        (
            _CHAT,
            {"response_format": _schema({"description": "x" * 70_000})},
            400,
            "response_format.json_schema.schema",
            "invalid_value",
        ),
        (_CHAT, {"response_format": _schema({}), "ignore_eos": True}, 400, "ignore_eos", "invalid_value"),
        (_CHAT, {"logprobs": 1}, 400, "logprobs", "invalid_type"),
        (_CHAT, {"top_logprobs": 2}, 400, "top_logprobs", "invalid_value"),
        (_CHAT, {"logprobs": True, "top_logprobs": 21}, 400, "top_logprobs", "invalid_value"),
        (_EMBEDDINGS, {"input": "x"}, 400, "model", "unsupported_task"),
        (_EMBEDDINGS, {"input": []}, 400, "input", "invalid_value"),
        (_EMBEDDINGS, {"input": 1}, 400, "input", "invalid_type"),
        (_EMBEDDINGS, {}, 400, "input", "missing_required_parameter"),
        ("/tokenize", {}, 400, "prompt", "invalid_value"),
        ("/tokenize", {"prompt": "x", "messages": [_USER]}, 400, "prompt", "invalid_value"),
        ("/tokenize", {"prompt": 1}, 400, "prompt", "invalid_type"),
        ("/tokenize", {"prompt": "x", "model": "gpt-9"}, 404, "model", "model_not_found"),
        ("/detokenize", {}, 400, "tokens", "missing_required_parameter"),
        ("/detokenize", {"tokens": [99999]}, 400, "tokens", "invalid_value"),
        ("/detokenize", {"tokens": [1, "a"]}, 400, "tokens[1]", "invalid_type"),
        ("/detokenize", {"tokens": [1, True]}, 400, "tokens[1]", "invalid_type"),
        ("/detokenize", {"tokens": [1, 2.5]}, 400, "tokens[1]", "invalid_type"),
        (_COMPLETIONS, {"logit_bias": {str(token): 1 for token in range(301)}}, 400, "logit_bias", "invalid_value"),
        (_COMPLETIONS, {"metadata": {str(number): 1 for number in range(301)}}, 400, "metadata", "invalid_value"),
        (_COMPLETIONS, {str(number): 1 for number in range(301)}, 400, None, "invalid_value"),
    ],
)
def test_a_malformed_field_is_named(  # noqa: PLR0917 - one for each parametrised value
    server: ServiceProcess, path: str, changes: dict[str, Any], status: int, param: str | None, code: str
) -> None:
    body = json.dumps({"model": MODEL_NAME} | _NEEDED.get(path, {}) | changes)
    answer = httpx.post(server.url(path), content=body, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (status, param, code), error
    assert error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b'{"model": "tiny", "prompt": "\xff"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"model": ' + b"9" * 5000 + b"}", "application/json"),
        (b'{"model": "tiny", "prompt": "x"}', "text/plain"),
        (b"model=tiny", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_object_is_refused(server: ServiceProcess, body: bytes, kind: str) -> None:
    answer = httpx.post(server.url(_COMPLETIONS), content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"invalid_json", "invalid_type"}, answer.text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    [
        "model",
        "prompt",
        "messages",
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "stream",
        "seed",
        "logit_bias",
        "stream_options",
        "n",
        "best_of",
        "echo",
        "logprobs",
        "top_logprobs",
        "response_format",
        "service_tier",
        "tools",
        "user",
        "min_p",
        "top_k",
        "x",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(_FIELDS, _JSON, min_size=1, max_size=3), path=st.sampled_from([_COMPLETIONS, _CHAT]))
def test_no_body_makes_it_fail(server: ServiceProcess, changes: dict[str, Any], path: str) -> None:
    body = json.dumps({"model": MODEL_NAME} | _NEEDED[path] | changes)
    answer = httpx.post(server.url(path), content=body, headers={"content-type": "application/json"}, timeout=60)
    assert answer.status_code in {200, 400, 404}, answer.text
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("chunked", [False, True])
def test_an_oversized_body_is_refused_and_says_why(server: ServiceProcess, chunked: bool) -> None:
    body = json.dumps({"model": MODEL_NAME, "prompt": "x" * 10_000_000}).encode()
    content = iter([body[:100], body[100:]]) if chunked else body
    answer = httpx.post(server.url(_COMPLETIONS), content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_a_body_that_does_not_come_is_not_waited_for(server: ServiceProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
