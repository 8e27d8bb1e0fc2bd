"""Conversations become prompts as a model's own template says, or as a transcript."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from service.engine.chat_template import ChatTemplate
from service.engine.interface import ChatMessage, InvalidParameterError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_base_model_chats_as_a_transcript(model_folder: Path) -> None:
    template = ChatTemplate.of_folder(model_folder)
    prompt = template.render([ChatMessage("system", "be brief"), ChatMessage("user", "hi")])
    assert prompt == "system: be brief\nuser: hi\nassistant:"
    assert "\nuser:" in template.stop


def test_a_model_s_own_template_is_used_in_a_sandbox(model_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "chat")
    source = (
        "{%- if messages[0].role == 'user' %}{{ bos_token }}{{ messages[0].content }}!"
        "{%- else %}{{ raise_exception('user first') }}{%- endif %}"
    )
    config = {"chat_template": source, "bos_token": {"content": "<|endoftext|>"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    template = ChatTemplate.of_folder(folder)
    assert template.render([ChatMessage("user", "hi")]) == "<|endoftext|>hi!"
    with pytest.raises(InvalidParameterError, match="user first"):
        template.render([ChatMessage("system", "hi")])
    (folder / "chat_template.jinja").write_text("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(InvalidParameterError):
        ChatTemplate.of_folder(folder).render([ChatMessage("user", "hi")])
