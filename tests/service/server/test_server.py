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


@pytest.fixture(scope="module")
def client(server: ServiceProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url("/v1"), api_key="unused", max_retries=0)


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


_COMPLETIONS = "/v1/completions"


def test_unknown_urls_and_methods(server: ServiceProcess) -> None:
    assert httpx.get(server.url("/v2/models")).json()["error"]["code"] == "unknown_url"
    answer = httpx.get(server.url(_COMPLETIONS))
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_the_request_id_comes_back(server: ServiceProcess) -> None:
    given_id = httpx.get(server.url("/v1/models"), headers={"x-request-id": "my-id.1"})
    assert given_id.headers["x-request-id"] == "my-id.1"
    unfit = httpx.get(server.url("/v1/models"), headers={"x-request-id": "a b"}).headers["x-request-id"]
    assert unfit != "a b"


def test_a_client_that_leaves_frees_the_engine(server: ServiceProcess) -> None:
    gone_before = server.metric("modelfleet_request_failure_total")
    with httpx.stream("POST", server.url(_COMPLETIONS), json=_LONG) as answer:
        next(answer.iter_lines())
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url(_COMPLETIONS), json=_LONG | {"stream": False}, timeout=httpx.Timeout(60, read=0.05))
    eventually(lambda: server.metric("modelfleet_request_failure_total") >= gone_before + 2)
    eventually(lambda: server.metric("modelfleet_num_requests_running") == 0)


def test_metrics_and_logs_tell_what_happened_and_not_what_was_said(
    server: ServiceProcess, client: openai.OpenAI
) -> None:
    before = server.metric("modelfleet_generation_tokens_total")
    answer = client.completions.create(model=MODEL_NAME, prompt="my secret prompt", max_tokens=12, seed=1)
    assert answer.usage is not None
    assert server.metric("modelfleet_generation_tokens_total") == before + answer.usage.completion_tokens
    assert server.metric("modelfleet_ready") == 1
    assert server.metric("modelfleet_startup_seconds") > 0
    httpx.post(server.url(_COMPLETIONS), json={"model": MODEL_NAME, "prompt": "my secret prompt", "n": 0})
    # A request is logged when it is over, which its client may know first.
    eventually(lambda: {200, 400} <= {event["status"] for event in server.events() if event["event"] == "request"})
    assert "secret" not in server.log()


def test_readiness_and_drain(start_service: StartService, model_folder: Path) -> None:
    server = start_service("server", MODEL_URI=model_folder.as_uri(), DRAIN_TIMEOUT_S=60, DRAIN_LINGER_S=2)
    server.event("listening")
    starting = httpx.get(server.url("/readyz"))
    assert starting.status_code == 503
    assert starting.json()["reason"]
    assert httpx.get(server.url("/healthz")).status_code == 200
    early = httpx.post(server.url(_COMPLETIONS), json=_LONG)
    assert (early.status_code, early.json()["error"]["code"]) == (503, "not_ready")
    assert int(early.headers["retry-after"]) > 0
    server.event("ready")
    assert httpx.get(server.url("/readyz")).status_code == 200
    with httpx.stream("POST", server.url(_COMPLETIONS), json=_LONG, timeout=60) as running:
        lines = running.iter_lines()
        next(lines)
        server.terminate()
        eventually(lambda: httpx.get(server.url("/readyz")).status_code == 503)
        refused = httpx.post(server.url(_COMPLETIONS), json=_LONG)
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
        client.send(client.build_request("POST", server.url(_COMPLETIONS), json=_LONG), stream=True)
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
    return server.process.wait(180), server.log().strip().splitlines()[-1]


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
        ({"MODEL_URI": "file:///x", "LINEAR_MODE": "int3"}, "MODELFLEET_LINEAR_MODE"),
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
