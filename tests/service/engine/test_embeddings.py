"""Vectors of texts: those that transformers' hidden states give, whatever else is computed beside them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from service.engine.batching_engine import BatchingEngine
from service.engine.embedding import EmbeddingInfo
from service.engine.interface import (
    FinishReason,
    GenerationRequest,
    InvalidParameterError,
    ModelLoadError,
    RequestTooLargeError,
    Task,
    UnsupportedParameterError,
    UnsupportedTaskError,
)
from service.engine.loading import BatchingEngineOptions
from service.engine.pooling_runner import PoolingRunner
from tests.service.engine.pooling_models import make_pooling_model, pooled
from tests.service.engine.tiny_models import CONTEXT_TOKENS, VOCABULARY, tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from service.engine.interface import Delta, EngineStats
    from service.engine.step import Outcome, Step

_MEAN = {"embedding_dimension": 32, "pooling_mode": "mean"}
_LAST = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}
_CLS = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_lasttoken": False}
_PROMPTS = [
    tuple(1 + (start * 7 + step * step) % (VOCABULARY - 1) for step in range(length))
    for start, length in enumerate((1, 5, 33, 16, 90, 90, 120, 64))
]
# Steps of 24 tokens and room for little more than the longest text: texts come in pieces, and wait for each other.
_TIGHT = BatchingEngineOptions(
    max_running=4, token_budget=24, block_size=8, cache_tokens=160, threads=1, check_when_idle=True
)


def _embed(folder: Path, prompts: list[tuple[int, ...]], options: BatchingEngineOptions) -> list[Delta]:
    return _embed_and_count(folder, prompts, options)[0]


def _embed_and_count(
    folder: Path, prompts: list[tuple[int, ...]], options: BatchingEngineOptions
) -> tuple[list[Delta], EngineStats]:
    async def one(engine: BatchingEngine, prompt: tuple[int, ...]) -> Delta:
        asked = GenerationRequest("r", prompt, task=Task.EMBED, prefix_salt="tenant")
        (delta,) = [delta async for delta in await engine.generate(asked)]
        return delta

    async def all_of_them() -> tuple[list[Delta], EngineStats]:
        engine = BatchingEngine(folder, name="pooling", options=options)
        await engine.start()
        try:
            deltas = await asyncio.gather(*(one(engine, prompt) for prompt in prompts))
            await engine.check_integrity()
            return deltas, engine.stats()
        finally:
            await engine.stop()

    return asyncio.run(all_of_them())


@pytest.mark.parametrize(
    ("shape", "pooling", "mode", "bare"),
    [
        ("qwen3", _LAST, "lasttoken", True),
        ("mistral-window", _LAST, "lasttoken", False),
        ("qwen3", _MEAN, "mean", False),
        ("gemma3", _MEAN, "mean", True),
        ("llama", _CLS, "cls", True),
    ],
)
def test_vectors_are_those_of_transformers_in_pieces_and_among_others(
    tmp_path: Path, shape: str, pooling: dict[str, Any], mode: str, *, bare: bool
) -> None:
    folder = make_pooling_model(tmp_path / "model", shape, pooling=pooling, bare=bare)

    deltas, stats = _embed_and_count(folder, [*_PROMPTS, *_PROMPTS], _TIGHT)

    for delta, prompt in zip(deltas, [*_PROMPTS, *_PROMPTS], strict=True):
        assert delta.embedding is not None
        np.testing.assert_allclose(delta.embedding, pooled(shape, prompt, mode), rtol=1e-4, atol=1e-5)
        assert (delta.text, delta.token_ids, delta.finish_reason) == ("", (), FinishReason.STOP)
        assert (delta.usage.prompt_tokens, delta.usage.completion_tokens) == (len(prompt), 0)
    assert stats.cache_usage == 0
    # More than one for each text: most come in pieces.
    assert stats.steps > 2 * len(_PROMPTS)


def test_a_last_tokens_vector_may_begin_with_what_another_text_has_computed(tmp_path: Path) -> None:
    """A mean may not: the hidden states of what is found are gone."""
    prompts = [_PROMPTS[6][:96], _PROMPTS[6]]
    hits: list[int] = []
    for mode, pooling in (("lasttoken", _LAST), ("mean", _MEAN)):
        folder = make_pooling_model(tmp_path / mode, "qwen3", pooling=pooling)
        # One at a time, so that the second finds the first.
        options = BatchingEngineOptions(max_running=1, block_size=8, cache_tokens=1024, threads=1)
        deltas, stats = _embed_and_count(folder, prompts, options)
        hits.append(stats.prefix_hits)
        assert deltas[1].embedding is not None
        expected = pooled("qwen3", prompts[1], mode)
        np.testing.assert_allclose(deltas[1].embedding, expected, rtol=1e-4, atol=1e-5)
    assert hits == [96, 0]


def test_code_of_its_own_is_left_out_where_the_model_says_that_it_is_causal(tmp_path: Path) -> None:
    """Its own code is never run."""
    own = {"AutoModel": "modeling.Own"}
    folder = make_pooling_model(tmp_path / "model", "qwen3", pooling=_LAST, auto_map=own, is_causal=True)

    (delta,) = _embed(folder, [(3, 4)], BatchingEngineOptions(threads=1, cache_tokens=CONTEXT_TOKENS))

    assert delta.embedding is not None
    np.testing.assert_allclose(delta.embedding, pooled("qwen3", (3, 4), "lasttoken"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["mean", "cls", "lasttoken"])
def test_steps_that_are_run_again_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """As after one that failed half-way."""
    once = PoolingRunner.run

    def twice(runner: PoolingRunner, step: Step) -> list[Outcome]:
        once(runner, step)
        return once(runner, step)

    monkeypatch.setattr(PoolingRunner, "run", twice)
    folder = make_pooling_model(tmp_path / "model", "qwen3", pooling={"pooling_mode": mode})

    for delta, prompt in zip(_embed(folder, _PROMPTS, _TIGHT), _PROMPTS, strict=True):
        assert delta.embedding is not None
        np.testing.assert_allclose(delta.embedding, pooled("qwen3", prompt, mode), rtol=1e-4, atol=1e-5)


def test_a_whole_context_is_read_and_no_more(tmp_path: Path) -> None:
    folder = make_pooling_model(tmp_path / "model", "qwen3", pooling=_MEAN)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 100, "do_lower_case": False}))
    options = BatchingEngineOptions(threads=1, cache_tokens=CONTEXT_TOKENS)

    (whole,) = _embed(folder, [(3,) * 100], options)
    with pytest.raises(RequestTooLargeError, match="reads 100 tokens; the text has 101"):
        _embed(folder, [(3,) * 101], options)

    assert whole.usage.prompt_tokens == 100


def test_what_a_model_is_not_made_for_is_refused(tmp_path: Path) -> None:
    async def ask(folder: Path, task: Task) -> None:
        engine = BatchingEngine(folder, name="m", options=BatchingEngineOptions(threads=1, cache_tokens=512))
        await engine.start()
        try:
            await engine.generate(GenerationRequest("r", (1, 2), task=task))
        finally:
            await engine.stop()

    folder = make_pooling_model(tmp_path / "model", "qwen3", pooling=_MEAN)
    with pytest.raises(UnsupportedTaskError, match="makes embeddings"):
        asyncio.run(ask(folder, Task.GENERATE))
    with pytest.raises(UnsupportedTaskError, match="offers no embeddings"):
        asyncio.run(ask(tiny_model("qwen3")[0], Task.EMBED))


@pytest.mark.parametrize(
    ("pooling", "config", "says"),
    [
        (
            {"pooling_mode_max_tokens": True},
            {},
            "1_Pooling/config.json: pooling pooling_mode_max_tokens is not supported",
        ),
        ({"pooling_mode": "weightedmean"}, {}, "pooling weightedmean is not supported"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, {}, "pooling cls and mean"),
        ({}, {}, "pooling of no kind"),
        (_MEAN | {"include_prompt": False}, {}, "include_prompt"),
        ({"pooling_mode": 3}, {}, "1_Pooling/config.json: pooling_mode: Input should be a valid string"),
        (_MEAN, {"is_causal": False}, "is_causal"),
        (_MEAN, {"auto_map": {"AutoModel": "modeling.Own"}}, "auto_map"),
        (_MEAN, {"matryoshka_dimensions": [64]}, "matryoshka_dimensions"),
        (_MEAN, {"architectures": ["BertModel"]}, "BertModel is not supported"),
    ],
)
def test_what_pools_otherwise_is_refused_by_name(
    tmp_path: Path, pooling: dict[str, Any], config: dict[str, Any], says: str
) -> None:
    folder = make_pooling_model(tmp_path / "model", "qwen3", pooling=pooling, **config)
    engine = BatchingEngine(folder, name="m")

    with pytest.raises(ModelLoadError, match=says):
        asyncio.run(engine.start())


def test_a_further_module_is_refused_by_name(tmp_path: Path) -> None:
    folder = make_pooling_model(tmp_path / "model", "qwen3", pooling=_MEAN)
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    path.write_text(
        json.dumps([*modules[:2], {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"}])
    )

    with pytest.raises(ModelLoadError, match=r"modules\.json: Transformer, Pooling, Dense is not supported"):
        asyncio.run(BatchingEngine(folder, name="m").start())


def test_a_vector_is_cut_where_its_model_says_so_and_has_length_1_again() -> None:
    pooled_state = np.array([3.0, 4.0, 12.0, 0.0], np.float32)

    whole, any_size, some = (EmbeddingInfo(4, normalised=True, cuts=cuts) for cuts in ((), range(1, 5), (2,)))

    np.testing.assert_allclose(whole.finish(pooled_state, None), pooled_state / 13)
    np.testing.assert_allclose(some.finish(pooled_state, 2), [0.6, 0.8])
    np.testing.assert_array_equal(EmbeddingInfo(4, normalised=False, cuts=(2,)).finish(pooled_state, 2), [3.0, 4.0])
    np.testing.assert_array_equal(whole.finish(np.zeros(4, np.float32), None), np.zeros(4))
    for info in (whole, any_size, some):
        info.check(None)
        info.check(4)
    some.check(2)
    any_size.check(3)
    with pytest.raises(UnsupportedParameterError, match="doesn't say that they may be cut"):
        whole.check(2)
    with pytest.raises(InvalidParameterError, match="one of 2 or 4"):
        some.check(3)
    with pytest.raises(InvalidParameterError, match="between 1 and 4"):
        any_size.check(5)
