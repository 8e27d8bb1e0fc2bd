"""The bodies of ``POST /tokenize`` and ``POST /detokenize``, as vLLM has them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from service.server.protocol.chat import MESSAGES, MessageBody
from service.server.protocol.fields import Body, Text, TokenId


class TokenizeBody(Body):
    """Body of ``POST /tokenize``: a text or a conversation."""

    model: Text | None = Field(default=None, description="Name of the model; there is only one.")
    prompt: Text | None = None
    messages: Annotated[list[MessageBody], Field(min_length=1, max_length=MESSAGES)] | None = None
    add_special_tokens: bool | None = Field(
        default=None, description="For a prompt; true where left out. A conversation's template writes its own."
    )
    return_token_strs: bool | None = Field(default=None, description="Also say what each token stands for.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise PydanticCustomError(
                "one_of_two", "exactly one of prompt and messages is expected", {"param": "prompt"}
            )
        return self


class DetokenizeBody(Body):
    """Body of ``POST /detokenize``."""

    model: Text | None = Field(default=None, description="Name of the model; there is only one.")
    tokens: list[TokenId]
