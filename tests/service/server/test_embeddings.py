"""Vectors over HTTP, by OpenAI's client where it knows how to ask."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import openai
import pytest

from service.engine.batching_engine import BatchingEngine
from service.engine.loading import BatchingEngineOptions
from service.server.app import create_app
from service.server.metrics import ServerMetrics
from service.server.settings import ServerSettings
from service.server.startup import Serving
from service.web.drain import Drain
from service.web.listener import Listener
from tests.service.engine.pooling_models import make_pooling_model, pooled
from tests.service.engine.tiny_models import CONTEXT_TOKENS, VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "pooling"
_TEXTS = ["w3", "w4 w5 w6", "w7 w8"]
_TOKENS = [[3], [4, 5, 6], [7, 8]]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server of a model that makes vectors listens; few requests may wait. In this process, which is warm."""
    folder = tmp_path_factory.mktemp("pooling") / _NAME
    make_pooling_model(folder, "qwen3", pooling={"pooling_mode": "lasttoken"}, bare=True, is_matryoshka=True)
    settings = ServerSettings(model_uri=folder.as_uri(), host="127.0.0.1", port=0)
    options = BatchingEngineOptions(max_running=4, max_waiting=64, cache_tokens=2048, threads=1)
    listening: Future[Listener] = Future()

    async def serve() -> None:
        engine = BatchingEngine(folder, name=_NAME, options=options)
        await engine.start()
        metrics, drain = ServerMetrics(), Drain()
        serving = Serving.of_engine(engine, settings, metrics, drain)
        app = create_app(settings, serving, metrics, drain, version="test")
        listener = Listener(app, host="127.0.0.1", port=0, header_timeout_s=60, keep_alive_s=60)
        listening.set_result(listener)
        try:
            await listener.serve(sockets=[listener.socket])
        finally:
            await engine.stop()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if not listening.done():
                listening.set_exception(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        listener = listening.result()
        try:
            yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        finally:
            listener.should_exit = True
    finally:
        thread.join()


@pytest.fixture(scope="module")
def client(embedder: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{embedder}/v1", api_key="unused", max_retries=0)


def _metric(embedder: str, name: str) -> float:
    lines = httpx.get(f"{embedder}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{"))


def _expected(tokens: list[int], size: int | None = None) -> Any:
    vector = pooled("qwen3", tokens, "lasttoken")[:size]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("given", [_TEXTS, _TOKENS])
@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
def test_each_text_has_its_models_vector(client: openai.OpenAI, given: list[Any], encoding: dict[str, Any]) -> None:
    """The client asks for base64 where it isn't told otherwise."""
    answer = client.embeddings.create(model=_NAME, input=given, **encoding)

    assert [vector.index for vector in answer.data] == [0, 1, 2]
    for vector, tokens in zip(answer.data, _TOKENS, strict=True):
        np.testing.assert_allclose(vector.embedding, _expected(tokens), rtol=1e-4, atol=1e-5)
    assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == (_NAME, 6, 6)


@pytest.mark.parametrize("given", ["w4 w5 w6", [4, 5, 6]])
def test_one_text_and_fewer_dimensions(client: openai.OpenAI, given: Any) -> None:
    (vector,) = client.embeddings.create(model=_NAME, input=given, dimensions=8).data

    np.testing.assert_allclose(vector.embedding, _expected([4, 5, 6], 8), rtol=1e-4, atol=1e-5)


def test_more_texts_than_may_wait_are_all_answered_and_counted(client: openai.OpenAI, embedder: str) -> None:
    before = _metric(embedder, "modelfleet_request_success_total")
    tokens = [[1 + number % (VOCABULARY - 1), number // 90] for number in range(300)]

    answer = client.embeddings.create(model=_NAME, input=tokens)

    for number in (0, 171, 299):
        np.testing.assert_allclose(answer.data[number].embedding, _expected(tokens[number]), rtol=1e-4, atol=1e-5)
    assert len(answer.data) == 300
    assert _metric(embedder, "modelfleet_request_success_total") == before + 300
    assert _metric(embedder, "modelfleet_generation_tokens_total") == 0


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"dimensions": 33}, "dimensions", "invalid_value"),
        ({"dimensions": 0}, "dimensions", "invalid_value"),
        ({"input": [[1], [VOCABULARY]]}, "input", "invalid_value"),
        ({"input": [[1] * (CONTEXT_TOKENS + 1)]}, "input", "context_length_exceeded"),
        ({"input": ""}, "input", "invalid_value"),
        ({"encoding_format": "hex"}, "encoding_format", "invalid_value"),
        ({"inputs": "w1"}, "inputs", "unknown_parameter"),
    ],
)
def test_what_is_wrong_is_named(embedder: str, asked: dict[str, Any], param: str, code: str) -> None:
    answer = httpx.post(f"{embedder}/v1/embeddings", json={"model": _NAME, "input": "w1"} | asked)

    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)


def test_a_model_that_makes_vectors_continues_no_text(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model=_NAME, prompt="w1")

    assert refused.value.code == "unsupported_task"
