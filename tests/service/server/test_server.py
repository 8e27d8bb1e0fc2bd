"""The server as a process of its own, asked by OpenAI's client and by clients that mean no good."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.server.settings import ServerSettings
from service.weights.store import publish
from tests.service.conftest import MODEL_NAME, ServiceProcess, StartService, eventually, make_model

if TYPE_CHECKING:
    from pathlib import Path

_LONG: dict[str, Any] = {
    "model": MODEL_NAME,
    "prompt": [1],
    "max_tokens": 250,
    "stream": True,
    "ignore_eos": True,
}


def url(server: ServiceProcess, path: str = "") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def metric(server: ServiceProcess, name: str) -> float:
    lines = httpx.get(url(server, "/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + "{", name + " ")))


@pytest.fixture(scope="module")
def client(server: ServiceProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=url(server, "/v1"), api_key="unused", max_retries=0)


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL_NAME]
    assert client.models.retrieve(MODEL_NAME).id == MODEL_NAME
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-9")
    assert refused.value.code == "model_not_found"


def test_completion_whole_and_streamed_are_the_same(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL_NAME, "prompt": "def fibonacci(n):", "max_tokens": 20, "seed": 7}
    whole = client.completions.create(**asked)
    chunks = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_chat_whole_and_streamed_are_the_same(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": MODEL_NAME,
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "Grüße, 世界"}]},
        ],
        "max_completion_tokens": 20,
        "seed": 7,
    }
    whole = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason


def test_a_stop_string_is_never_shown(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL_NAME, "prompt": "x", "max_tokens": 40, "seed": 11}
    text = client.completions.create(**asked).choices[0].text
    stop = text[10:13]
    chunks = client.completions.create(**asked, stop=stop, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == text[: text.index(stop)]


_COMPLETIONS, _CHAT = "/v1/completions", "/v1/chat/completions"
_USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("path", "changes", "status", "param", "code"),
    [
        (_COMPLETIONS, {"model": "gpt-9"}, 404, "model", "model_not_found"),
        (_COMPLETIONS, {"model": 3}, 400, "model", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": -1}, 400, "max_tokens", "invalid_value"),
        (_COMPLETIONS, {"max_tokens": 0}, 400, "max_tokens", "invalid_value"),
        (_COMPLETIONS, {"max_tokens": "5"}, 400, "max_tokens", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": 1.5}, 400, "max_tokens", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": True}, 400, "max_tokens", "invalid_type"),
        (_COMPLETIONS, {"max_tokens": 10**30}, 400, "max_tokens", "context_length_exceeded"),
        (_COMPLETIONS, {"temperature": float("nan")}, 400, "temperature", "invalid_value"),
        (_COMPLETIONS, {"temperature": float("inf")}, 400, "temperature", "invalid_value"),
        (_COMPLETIONS, {"temperature": 2.5}, 400, "temperature", "invalid_value"),
        (_COMPLETIONS, {"top_p": 0}, 400, "top_p", "invalid_value"),
        (_COMPLETIONS, {"presence_penalty": -3}, 400, "presence_penalty", "invalid_value"),
        (_COMPLETIONS, {"seed": 2**70}, 400, "seed", "invalid_value"),
        (_COMPLETIONS, {"prompt": ""}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": []}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": {"a": 1}}, 400, "prompt", "invalid_type"),
        (_COMPLETIONS, {"prompt": [1, 99999]}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"prompt": [1, -1]}, 400, "prompt[1]", "invalid_value"),
        (_COMPLETIONS, {"prompt": ["a", "b"]}, 400, "prompt", "unsupported_parameter"),
        (_COMPLETIONS, {"prompt": [1] * 300}, 400, "prompt", "context_length_exceeded"),
        (_COMPLETIONS, {"prompt": "\ud800"}, 400, "prompt", "invalid_value"),
        (_COMPLETIONS, {"model": "\ud800"}, 400, "model", "invalid_value"),
        (_COMPLETIONS, {"n": 2}, 400, "n", "unsupported_parameter"),
        (_COMPLETIONS, {"n": True}, 400, "n", "unsupported_parameter"),
        (_COMPLETIONS, {"best_of": 2}, 400, "best_of", "unsupported_parameter"),
        (_COMPLETIONS, {"logprobs": 0}, 400, "logprobs", "unsupported_parameter"),
        (_COMPLETIONS, {"echo": True}, 400, "echo", "unsupported_parameter"),
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
        (_CHAT, {"response_format": {"type": "json_object"}}, 400, "response_format", "unsupported_parameter"),
        (_CHAT, {"logprobs": True}, 400, "logprobs", "unsupported_parameter"),
        (_CHAT, {"top_logprobs": 2}, 400, "top_logprobs", "unsupported_parameter"),
    ],
)
def test_a_malformed_field_is_named(  # noqa: PLR0917 - one for each parametrised value
    server: ServiceProcess, path: str, changes: dict[str, Any], status: int, param: str | None, code: str
) -> None:
    rest = {"prompt": "x"} if path == _COMPLETIONS else {"messages": [_USER]}
    body = json.dumps({"model": MODEL_NAME, "max_tokens": 1} | rest | changes)
    answer = httpx.post(url(server, path), content=body, headers={"content-type": "application/json"})
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
    answer = httpx.post(url(server, _COMPLETIONS), content=body, headers={"content-type": kind})
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
    rest = {"prompt": "x"} if path == _COMPLETIONS else {"messages": [_USER]}
    body = json.dumps({"model": MODEL_NAME, "max_tokens": 1} | rest | changes)
    answer = httpx.post(url(server, path), content=body, headers={"content-type": "application/json"}, timeout=60)
    assert answer.status_code in {200, 400, 404}, answer.text
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_unknown_urls_and_methods(server: ServiceProcess) -> None:
    assert httpx.get(url(server, "/v2/models")).json()["error"]["code"] == "unknown_url"
    answer = httpx.get(url(server, _COMPLETIONS))
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("chunked", [False, True])
def test_an_oversized_body_is_refused_and_says_why(server: ServiceProcess, chunked: bool) -> None:
    body = json.dumps({"model": MODEL_NAME, "prompt": "x" * 10_000_000}).encode()
    content = iter([body[:100], body[100:]]) if chunked else body
    answer = httpx.post(url(server, _COMPLETIONS), content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_a_body_that_does_not_come_is_not_waited_for(server: ServiceProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_the_request_id_comes_back(server: ServiceProcess) -> None:
    given_id = httpx.get(url(server, "/v1/models"), headers={"x-request-id": "my-id.1"})
    assert given_id.headers["x-request-id"] == "my-id.1"
    unfit = httpx.get(url(server, "/v1/models"), headers={"x-request-id": "a b"}).headers["x-request-id"]
    assert unfit != "a b"


def test_a_client_that_leaves_frees_the_engine(server: ServiceProcess) -> None:
    gone_before = metric(server, "modelfleet_request_failure_total")
    with httpx.stream("POST", url(server, _COMPLETIONS), json=_LONG) as answer:
        next(answer.iter_lines())
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url(server, _COMPLETIONS), json=_LONG | {"stream": False}, timeout=0.05)
    eventually(lambda: metric(server, "modelfleet_request_failure_total") == gone_before + 2)
    eventually(lambda: metric(server, "modelfleet_num_requests_running") == 0)


def test_metrics_and_logs_tell_what_happened_and_not_what_was_said(
    server: ServiceProcess, client: openai.OpenAI
) -> None:
    before = metric(server, "modelfleet_generation_tokens_total")
    answer = client.completions.create(model=MODEL_NAME, prompt="my secret prompt", max_tokens=12, seed=1)
    assert answer.usage is not None
    assert metric(server, "modelfleet_generation_tokens_total") == before + answer.usage.completion_tokens
    assert metric(server, "modelfleet_ready") == 1
    assert metric(server, "modelfleet_startup_seconds") > 0
    httpx.post(url(server, _COMPLETIONS), json={"model": MODEL_NAME, "prompt": "my secret prompt", "n": 9})
    logged = [event for event in server.events() if event["event"] == "request"]
    assert {200, 400} <= {event["status"] for event in logged}
    assert "secret" not in server.log()


def test_readiness_and_drain(start_service: StartService, model_folder: Path) -> None:
    server = start_service("server", MODEL_URI=model_folder.as_uri(), DRAIN_TIMEOUT_S=60, DRAIN_LINGER_S=2)
    server.event("listening")
    starting = httpx.get(url(server, "/readyz"))
    assert starting.status_code == 503
    assert starting.json()["reason"]
    assert httpx.get(url(server, "/healthz")).status_code == 200
    early = httpx.post(url(server, _COMPLETIONS), json=_LONG)
    assert (early.status_code, early.json()["error"]["code"]) == (503, "not_ready")
    assert int(early.headers["retry-after"]) > 0
    server.event("ready")
    assert httpx.get(url(server, "/readyz")).status_code == 200
    with httpx.stream("POST", url(server, _COMPLETIONS), json=_LONG, timeout=60) as running:
        lines = running.iter_lines()
        next(lines)
        server.terminate()
        eventually(lambda: httpx.get(url(server, "/readyz")).status_code == 503)
        refused = httpx.post(url(server, _COMPLETIONS), json=_LONG)
        assert refused.status_code == 503
        assert refused.headers["x-modelfleet-retryable"]
        assert refused.headers["connection"] == "close"
        received = [line for line in lines if line]
    assert received[-1] == "data: [DONE]"
    assert server.process.wait(30) == 0


def test_what_outlasts_the_drain_ends_with_an_error(start_service: StartService, model_folder: Path) -> None:
    server = start_service(
        "server", MODEL_URI=model_folder.as_uri(), DRAIN_TIMEOUT_S=0.2, DRAIN_LINGER_S=0, MAX_RUNNING=16
    )
    server.event("ready")
    streams = [httpx.Client(timeout=60) for _ in range(12)]
    answers = [
        client.send(client.build_request("POST", url(server, _COMPLETIONS), json=_LONG), stream=True)
        for client in streams
    ]
    server.terminate()
    texts = ["".join(answer.iter_text()) for answer in answers]
    cut = [text for text in texts if "[DONE]" not in text]
    assert cut, "nothing was still running after the time-out"
    for text in cut:
        last = json.loads(text.strip().rpartition("data: ")[2])
        assert last["error"]["code"] == "not_ready"
    assert server.process.wait(30) == 0


def ended(server: ServiceProcess) -> tuple[int, str]:
    return server.process.wait(60), server.log().strip().splitlines()[-1]


def test_damaged_weights_are_refused_by_name_and_never_served(start_service: StartService, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "damaged")
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\0\0\0\0")
    code, line = ended(start_service("server", MODEL_URI=folder.as_uri()))
    assert code == 78
    assert "model.safetensors: sha256 is" in line


def test_a_pinned_digest_is_kept_to(start_service: StartService, model_folder: Path) -> None:
    digest = "sha256:" + "0" * 64
    code, line = ended(start_service("server", MODEL_URI=model_folder.as_uri(), MODEL_DIGEST=digest))
    assert code == 78
    assert f"{digest} was asked for" in line


def test_weights_that_fit_no_model_are_refused(start_service: StartService, model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))
    (folder / "manifest.json").unlink()
    publish(folder, (tmp_path / "published").as_uri())
    code, line = ended(start_service("server", MODEL_URI=(tmp_path / "published").as_uri()))
    assert code == 78
    assert "mlp.down_proj.weight" in line


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "MODELFLEET_MODEL_URI: Field required"),
        ({"MODEL_URI": "ftp://x"}, "ftp://x: unknown kind of place"),
        ({"MODEL_URI": "file:///nowhere"}, "file:///nowhere: no such folder"),
        ({"MODEL_URI": "file:///x", "PORT": "http"}, "MODELFLEET_PORT"),
        ({"MODEL_URI": "file:///x", "MODEL_DIGEST": "abc"}, "MODELFLEET_MODEL_DIGEST"),
        ({"MODEL_URI": "file:///x", "DTYPE": "int3"}, "MODELFLEET_DTYPE"),
    ],
)
def test_bad_settings_are_one_clear_line(start_service: StartService, changes: dict[str, str], named: str) -> None:
    server = start_service("server", **changes)
    code, line = ended(server)
    assert code == 78
    assert named in line
    assert "Traceback" not in server.log()


def test_a_taken_port_is_one_clear_line(start_service: StartService, model_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = ended(start_service("server", MODEL_URI=model_folder.as_uri(), PORT=port))
    assert code == 78
    assert f"port {port}" in line


def test_a_signal_during_the_start_ends_it_at_once(start_service: StartService, model_folder: Path) -> None:
    server = start_service("server", MODEL_URI=model_folder.as_uri(), DRAIN_LINGER_S=0)
    server.event("listening")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.log()


def test_help_lists_every_setting() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "service.server", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name, field in ServerSettings.model_fields.items():
        assert f"MODELFLEET_{name.upper()}" in shown
        assert field.description
