from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from service.engine.generation_config import GenerationConfig
from service.engine.interface import ModelLoadError, SamplingDefaults
from service.server.protocol.completion import CompletionBody

if TYPE_CHECKING:
    from pathlib import Path


def defaults(folder: Path, content: Any) -> SamplingDefaults:
    (folder / "generation_config.json").write_text(json.dumps(content), "utf-8")
    return GenerationConfig.read(folder).defaults


def test_a_model_without_wishes_has_none(tmp_path: Path) -> None:
    assert GenerationConfig.read(tmp_path) == GenerationConfig()
    assert defaults(tmp_path, {"eos_token_id": 0}) == SamplingDefaults()


def test_end_tokens_are_one_or_several(tmp_path: Path) -> None:
    for written, read in ((7, {7}), ([1, 2], {1, 2}), (None, set())):
        (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": written}), "utf-8")
        assert GenerationConfig.read(tmp_path).end_token_ids == read


def test_a_sampling_model_s_wishes_are_read_and_its_lengths_are_not(tmp_path: Path) -> None:
    wished = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}
    assert defaults(tmp_path, {**wished, "max_new_tokens": 2048}) == SamplingDefaults(0.7, 0.8, 20, None, 1.05)


def test_a_greedy_model_s_temperature_is_a_remark(tmp_path: Path) -> None:
    content = {"do_sample": False, "temperature": 0.6, "repetition_penalty": 1.2}
    assert defaults(tmp_path, content) == SamplingDefaults(repetition_penalty=1.2)


@pytest.mark.parametrize("value", ["1.2", True, -1, 0, 11, [1]])
def test_a_value_that_means_nothing_is_refused_by_its_name(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ModelLoadError, match=r"generation_config\.json: repetition_penalty"):
        defaults(tmp_path, {"repetition_penalty": value})


def test_more_tokens_than_any_model_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"generation_config\.json: top_k"):
        defaults(tmp_path, {"do_sample": True, "top_k": float("inf")})


def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"generation_config\.json"):
        defaults(tmp_path, [1])
    (tmp_path / "generation_config.json").write_text("{", "utf-8")
    with pytest.raises(ModelLoadError, match=r"generation_config\.json"):
        GenerationConfig.read(tmp_path)


def test_a_request_goes_before_the_model_and_the_model_before_openai() -> None:
    model = SamplingDefaults(temperature=0.5, repetition_penalty=1.2)
    silent = CompletionBody(model="m", prompt="p").sampling(model)
    assert (silent.temperature, silent.repetition_penalty, silent.top_p) == (0.5, 1.2, 1.0)
    says = CompletionBody(model="m", prompt="p", temperature=0, repetition_penalty=1).sampling(model)
    assert (says.temperature, says.repetition_penalty) == (0.0, 1.0)
