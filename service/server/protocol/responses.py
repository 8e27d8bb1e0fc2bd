"""What is answered, as OpenAI's clients read it. The same types make the OpenAPI document."""

from __future__ import annotations

from typing import Literal, NotRequired

# pydantic reads `typing`'s own TypedDict from Python 3.12 on only.
from typing_extensions import TypedDict

from service.engine.interface import FinishReason  # noqa: TC001 - pydantic reads it


class ErrorDetail(TypedDict):
    """What was wrong, and what would be right."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(TypedDict):
    """A refusal or a failure."""

    error: ErrorDetail


class PromptTokensDetails(TypedDict):
    """Prompt tokens by where they came from."""

    cached_tokens: int


class UsageAnswer(TypedDict):
    """What the request has cost, in tokens, over all of its answers."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails


class CompletionLogprobs(TypedDict):
    """Log-probabilities of a completion's tokens: one entry in each list for each token."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class CompletionChoice(TypedDict):
    """One continuation, or a piece of it."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class Answer(TypedDict):
    """What all answers and all events of a stream have."""

    id: str
    created: int
    model: str
    system_fingerprint: str | None
    service_tier: NotRequired[str]
    usage: NotRequired[UsageAnswer | None]


class CompletionAnswer(Answer):
    """The answer of ``/v1/completions``, and each event of its stream."""

    object: Literal["text_completion"]
    choices: list[CompletionChoice]


class AlternativeLogprob(TypedDict):
    """A token that could have stood there."""

    token: str
    logprob: float
    bytes: list[int]


class ChatTokenLogprob(AlternativeLogprob):
    """A token of the answer and its likeliest alternatives."""

    top_logprobs: list[AlternativeLogprob]


class ChatLogprobs(TypedDict):
    """Log-probabilities of an answer's tokens."""

    content: list[ChatTokenLogprob]
    refusal: None


class AssistantMessage(TypedDict):
    """The assistant's turn."""

    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoice(TypedDict):
    """One answer to the conversation."""

    index: int
    message: AssistantMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None


class ChatDelta(TypedDict):
    """What an event adds to the assistant's turn."""

    role: NotRequired[Literal["assistant"]]
    content: NotRequired[str]


class ChatChunkChoice(TypedDict):
    """A piece of one answer."""

    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None


class ChatAnswer(Answer):
    """The answer of ``/v1/chat/completions``."""

    object: Literal["chat.completion"]
    choices: list[ChatChoice]


class EmbeddingVector(TypedDict):
    """The vector of one text: numbers, or base64 of little-endian 32-bit floats."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(TypedDict):
    """What the request has cost, in tokens, over all of its texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingAnswer(TypedDict):
    """The answer of ``/v1/embeddings``."""

    object: Literal["list"]
    data: list[EmbeddingVector]
    model: str
    usage: EmbeddingUsage


class ModelAnswer(TypedDict):
    """One model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_model_len: int
    digest: str | None


class ModelsAnswer(TypedDict):
    """The models that are served."""

    object: Literal["list"]
    data: list[ModelAnswer]


class TokenizeAnswer(TypedDict):
    """A text's tokens."""

    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str] | None


class DetokenizeAnswer(TypedDict):
    """The text of tokens."""

    prompt: str


class VersionAnswer(TypedDict):
    """What runs."""

    version: str
