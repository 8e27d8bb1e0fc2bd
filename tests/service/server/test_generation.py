"""What clients may ask of a generation, by OpenAI's client where it knows the parameter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import openai
import pytest

from tests.service.conftest import CONTEXT_TOKENS, MODEL_NAME

if TYPE_CHECKING:
    from tests.service.conftest import ServiceProcess

_SCHEMA = {
    "type": "object",
    "properties": {"name": {"enum": ["a", "b"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["name", "count"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def client(server: ServiceProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url("/v1"), api_key="unused", max_retries=0)


def streamed_texts(chunks: list[Any]) -> dict[int, str]:
    texts: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
    return texts


def test_choices_of_several_prompts_whole_and_streamed(client: openai.OpenAI) -> None:
    prompts = ["def f(", "for name", "été"]
    asked: dict[str, Any] = {"model": MODEL_NAME, "prompt": prompts, "n": 2, "max_tokens": 9, "seed": 5, "echo": True}
    whole = client.completions.create(**asked)
    assert [choice.index for choice in whole.choices] == list(range(6))
    assert all(choice.text.startswith(prompts[choice.index // 2]) for choice in whole.choices)
    assert whole.choices[0].text != whole.choices[1].text
    chunks = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert streamed_texts(chunks) == {choice.index: choice.text for choice in whole.choices}
    reasons = {choice.index: choice.finish_reason for chunk in chunks for choice in chunk.choices}
    assert reasons == {choice.index: choice.finish_reason for choice in whole.choices}
    assert whole.usage is not None
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    asked.pop("prompt")
    alone = [client.completions.create(**asked, prompt=prompt) for prompt in prompts]
    assert [choice.text for answer in alone for choice in answer.choices] == [choice.text for choice in whole.choices]
    assert whole.usage.completion_tokens == sum(answer.usage.completion_tokens for answer in alone if answer.usage)


def test_prompts_as_tokens(client: openai.OpenAI, server: ServiceProcess) -> None:
    asked: dict[str, Any] = {"model": MODEL_NAME, "max_tokens": 6, "temperature": 0}
    texts = ["def fibonacci", "sorted(items)"]
    tokens = [httpx.post(server.url("/tokenize"), json={"prompt": text}).json()["tokens"] for text in texts]
    by_text = client.completions.create(**asked, prompt=texts)
    by_token = client.completions.create(**asked, prompt=tokens)
    assert [choice.text for choice in by_token.choices] == [choice.text for choice in by_text.choices]


def test_one_refused_prompt_refuses_them_all(client: openai.OpenAI, server: ServiceProcess) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model=MODEL_NAME, prompt=[[1], [1] * CONTEXT_TOKENS], max_tokens=5)
    assert (refused.value.param, refused.value.code) == ("prompt", "context_length_exceeded")
    assert server.metric("modelfleet_num_requests_running") + server.metric("modelfleet_num_requests_waiting") == 0


def test_logprobs_of_completions(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL_NAME, "prompt": "Grüße", "max_tokens": 24, "temperature": 0, "logprobs": 3}
    choice = client.completions.create(**asked).choices[0]
    written = choice.logprobs
    assert written is not None
    assert written.tokens is not None
    assert written.token_logprobs is not None
    assert written.top_logprobs is not None
    assert written.text_offset is not None
    for token, logprob, top in zip(written.tokens, written.token_logprobs, written.top_logprobs, strict=True):
        assert logprob is not None
        assert top[token] == max(top.values()) == logprob, "greedy takes the likeliest"
        assert logprob <= 0
    for token, at in zip(written.tokens, written.text_offset, strict=True):
        assert token.startswith("bytes:") or choice.text.startswith(token, at) or at == len(choice.text)
    chunks = list(client.completions.create(**asked, stream=True))
    pieces = [chunk.choices[0].logprobs for chunk in chunks]
    assert [token for piece in pieces if piece for token in piece.tokens or ()] == written.tokens
    assert [at for piece in pieces if piece for at in piece.text_offset or ()] == written.text_offset


def test_logprobs_of_chats(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": MODEL_NAME,
        "messages": [{"role": "user", "content": "世界"}],
        "max_completion_tokens": 20,
        "logprobs": True,
        "top_logprobs": 2,
        "seed": 3,
    }
    answer = client.chat.completions.create(**asked)
    written = answer.choices[0].logprobs
    assert written is not None
    assert written.content is not None
    assert answer.usage is not None
    assert len(written.content) == answer.usage.completion_tokens
    assert all(len(token.top_logprobs) == 2 for token in written.content)
    text = b"".join(bytes(token.bytes or ()) for token in written.content).decode("utf-8", "replace")
    assert text.startswith((answer.choices[0].message.content or "").rstrip("\N{REPLACEMENT CHARACTER}"))
    asked.pop("top_logprobs")
    without = client.chat.completions.create(**asked)
    assert without.choices[0].logprobs is not None
    assert [token.logprob for token in without.choices[0].logprobs.content or ()] == [
        token.logprob for token in written.content
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_texts_are_forced_into_a_schema(client: openai.OpenAI, stream: bool) -> None:
    asked: dict[str, Any] = {
        "model": MODEL_NAME,
        "messages": [{"role": "user", "content": "anything"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "form", "schema": _SCHEMA, "strict": True}},
        "max_tokens": 100,
        "n": 3,
        "seed": 1,
    }
    texts = dict.fromkeys(range(3), "")
    if stream:
        for chunk in client.chat.completions.create(**asked, stream=True):
            for piece in chunk.choices:
                texts[piece.index] += piece.delta.content or ""
    else:
        for choice in client.chat.completions.create(**asked).choices:
            assert choice.finish_reason == "stop"
            texts[choice.index] = choice.message.content or ""
    for text in texts.values():
        jsonschema.validate(json.loads(text), _SCHEMA)


def test_a_json_object_needs_no_schema(client: openai.OpenAI) -> None:
    text = client.completions.create(
        model=MODEL_NAME,
        prompt="x",
        max_tokens=200,
        seed=2,
        extra_body={"response_format": {"type": "json_object"}},
    ).choices[0]
    if text.finish_reason == "stop":
        assert isinstance(json.loads(text.text), dict)
    assert text.text.lstrip().startswith("{")


@pytest.mark.parametrize(
    ("parameters", "same"),
    [
        ({"top_k": 1, "temperature": 2}, True),
        ({"min_p": 1, "temperature": 2}, True),
        ({"logit_bias": {"65": 100}}, False),
        ({"repetition_penalty": 10}, False),
        ({"frequency_penalty": 2, "presence_penalty": 2}, False),
    ],
)
def test_every_sampling_parameter_reaches_the_engine(
    client: openai.OpenAI, parameters: dict[str, Any], same: bool
) -> None:
    asked: dict[str, Any] = {"model": MODEL_NAME, "prompt": "for name", "max_tokens": 32, "seed": 4}
    greedy = client.completions.create(**asked, temperature=0).choices[0].text
    changed = client.completions.create(**asked, extra_body={"temperature": 0, **parameters}).choices[0].text
    assert (changed == greedy) is same


def test_the_caller_s_best_class_bounds_the_tier(server: ServiceProcess) -> None:
    def tier(asked: str | None, ceiling: str | None) -> str | None:
        body = {"model": MODEL_NAME, "prompt": "x", "max_tokens": 1} | ({"service_tier": asked} if asked else {})
        headers = {"x-modelfleet-priority": ceiling} if ceiling else {}
        return httpx.post(server.url("/v1/completions"), json=body, headers=headers).json().get("service_tier")

    assert tier(None, None) is None
    assert tier("auto", None) == "default"
    assert tier("priority", None) == "default"
    assert tier("priority", "interactive") == "priority"
    assert tier("default", "interactive") == "default"
    assert tier("flex", "interactive") == "flex"
    assert tier("priority", "batch") == "flex"


def test_no_tenant_finds_what_another_has_sent(server: ServiceProcess) -> None:
    def cached(tenant: str, **more: Any) -> int:
        body = {"model": MODEL_NAME, "prompt": [7, 8] * 50, "max_tokens": 1, **more}
        answer = httpx.post(server.url("/v1/completions"), json=body, headers={"x-modelfleet-tenant": tenant})
        return answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"]

    assert cached("first") == 0
    assert cached("first") == 96
    assert cached("second") == 0
    assert cached("first", cache_salt="user 1") == 0
    assert cached("first", cache_salt="user 1") == 96
    assert cached("first", cache_salt="user 2") == 0
    assert server.metric("modelfleet_prefix_cache_hits_total") >= 192


def test_tokens_there_and_back(server: ServiceProcess) -> None:
    text = "def naïve(世界): 🎉"
    there = httpx.post(
        server.url("/tokenize"), json={"model": MODEL_NAME, "prompt": text, "return_token_strs": True}
    ).json()
    assert there["count"] == len(there["tokens"]) == len(there["token_strs"])
    assert there["max_model_len"] == CONTEXT_TOKENS
    assert httpx.post(server.url("/detokenize"), json={"tokens": there["tokens"]}).json() == {"prompt": text}
    chat = httpx.post(server.url("/tokenize"), json={"messages": [{"role": "user", "content": "hi"}]}).json()
    shown = httpx.post(server.url("/detokenize"), json={"tokens": chat["tokens"]}).json()["prompt"]
    assert shown == "user: hi\nassistant:"
    assert chat["token_strs"] is None
    assert httpx.post(server.url("/detokenize"), json={"tokens": []}).json() == {"prompt": ""}


def test_numbers_are_whole_by_their_value(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"prompt": [65.0, 66], "max_tokens": 3.0, "n": 1.0, "top_k": 1.0}
    answer = client.post("/completions", body={"model": MODEL_NAME, **asked}, cast_to=httpx.Response).json()
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (2, 3)


def test_the_version(server: ServiceProcess) -> None:
    assert set(httpx.get(server.url("/version")).json()) == {"version"}
