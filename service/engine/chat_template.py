"""Conversations as one prompt, by the template that comes with the model.

Templates are Jinja programs out of a downloaded file, so they run in Jinja's immutable sandbox. The
environment offers what templates on the Hugging Face hub rely on (``raise_exception``, ``strftime_now``,
``tojson`` that leaves characters alone, loop controls), as transformers' own ``apply_chat_template`` does.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.engine.interface import InvalidParameterError, ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from service.engine.interface import ChatMessage

# For base models, which come without a template: the plainest transcript, the same for every such model.
FALLBACK_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
_FALLBACK_STOP = ("\nuser:", "\nsystem:")


class ChatTemplate:
    """A model's chat template, or the fallback where it has none."""

    def __init__(self, source: str | None, special_tokens: dict[str, str]) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _to_json
        offered: dict[str, Any] = {"raise_exception": _raise, "strftime_now": _now}
        self.is_fallback = source is None
        self._special_tokens = special_tokens
        try:
            self._template = environment.from_string(FALLBACK_TEMPLATE if source is None else source, offered)
        except jinja2.TemplateError as error:
            raise ModelLoadError(f"the model's chat template is malformed: {error}") from None

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end an answer besides the model's end tokens: where the next turn would begin."""
        return _FALLBACK_STOP if self.is_fallback else ()

    @classmethod
    def of_folder(cls, folder: Path) -> ChatTemplate:
        """The template in a Hugging Face model folder.

        Raises:
            ModelLoadError: it is malformed.
        """
        config = _read_json(folder / "tokenizer_config.json")
        source = config.get("chat_template")
        if (own := folder / "chat_template.jinja").is_file():
            source = own.read_text("utf-8")
        if isinstance(source, list):  # several named ones
            source = next((entry["template"] for entry in source if entry.get("name") == "default"), None)
        special = {
            name: value["content"] if isinstance(value, dict) else value
            for name, value in config.items()
            if name.endswith("_token") and isinstance(value, (str, dict))
        }
        return cls(source, special)

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt, up to where the assistant's answer begins.

        Raises:
            InvalidParameterError: the template refuses the conversation (an order of roles, say).
        """
        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return self._template.render(messages=turns, add_generation_prompt=True, **self._special_tokens)
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise InvalidParameterError(
                f"The model's chat template refuses these messages: {error}", parameter="messages"
            ) from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path.name}: {error}") from None
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path.name}: a JSON object is expected")
    return content


def _to_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _now(form: str) -> str:
    return dt.datetime.now(dt.UTC).strftime(form)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
