"""The body of ``POST /v1/chat/completions``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from service.engine.interface import ChatMessage
from service.server.protocol.fields import WHOLE, Body, Text
from service.server.protocol.generation import TOP_LOGPROBS, GenerationBody

# Far above any real conversation, low enough that no template runs for minutes.
_MESSAGES = 4096


class TextPart(Body):
    """A piece of a message's text."""

    type: Literal["text"]
    text: Text


class MessageBody(Body):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(fail_fast=True)]
    name: Text | None = Field(default=None, description="Accepted; not used.")
    refusal: None = None

    def to_message(self) -> ChatMessage:
        """The message as the engine takes it. OpenAI's `developer` is what templates call `system`."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return ChatMessage("system" if self.role == "developer" else self.role, text)


Messages = Annotated[list[MessageBody], Field(min_length=1, max_length=_MESSAGES, fail_fast=True)]


class ChatBody(GenerationBody):
    """Body of ``POST /v1/chat/completions``."""

    neutral: ClassVar[dict[str, tuple[object, ...]]] = {
        **GenerationBody.neutral,
        "tools": ([],),
        "tool_choice": ("none", "auto"),
        "functions": ([],),
        "function_call": ("none", "auto"),
        "parallel_tool_calls": (True, False),
        "modalities": (["text"],),
        "audio": (),
        "prediction": (),
        "web_search_options": (),
        "reasoning_effort": ("none",),
        "verbosity": ("medium",),
        # vLLM's
        "add_generation_prompt": (True,),
        "chat_template": (),
        "chat_template_kwargs": ({},),
        "continue_final_message": (False,),
        "documents": ([],),
        "echo": (False,),
    }

    client_names: ClassVar[dict[str, str]] = {
        **GenerationBody.client_names,
        "prompt": "messages",
        "logprobs": "top_logprobs",
    }

    messages: Messages
    max_tokens: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        default=None, description="Where left out: as many as the context has room for."
    )
    max_completion_tokens: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        default=None, description="The newer name of max_tokens."
    )
    logprobs: bool | None = Field(default=None, description="Log-probabilities of each token.")
    top_logprobs: Annotated[int, Field(ge=0, le=TOP_LOGPROBS), WHOLE] | None = Field(
        default=None, description="How many alternatives to each token come with logprobs."
    )

    @field_validator("max_completion_tokens")
    @classmethod
    def _one_limit(cls, limit: int | None, info: ValidationInfo) -> int | None:
        other = info.data.get("max_tokens")
        if limit is not None and other is not None and limit != other:
            raise PydanticCustomError("two_limits", "differs from max_tokens; give only one of them")
        return limit

    @field_validator("top_logprobs")
    @classmethod
    def _only_with_logprobs(cls, count: int | None, info: ValidationInfo) -> int | None:
        if count and not info.data.get("logprobs"):
            raise PydanticCustomError("without_logprobs", "is allowed only with logprobs = true")
        return count

    @property
    def alternatives(self) -> int | None:
        """How many alternatives to each token are wanted; None where no log-probabilities are."""
        return (self.top_logprobs or 0) if self.logprobs else None

    def limit(self) -> int | None:
        """Most new tokens."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens
