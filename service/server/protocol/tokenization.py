"""The bodies of ``POST /tokenize`` and ``POST /detokenize``, as vLLM has them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from service.server.protocol.chat import Messages  # noqa: TC001 - pydantic reads it
from service.server.protocol.fields import WHOLE_ELEMENTS, Body, Text, TokenId

# Two contexts of the longest models that are usual. What both endpoints do with more would hold the interpreter, and
# with it all streams, for longer than a step takes.
TEXT_TOKENS = 2**18


class TokenizeBody(Body):
    """Body of ``POST /tokenize``: a text or a conversation."""

    model: Text | None = Field(default=None, description="Name of the model; there is only one.")
    prompt: Text | None = None
    messages: Messages | None = None
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
    tokens: Annotated[list[TokenId], Field(max_length=TEXT_TOKENS, fail_fast=True), WHOLE_ELEMENTS]
