from __future__ import annotations

import asyncio
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen3ForCausalLM

from service.engine import sequence as sequence_module
from service.engine.checkpoint import load_checkpoint
from service.engine.interface import (
    ChatMessage,
    DeadlineExceededError,
    Delta,
    EngineDeadError,
    EngineState,
    FinishReason,
    GenerationFailedError,
    GenerationRequest,
    InvalidParameterError,
    ModelLoadError,
    OverloadedError,
    RequestTooLargeError,
    SamplingParams,
    UnsupportedParameterError,
)
from service.engine.sampling import Sampler
from service.engine.transformers_engine import TransformersEngine, TransformersEngineOptions
from tests.service.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PROMPTS = [tuple(range(start, start + length)) for start, length in ((5, 1), (20, 7), (40, 60), (3, 130))]
_GREEDY = SamplingParams(temperature=0.0, max_tokens=24)


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[TransformersEngine]:
    engine = TransformersEngine(model_folder, name="tiny", options=TransformersEngineOptions(max_running=3))
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.stop())


async def collect(engine: TransformersEngine, request: GenerationRequest) -> list[Delta]:
    return [delta async for delta in await engine.generate(request)]


def request(prompt: tuple[int, ...] = _PROMPTS[1], **sampling: object) -> GenerationRequest:
    return GenerationRequest("r", prompt, SamplingParams(**{"max_tokens": 24, **sampling}))  # ty: ignore[invalid-argument-type]


def tokens(deltas: list[Delta]) -> list[int]:
    return [token for delta in deltas for token in delta.token_ids]


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


@pytest.mark.parametrize("prefill", [512, 8])
async def test_greedy_tokens_equal_those_of_transformers(
    engine: TransformersEngine, model_folder: Path, monkeypatch: pytest.MonkeyPatch, prefill: int
) -> None:
    monkeypatch.setattr(sequence_module, "_PREFILL_TOKENS", prefill)
    oracle: Any = Qwen3ForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    answers = await asyncio.gather(
        *(collect(engine, GenerationRequest(f"r{n}", prompt, _GREEDY)) for n, prompt in enumerate(_PROMPTS))
    )
    for prompt, deltas in zip(_PROMPTS, answers, strict=True):
        expected = oracle.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False)[0, len(prompt) :]
        assert tokens(deltas) == expected.tolist()


async def test_text_depends_on_the_request_alone(engine: TransformersEngine) -> None:
    alone = text(await collect(engine, request(seed=3)))
    together = await asyncio.gather(*(collect(engine, request(seed=seed)) for seed in (1, 3, 2, 3, 4)))
    assert text(together[1]) == text(together[3]) == alone
    assert len({text(deltas) for deltas in together}) == 4


async def test_the_last_delta_holds_reason_and_usage(engine: TransformersEngine) -> None:
    deltas = await collect(engine, request(ignore_eos=True, max_tokens=9))
    assert [delta.finish_reason for delta in deltas] == [None] * 8 + [FinishReason.LENGTH]
    assert deltas[-1].usage.prompt_tokens == len(_PROMPTS[1])
    assert deltas[-1].usage.completion_tokens == 9


async def test_an_end_token_ends_the_text_and_is_not_shown(engine: TransformersEngine) -> None:
    deltas = await collect(engine, request(logit_bias={0: 100.0}))
    assert text(deltas) == ""
    assert deltas[-1].finish_reason is FinishReason.STOP
    ignoring = await collect(engine, request(logit_bias={0: 100.0}, ignore_eos=True, max_tokens=5))
    assert ignoring[-1].usage.completion_tokens == 5


async def test_a_stop_string_ends_the_text_before_it(engine: TransformersEngine) -> None:
    whole = text(await collect(engine, request(seed=5)))
    stop = whole[6:9]
    deltas = await collect(engine, request(seed=5, stop=(stop,)))
    assert text(deltas) == whole[: whole.index(stop)]
    assert deltas[-1].finish_reason is FinishReason.STOP


async def test_without_max_tokens_the_context_is_the_limit(engine: TransformersEngine) -> None:
    deltas = await collect(engine, request(_PROMPTS[3], max_tokens=None, ignore_eos=True))
    assert deltas[-1].usage.completion_tokens == 256 - len(_PROMPTS[3])
    assert deltas[-1].finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize(
    ("bad", "error", "parameter"),
    [
        (request(()), InvalidParameterError, "prompt"),
        (request((384,)), InvalidParameterError, "prompt"),
        (request((-1,)), InvalidParameterError, "prompt"),
        (request(logit_bias={999: 1.0}), InvalidParameterError, "logit_bias"),
        (request((1,) * 256), RequestTooLargeError, "prompt"),
        (request(max_tokens=250), RequestTooLargeError, "max_tokens"),
        (request(n=2), UnsupportedParameterError, "n"),
        (request(logprobs=1), UnsupportedParameterError, "logprobs"),
        (GenerationRequest("r", (1,), adapter_id="a"), UnsupportedParameterError, "adapter_id"),
    ],
)
async def test_what_can_not_be_served_is_refused_by_name(
    engine: TransformersEngine, bad: GenerationRequest, error: type[Exception], parameter: str
) -> None:
    with pytest.raises(error) as refused:
        await engine.generate(bad)
    assert getattr(refused.value, "parameter") == parameter  # noqa: B009 - of each of these types


async def test_a_closed_stream_frees_its_place(engine: TransformersEngine) -> None:
    streams = [await engine.generate(request((1,), max_tokens=None, ignore_eos=True)) for _ in range(5)]
    await anext(streams[0])
    for stream in streams:
        await stream.aclose()
    await asyncio.to_thread(eventually, lambda: engine.health().running == engine.health().waiting == 0)


async def test_a_deadline_ends_the_request(engine: TransformersEngine) -> None:
    late = GenerationRequest("late", (1,), SamplingParams(ignore_eos=True), deadline=time.monotonic() + 0.01)
    with pytest.raises(DeadlineExceededError):
        await collect(engine, late)


async def test_a_poisoned_request_ends_alone(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = Sampler.next_token

    def poisoned(self: Sampler, logits: torch.Tensor) -> int:
        return choose(self, logits * torch.nan if self._params.seed == 666 else logits)

    monkeypatch.setattr(Sampler, "next_token", poisoned)
    good, bad = await asyncio.gather(
        collect(engine, request(seed=1)), collect(engine, request(seed=666)), return_exceptions=True
    )
    assert isinstance(bad, GenerationFailedError)
    assert isinstance(good, list)
    assert engine.health().state is EngineState.READY


async def test_a_full_queue_refuses_and_stopping_ends_what_runs(model_folder: Path) -> None:
    engine = TransformersEngine(
        model_folder, name="tiny", options=TransformersEngineOptions(max_running=1, max_waiting=1)
    )
    with pytest.raises(EngineDeadError):
        await engine.generate(request())
    await engine.start()
    endless = request((1,), max_tokens=None, ignore_eos=True)
    running = await engine.generate(endless)
    await anext(running)
    waiting = await engine.generate(endless)
    with pytest.raises(OverloadedError):
        await engine.generate(endless)
    await waiting.aclose()
    waiting = await engine.generate(endless)  # the place of one that gave up is free
    await engine.stop()
    for stream in (running, waiting):
        with pytest.raises(EngineDeadError):
            async for _ in stream:
                pass
    assert engine.health().state is EngineState.STOPPED


async def test_a_base_model_chats_as_a_transcript(engine: TransformersEngine) -> None:
    prompt = await engine.tokenize_chat([ChatMessage("system", "be brief"), ChatMessage("user", "hi")])
    assert await engine.detokenize(prompt.token_ids) == "system: be brief\nuser: hi\nassistant:"
    assert "\nuser:" in prompt.stop


async def test_a_model_s_own_template_is_used(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "chat")
    template = (
        "{%- if messages[0].role == 'user' %}{{ bos_token }}{{ messages[0].content }}!"
        "{%- else %}{{ raise_exception('user first') }}{%- endif %}"
    )
    config = {"chat_template": template, "bos_token": {"content": "<|endoftext|>"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    chat = load_checkpoint(folder).chat_template
    assert chat.render([ChatMessage("user", "hi")]) == "<|endoftext|>hi!"
    with pytest.raises(InvalidParameterError, match="user first"):
        chat.render([ChatMessage("system", "hi")])
    (folder / "chat_template.jinja").write_text("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(InvalidParameterError):
        load_checkpoint(folder).chat_template.render([ChatMessage("user", "hi")])


def _without_tensor(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["model.norm.weight"]


def _with_another_tensor(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.layers.9.mlp.up_proj.weight"] = torch.zeros(1)


def _with_another_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.norm.weight"] = torch.zeros(7)


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (_without_tensor, "model.norm.weight"),
        (_with_another_tensor, "model.layers.9.mlp.up_proj.weight"),
        (_with_another_shape, "model.norm.weight"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_by_name(
    model_folder: Path, tmp_path: Path, damage: Callable[[dict[str, torch.Tensor]], None], name: str
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "damaged")
    tensors = load_file(folder / "model.safetensors")
    damage(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=name):
        load_checkpoint(folder)


@pytest.mark.parametrize("file", ["tokenizer.json", "model.safetensors", "config.json"])
def test_missing_and_truncated_files_are_refused_by_name(model_folder: Path, tmp_path: Path, file: str) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "damaged")
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelLoadError, match=file):
        load_checkpoint(folder)
    (folder / file).unlink()
    with pytest.raises(ModelLoadError, match=r"config.json|" + file.rpartition(".")[2]):
        load_checkpoint(folder)
