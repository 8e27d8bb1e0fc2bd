"""The body of ``POST /v1/completions``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from service.server.protocol.fields import WHOLE, WHOLE_ELEMENTS, Text, TokenId, unsupported
from service.server.protocol.generation import CHOICES, TOP_LOGPROBS, GenerationBody

_TOKENS_DEFAULT = 16
# Embeddings take the most: OpenAI's documented limit.
_PROMPTS = 2048
# Far above any context whose tokens fit a body.
PROMPT_TOKENS = 2**20


def _kind(prompt: Any) -> str | None:
    """Which of its four forms a prompt has; told by its first element, so that an error names one thing."""
    if isinstance(prompt, str):
        return "[text]"
    if not isinstance(prompt, list):
        return None
    first = prompt[0] if prompt else 0
    return "[texts]" if isinstance(first, str) else "[lists]" if isinstance(first, list) else "[tokens]"


_FullText = Annotated[Text, Field(min_length=1)]
_FullTokens = Annotated[list[TokenId], Field(min_length=1, max_length=PROMPT_TOKENS, fail_fast=True), WHOLE_ELEMENTS]
Prompt = Annotated[
    Annotated[_FullText, Tag("[text]")]
    | Annotated[_FullTokens, Tag("[tokens]")]
    | Annotated[list[_FullText], Field(min_length=1, max_length=_PROMPTS, fail_fast=True), Tag("[texts]")]
    | Annotated[list[_FullTokens], Field(min_length=1, max_length=_PROMPTS, fail_fast=True), Tag("[lists]")],
    Discriminator(
        _kind,
        custom_error_type="prompt_type",
        custom_error_message="a text, token ids, or a list of either is expected",
    ),
]


class CompletionBody(GenerationBody):
    """Body of ``POST /v1/completions``."""

    neutral: ClassVar[dict[str, tuple[object, ...]]] = {**GenerationBody.neutral, "suffix": ("",)}

    prompt: Prompt = Field(description="A text, its token ids, or a list of either: one answer for each.")
    max_tokens: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        default=None, description=f"{_TOKENS_DEFAULT} where left out."
    )
    logprobs: Annotated[int, Field(ge=0, le=TOP_LOGPROBS), WHOLE] | None = Field(
        default=None, description="Log-probabilities of each token and of this many alternatives."
    )
    echo: bool | None = Field(default=None, description="Begin each answer with its prompt.")
    best_of: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        default=None, description="Accepted where it equals n: there is no choosing among more."
    )

    @field_validator("prompt")
    @classmethod
    def _not_too_many(cls, prompt: Any, info: ValidationInfo) -> Any:
        choices = len(each_prompt(prompt)) * (info.data.get("n") or 1)
        if choices > CHOICES:
            raise PydanticCustomError(
                "too_many", "prompts times n are {choices}; at most {most}", {"choices": choices, "most": CHOICES}
            )
        return prompt

    @field_validator("echo")
    @classmethod
    def _echo_without_logprobs(cls, echo: bool | None, info: ValidationInfo) -> bool | None:
        if echo and info.data.get("logprobs") is not None:
            raise unsupported("echo", "together with logprobs is not supported: a prompt's tokens have none here")
        return echo

    @field_validator("best_of")
    @classmethod
    def _best_of_n(cls, best_of: int | None, info: ValidationInfo) -> int | None:
        if best_of is not None and best_of != (info.data.get("n") or 1):
            raise unsupported("best_of", "other than n is not supported by this server")
        return best_of

    @property
    def prompts(self) -> list[str | list[int]]:
        """Each prompt: a text or token ids."""
        return each_prompt(self.prompt)

    @property
    def alternatives(self) -> int | None:
        """How many alternatives to each token are wanted; None where no log-probabilities are."""
        return self.logprobs

    def limit(self) -> int:
        """Most new tokens."""
        return _TOKENS_DEFAULT if self.max_tokens is None else self.max_tokens


def each_prompt(prompt: Any) -> list[Any]:
    """The prompts in any of the forms."""
    return prompt if isinstance(prompt, list) and not isinstance(prompt[0], int) else [prompt]
