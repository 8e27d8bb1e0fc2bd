"""The engine as its users see it: requests in, deltas out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen3ForCausalLM

from service.engine.batching_engine import BatchingEngine
from service.engine.detokenizer import IncrementalDetokenizer
from service.engine.interface import (
    DeadlineExceededError,
    Delta,
    EngineDeadError,
    EngineState,
    FinishReason,
    GenerationFailedError,
    GenerationRequest,
    Grammar,
    GrammarKind,
    InvalidParameterError,
    ModelLoadError,
    OverloadedError,
    Priority,
    RequestTooLargeError,
    SamplingParams,
    SlowReaderError,
    UnsupportedParameterError,
)
from service.engine.loading import BatchingEngineOptions
from service.engine.sampler.batch_sampler import BatchSampler, SlotStart
from service.weights.manifest import MANIFEST_NAME
from tests.service.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from service.engine.observed_runner import StepRecord

_PROMPTS = [tuple(range(start, start + length)) for start, length in ((5, 1), (20, 7), (40, 60), (3, 130))]
_GREEDY = SamplingParams(temperature=0.0, max_tokens=24)
_OPTIONS = BatchingEngineOptions(max_running=4, token_budget=64, cache_tokens=1024, threads=1, check_when_idle=True)


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[BatchingEngine]:
    engine = BatchingEngine(model_folder, name="tiny", options=_OPTIONS)
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.stop())


@contextlib.asynccontextmanager
async def started(folder: Path, options: BatchingEngineOptions) -> AsyncGenerator[BatchingEngine]:
    """An engine of a test's own, which ends with it whatever becomes of it."""
    engine = BatchingEngine(folder, name="tiny", options=options)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def collect(engine: BatchingEngine, request: GenerationRequest) -> list[Delta]:
    return [delta async for delta in await engine.generate(request)]


def request(prompt: tuple[int, ...] = _PROMPTS[1], **sampling: Any) -> GenerationRequest:
    sampling.setdefault("max_tokens", 24)
    return GenerationRequest("r", prompt, SamplingParams(**sampling))


def tokens(deltas: list[Delta], choice: int = 0) -> list[int]:
    return [token for delta in deltas for token in delta.token_ids if delta.index == choice]


def text(deltas: list[Delta], choice: int = 0) -> str:
    return "".join(delta.text for delta in deltas if delta.index == choice)


async def nothing_is_left(engine: BatchingEngine) -> None:
    await engine.check_integrity()
    assert engine.stats().cache_usage == engine.health().running == engine.health().waiting == 0


async def test_greedy_tokens_equal_those_of_transformers(engine: BatchingEngine, model_folder: Path) -> None:
    oracle: Any = Qwen3ForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    answers = await asyncio.gather(
        *(collect(engine, GenerationRequest(f"r{n}", prompt, _GREEDY)) for n, prompt in enumerate(_PROMPTS))
    )
    for prompt, deltas in zip(_PROMPTS, answers, strict=True):
        expected = oracle.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False)[0, len(prompt) :]
        assert tokens(deltas) == expected.tolist()


async def test_text_depends_on_the_request_alone(engine: BatchingEngine) -> None:
    alone = text(await collect(engine, request(seed=3)))
    together = await asyncio.gather(*(collect(engine, request(seed=seed)) for seed in (1, 3, 2, 3, 4, -1)))
    assert text(together[1]) == text(together[3]) == alone
    assert len({text(deltas) for deltas in together}) == 5
    unseeded = await asyncio.gather(*(collect(engine, request()) for _ in range(2)))
    assert text(unseeded[0]) != text(unseeded[1])


async def test_the_last_delta_holds_reason_and_usage(engine: BatchingEngine) -> None:
    asked = GenerationRequest("r", _PROMPTS[2], SamplingParams(ignore_eos=True, max_tokens=9), prefix_salt="usage")
    deltas = await collect(engine, asked)
    assert [delta.finish_reason for delta in deltas] == [None] * 8 + [FinishReason.LENGTH]
    usage = deltas[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_prompt_tokens) == (60, 9, 0)
    again = (await collect(engine, asked))[-1].usage
    assert again.cached_prompt_tokens == 48


async def test_prefixes_are_found_by_the_same_tenant_only(engine: BatchingEngine) -> None:
    def asked(tenant: str) -> GenerationRequest:
        return GenerationRequest("r", _PROMPTS[3], _GREEDY, prefix_salt=tenant)

    cached = [(await collect(engine, asked(tenant)))[-1].usage.cached_prompt_tokens for tenant in "xyxy"]
    assert cached == [0, 0, 128, 128]


async def test_operators_prompts_are_shared_by_all_tenants(model_folder: Path) -> None:
    shared = "you answer questions about the order in which names and values are printed"
    options = BatchingEngineOptions(threads=1, block_size=4, cache_tokens=512, shared_system_prompts=(shared,))
    cached = []
    async with started(model_folder, options) as engine:
        prefix = await engine.tokenize(f"system: {shared}\nuser: ")
        for tenant, question in (
            ("x", "one thing and more of it"),
            ("y", "one thing and more of it"),
            ("y", "another"),
        ):
            prompt = await engine.tokenize(f"system: {shared}\nuser: {question}\nassistant:")
            deltas = await collect(engine, GenerationRequest("r", prompt, _GREEDY, prefix_salt=tenant))
            cached.append(deltas[-1].usage.cached_prompt_tokens)
    assert cached[0] == 0
    # Whole blocks of the prefix, and no more: the question is the tenant's own.
    assert len(prefix) - 8 < cached[1] <= len(prefix)
    assert cached[2] == cached[1]


async def test_a_shared_prompt_that_the_template_refuses_is_told_at_load(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "chat")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('no system turns') }}")
    options = BatchingEngineOptions(threads=1, cache_tokens=64, shared_system_prompts=("be brief",))
    with pytest.raises(ModelLoadError, match=r"shared_system_prompts .*no system turns"):
        await BatchingEngine(folder, name="tiny", options=options).start()


async def test_a_request_that_gave_its_blocks_back_counts_as_waiting(model_folder: Path) -> None:
    gauges: list[tuple[int, int]] = []

    def note(record: StepRecord) -> None:
        del record
        if engine.stats().preemptions:
            gauges.append((engine.health().running, engine.health().waiting))

    options = dataclasses.replace(_OPTIONS, cache_tokens=64, on_step=note)  # two need 80
    engine = BatchingEngine(model_folder, name="tiny", options=options)
    await engine.start()
    try:
        await asyncio.gather(*(collect(engine, request(tuple(range(n, n + 16)), ignore_eos=True)) for n in (1, 40)))
    finally:
        await engine.stop()
    # One step after the other: both are there, until the last is alone.
    assert gauges[0] == (1, 1)
    assert gauges[-1] == (1, 0)
    assert set(gauges) == {(1, 1), (1, 0)}


async def test_an_end_token_ends_the_text_and_is_not_shown(engine: BatchingEngine) -> None:
    deltas = await collect(engine, request(logit_bias={0: 100.0}))
    assert text(deltas) == ""
    assert deltas[-1].finish_reason is FinishReason.STOP
    ignoring = await collect(engine, request(logit_bias={0: 100.0}, ignore_eos=True, max_tokens=5))
    assert ignoring[-1].usage.completion_tokens == 5


async def test_a_stop_string_ends_the_text_before_it_and_costs_nothing_after_it(engine: BatchingEngine) -> None:
    whole = await collect(engine, request(seed=5))
    stop = text(whole)[6:9]
    deltas = await collect(engine, request(seed=5, stop=(stop,)))
    assert text(deltas) == text(whole)[: text(whole).index(stop)]
    assert deltas[-1].finish_reason is FinishReason.STOP
    assert deltas[-1].usage.completion_tokens < 24
    assert tokens(deltas) == tokens(whole)[: deltas[-1].usage.completion_tokens]
    await nothing_is_left(engine)


async def test_choices_are_those_of_their_numbers(engine: BatchingEngine) -> None:
    deltas = await collect(engine, request(_PROMPTS[2], seed=9, n=6, temperature=2.0))
    texts = [text(deltas, choice) for choice in range(6)]
    assert len(set(texts)) == 6
    assert [text(await collect(engine, request(_PROMPTS[2], seed=9, n=2, temperature=2.0)), n) for n in range(2)] == (
        texts[:2]
    )
    assert sum(delta.finish_reason is not None for delta in deltas) == 6
    assert deltas[-1].usage.completion_tokens == sum(len(tokens(deltas, choice)) for choice in range(6))
    await nothing_is_left(engine)


async def test_logprobs_are_those_of_the_model(engine: BatchingEngine, model_folder: Path) -> None:
    oracle: Any = Qwen3ForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    deltas = await collect(engine, request(seed=1, logprobs=3, temperature=1.5))
    found = [logprob for delta in deltas for logprob in delta.logprobs or ()]
    written = tokens(deltas)
    with torch.inference_mode():
        logits = oracle(torch.tensor([[*_PROMPTS[1], *written]])).logits[0, len(_PROMPTS[1]) - 1 : -1]
    expected = logits.log_softmax(-1)
    assert [logprob.token_id for logprob in found] == written
    for row, logprob in zip(expected, found, strict=True):
        assert logprob.logprob == pytest.approx(float(row[logprob.token_id]), abs=1e-4)
        assert [value for _, value in logprob.top] == pytest.approx(row.topk(3).values.tolist(), abs=1e-4)


_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}, "size": {"type": "integer", "maximum": 99}},
    "required": ["name", "size"],
    "additionalProperties": False,
}


async def test_a_grammar_is_kept_to(engine: BatchingEngine) -> None:
    grammar = Grammar(GrammarKind.JSON_SCHEMA, json.dumps(_SCHEMA))
    asked = [request(seed=seed, grammar=grammar, max_tokens=200) for seed in range(3)]
    answers = await asyncio.gather(
        *(collect(engine, each) for each in asked), collect(engine, request(temperature=0.0, max_tokens=24))
    )
    plain = answers.pop()
    assert text(plain) == text(await collect(engine, request(temperature=0.0, max_tokens=24)))
    for deltas in answers:
        assert deltas[-1].finish_reason is FinishReason.STOP
        value = json.loads(text(deltas))
        assert value.keys() == {"name", "size"}
        assert isinstance(value["size"], int)


@pytest.mark.parametrize(
    ("bad", "error", "parameter"),
    [
        (request(()), InvalidParameterError, "prompt"),
        (request((384,)), InvalidParameterError, "prompt"),
        (request((-1,)), InvalidParameterError, "prompt"),
        (request(logit_bias={999: 1.0}), InvalidParameterError, "logit_bias"),
        (request(temperature=float("nan")), InvalidParameterError, "temperature"),
        (request(n=0), InvalidParameterError, "n"),
        (request(logprobs=21), InvalidParameterError, "logprobs"),
        (request(max_tokens=0), InvalidParameterError, "max_tokens"),
        (request(grammar=Grammar(GrammarKind.JSON_SCHEMA, "{")), InvalidParameterError, "grammar"),
        (request(grammar=Grammar(GrammarKind.JSON_SCHEMA, '{"type": 3}')), InvalidParameterError, "grammar"),
        (request((1,) * 256), RequestTooLargeError, "prompt"),
        (request(max_tokens=250), RequestTooLargeError, "max_tokens"),
        (GenerationRequest("r", (1,), adapter_id="a"), UnsupportedParameterError, "adapter_id"),
    ],
)
async def test_what_can_not_be_served_is_refused_by_name(
    engine: BatchingEngine, bad: GenerationRequest, error: type[Exception], parameter: str
) -> None:
    with pytest.raises(error) as refused:
        await engine.generate(bad)
    assert getattr(refused.value, "parameter") == parameter  # noqa: B009 - of each of these types
    await nothing_is_left(engine)


async def test_what_can_never_fit_the_cache_is_refused(model_folder: Path) -> None:
    async with started(model_folder, BatchingEngineOptions(cache_tokens=64, threads=1)) as engine:
        assert engine.model_info().context_tokens == 64
        with pytest.raises(RequestTooLargeError):
            await engine.generate(request(max_tokens=58))
        assert tokens(await collect(engine, request(max_tokens=57, ignore_eos=True)))


async def test_a_storm_of_cancellations_leaves_nothing_behind(engine: BatchingEngine) -> None:
    async def leave(number: int) -> None:
        prompt = tuple(range(number % 7 + 1, number % 7 + 2 + number % 90))
        stream = await engine.generate(request(prompt, max_tokens=None, ignore_eos=True, n=1 + number % 3))
        for _ in range(number % 5):
            await anext(stream)
        await stream.aclose()

    keeping = asyncio.create_task(collect(engine, request(_PROMPTS[2], temperature=0.0)))
    await asyncio.gather(*(leave(number) for number in range(120)))
    kept = await keeping
    await nothing_is_left(engine)
    assert tokens(kept) == tokens(await collect(engine, request(_PROMPTS[2], temperature=0.0)))


async def test_who_does_not_read_is_given_up_and_nobody_else(engine: BatchingEngine) -> None:
    sampling = SamplingParams(max_tokens=40, ignore_eos=True, n=2)
    unread = await engine.generate(GenerationRequest("r", (1, 2), sampling, backlog_bytes=8_000))
    assert (await collect(engine, request((1, 2), max_tokens=90, ignore_eos=True)))[-1].usage.completion_tokens == 90
    await nothing_is_left(engine)
    with pytest.raises(SlowReaderError):
        await anext(unread)


async def test_a_deadline_ends_the_request(engine: BatchingEngine) -> None:
    late = GenerationRequest("late", (1,), SamplingParams(ignore_eos=True), deadline=time.monotonic() + 0.01)
    with pytest.raises(DeadlineExceededError):
        await collect(engine, late)
    await nothing_is_left(engine)


async def test_the_better_class_goes_first_and_what_makes_way_loses_nothing(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_are_there, sample = threading.Event(), BatchSampler.sample

    def held(self: BatchSampler, *arguments: Any) -> Any:
        all_are_there.wait(180)
        return sample(self, *arguments)

    order: list[str] = []
    texts: dict[str, list[int]] = {}

    async def run(engine: BatchingEngine, name: str, priority: Priority) -> None:
        sampling = SamplingParams(max_tokens=8, ignore_eos=True, seed=4)
        texts[name] = tokens(await collect(engine, GenerationRequest(name, (1, 2), sampling, priority=priority)))
        order.append(name)

    options = BatchingEngineOptions(max_running=1, cache_tokens=512, threads=1, ageing_s=1000.0)
    async with started(model_folder, options) as engine:
        await run(engine, "alone", Priority.BATCH)
        monkeypatch.setattr(BatchSampler, "sample", held)
        try:
            first = asyncio.create_task(run(engine, "first", Priority.BATCH))
            await asyncio.to_thread(eventually, lambda: engine.health().running)
            classes = {"batch": Priority.BATCH, "normal": Priority.NORMAL, "now": Priority.INTERACTIVE}
            others = [asyncio.create_task(run(engine, name, priority)) for name, priority in classes.items()]
            await asyncio.to_thread(eventually, lambda: engine.health().waiting >= len(others))
        finally:
            all_are_there.set()
        await asyncio.gather(first, *others)
        assert engine.stats().preemptions == 1
    # The only place is taken from the one that came first, which is of the worst class and young.
    assert order == ["alone", "now", "normal", "first", "batch"]
    assert all(text == texts["alone"] for text in texts.values())


async def test_bad_logits_end_one_request(engine: BatchingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = BatchSampler.sample

    def poisoned(self: BatchSampler, logits: torch.Tensor, slots: Any, positions: Any) -> Any:
        for row, slot in enumerate(slots):
            if self._table.seed[slot] == 666:
                logits[row] = torch.nan
        return sample(self, logits, slots, positions)

    monkeypatch.setattr(BatchSampler, "sample", poisoned)
    await _one_fails(engine)


async def test_a_step_that_fails_ends_one_request(engine: BatchingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = BatchSampler.sample

    def broken(self: BatchSampler, logits: torch.Tensor, slots: Any, positions: Any) -> Any:
        if any(self._table.seed[slot] == 666 and position for slot, position in zip(slots, positions, strict=True)):
            raise RuntimeError("poison")
        return sample(self, logits, slots, positions)

    monkeypatch.setattr(BatchSampler, "sample", broken)
    await _one_fails(engine)


async def test_poisoned_requests_with_nobody_beside_them_do_not_end_the_engine(
    engine: BatchingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = BatchSampler.start

    def broken(self: BatchSampler, begun: SlotStart) -> None:
        if begun.seed == 666:
            raise RuntimeError("poison")
        start(self, begun)

    alone = text(await collect(engine, request(seed=1)))
    monkeypatch.setattr(BatchSampler, "start", broken)
    for _ in range(5):
        with pytest.raises(GenerationFailedError):
            await collect(engine, request(seed=666))
    assert engine.health().state is EngineState.READY
    assert text(await collect(engine, request(seed=1))) == alone
    await nothing_is_left(engine)


async def test_more_tokens_than_there_are_may_be_kept(engine: BatchingEngine) -> None:
    every = text(await collect(engine, request(seed=3)))
    assert text(await collect(engine, request(seed=3, top_k=10**30))) == every


async def test_text_that_can_not_be_decoded_ends_one_request(
    engine: BatchingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = IncrementalDetokenizer.push

    def broken(self: IncrementalDetokenizer, token_id: int) -> str:
        if 99 in self._window:
            raise ValueError("poison")
        return push(self, token_id)

    monkeypatch.setattr(IncrementalDetokenizer, "push", broken)
    await _one_fails(engine, prompt=(1, 2, 99))


async def _one_fails(engine: BatchingEngine, prompt: tuple[int, ...] = _PROMPTS[1]) -> None:
    alone = text(await collect(engine, request(seed=1, presence_penalty=1.0)))
    good, bad, other = await asyncio.gather(
        collect(engine, request(seed=1, presence_penalty=1.0)),
        collect(engine, request(prompt, seed=666)),
        collect(engine, request(seed=2)),
        return_exceptions=True,
    )
    assert isinstance(bad, GenerationFailedError)
    assert isinstance(good, list)
    assert isinstance(other, list)
    assert text(good) == alone
    assert engine.health().state is EngineState.READY
    await nothing_is_left(engine)


async def test_an_engine_whose_every_step_fails_is_dead(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the device is gone")

    async with started(model_folder, _OPTIONS) as engine:
        monkeypatch.setattr(BatchSampler, "sample", broken)
        for _ in range(2):
            with pytest.raises(GenerationFailedError):
                await collect(engine, request())
        with pytest.raises(EngineDeadError):
            await collect(engine, request())
        assert engine.health().state is EngineState.DEAD
        with pytest.raises(EngineDeadError):
            await engine.generate(request())


async def test_a_full_queue_refuses_and_stopping_ends_what_runs(model_folder: Path) -> None:
    options = BatchingEngineOptions(max_running=1, max_waiting=1, cache_tokens=512, threads=1)
    with pytest.raises(EngineDeadError):
        await BatchingEngine(model_folder, name="tiny", options=options).generate(request())
    endless = request((1,), max_tokens=None, ignore_eos=True)
    async with started(model_folder, options) as engine:
        running = await engine.generate(endless)
        await anext(running)
        waiting = await engine.generate(endless)
        with pytest.raises(OverloadedError):
            await engine.generate(endless)
        await waiting.aclose()
        waiting = await engine.generate(endless)  # the place of one that gave up is free
    for stream in (running, waiting):
        with pytest.raises(EngineDeadError):
            async for _ in stream:
                pass
    assert engine.health().state is EngineState.STOPPED
    with pytest.raises(EngineDeadError):
        await engine.check_integrity()


async def test_a_queue_is_full_by_tokens_too_for_each_choice(model_folder: Path) -> None:
    options = BatchingEngineOptions(max_running=1, max_waiting_tokens=4, cache_tokens=512, threads=1)
    endless = request((1,), max_tokens=None, ignore_eos=True)
    async with started(model_folder, options) as engine:
        running = await engine.generate(endless)
        await anext(running)
        alone = await engine.generate(request((1, 2), n=9))
        with pytest.raises(OverloadedError, match="18 tokens"):
            await engine.generate(endless)
        await alone.aclose()
        await engine.generate(request((1,), n=3))
        await engine.generate(endless)


def _without_tensor(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["model.norm.weight"]


def _with_another_tensor(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.layers.9.mlp.up_proj.weight"] = torch.zeros(1)


def _with_another_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.norm.weight"] = torch.zeros(7)


def _with_another_type(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.norm.weight"] = torch.zeros(64, dtype=torch.int32)


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (_without_tensor, "model.norm.weight"),
        (_with_another_tensor, "model.layers.9.mlp.up_proj.weight"),
        (_with_another_shape, r"model.norm.weight \[7\], expected \[64\]"),
        (_with_another_type, "model.norm.weight is of type torch.int32"),
    ],
)
async def test_tensors_that_do_not_fit_are_refused_by_name(
    model_folder: Path, tmp_path: Path, damage: Callable[[dict[str, torch.Tensor]], None], name: str
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "damaged")
    tensors = load_file(folder / "model.safetensors")
    damage(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=name):
        await BatchingEngine(folder, name="tiny", options=_OPTIONS).start()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"architectures": ["Phi3ForCausalLM"]}, "Phi3ForCausalLM is not supported"),
        ({"architectures": []}, "architectures"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "'dynamic' is not supported"),
        ({"hidden_act": "relu"}, "'relu' is not supported"),
        ({"vocab_size": 200}, "tokens, but config.json says vocab_size 200"),
        ({"num_key_value_heads": 3}, "can't share 3"),
    ],
)
async def test_models_that_can_not_run_are_refused_by_name(
    model_folder: Path, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(ModelLoadError, match=says):
        await BatchingEngine(folder, name="tiny", options=_OPTIONS).start()


@pytest.mark.parametrize("file", ["tokenizer.json", "model.safetensors", "config.json"])
async def test_missing_and_truncated_files_are_refused_by_name(model_folder: Path, tmp_path: Path, file: str) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "damaged")
    (folder / MANIFEST_NAME).unlink()
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelLoadError, match=file):
        await BatchingEngine(folder, name="tiny", options=_OPTIONS).start()
    (folder / file).unlink()
    with pytest.raises(ModelLoadError, match=file.rpartition(".")[2]):
        await BatchingEngine(folder, name="tiny", options=_OPTIONS).start()
