"""What lets a request in: whatever can be known to fail is refused before it touches the batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from service.engine.interface import (
    InvalidParameterError,
    RequestTooLargeError,
    Task,
    UnsupportedParameterError,
    UnsupportedTaskError,
)

if TYPE_CHECKING:
    from service.engine.embedding import EmbeddingInfo
    from service.engine.interface import GenerationRequest, ModelInfo, SamplingParams

# OpenAI's limits for chat completions.
_CHOICES = 128
_ALTERNATIVES = 20


def admit(request: GenerationRequest, model: ModelInfo) -> int:
    """Checks a request.

    Args:
        request: what is asked for.
        model: what can be served; its context also fits the key-value cache.

    Returns:
        The number of tokens that each choice may add; 0 where a vector is wanted.

    Raises:
        RequestTooLargeError: prompt and completion don't fit the context.
        UnsupportedTaskError: the model isn't made for what is wanted.
        UnsupportedParameterError: something in it can't be honoured.
        InvalidParameterError: something in it means nothing.
    """
    check_task(request.task, model)
    if request.adapter_id is not None:
        raise UnsupportedParameterError("adapters are not supported by this engine.", parameter="adapter_id")
    _check_tokens(request, model.vocabulary_size - 1)
    _check_sampling(request.sampling)
    return _room(request, model.context_tokens)


def check_task(task: Task, model: ModelInfo) -> None:
    """Raises `UnsupportedTaskError` where the model isn't made for what is wanted."""
    if task is Task.EMBED:
        offered_vectors(model)
    elif model.embedding is not None:
        raise UnsupportedTaskError(f"The model `{model.name}` makes embeddings; it generates no text.")


def offered_vectors(model: ModelInfo) -> EmbeddingInfo:
    """The vectors that a model offers.

    Raises:
        UnsupportedTaskError: none.
    """
    if model.embedding is None:
        raise UnsupportedTaskError(
            f"The model `{model.name}` offers no embeddings: it generates text and doesn't say how it would pool."
        )
    return model.embedding


def _check_tokens(request: GenerationRequest, last: int) -> None:
    prompt = request.prompt_token_ids
    if not prompt:
        raise InvalidParameterError("The prompt is empty; it needs at least one token.", parameter="prompt")
    if min(prompt) < 0 or max(prompt) > last:
        raise InvalidParameterError(f"Token ids must be between 0 and {last}.", parameter="prompt")
    if any(not 0 <= token <= last for token in request.sampling.logit_bias):
        raise InvalidParameterError(f"logit_bias: token ids must be between 0 and {last}.", parameter="logit_bias")


def _check_sampling(params: SamplingParams) -> None:
    for name, fits, means in (
        ("temperature", math.isfinite(params.temperature) and params.temperature >= 0, "a number from 0"),
        ("top_p", 0 < params.top_p <= 1, "above 0 and at most 1"),
        ("top_k", params.top_k >= 0, "at least 0"),
        ("min_p", 0 <= params.min_p <= 1, "between 0 and 1"),
        ("presence_penalty", math.isfinite(params.presence_penalty), "a number"),
        ("frequency_penalty", math.isfinite(params.frequency_penalty), "a number"),
        ("repetition_penalty", 0 < params.repetition_penalty < math.inf, "a number above 0"),
        ("logit_bias", all(map(math.isfinite, params.logit_bias.values())), "of numbers"),
        ("n", 1 <= params.n <= _CHOICES, f"between 1 and {_CHOICES}"),
        (
            "logprobs",
            params.logprobs is None or 0 <= params.logprobs <= _ALTERNATIVES,
            f"between 0 and {_ALTERNATIVES}",
        ),
        ("max_tokens", params.max_tokens is None or params.max_tokens >= 1, "at least 1"),
        ("stop", all(params.stop), "of strings that aren't empty"),
    ):
        if not fits:
            raise InvalidParameterError(f"{name} must be {means}.", parameter=name)
    if params.grammar is not None and params.ignore_eos:
        raise InvalidParameterError("A text with a response_format ends where it is complete.", parameter="ignore_eos")


def _room(request: GenerationRequest, context_tokens: int) -> int:
    prompt, wanted = len(request.prompt_token_ids), request.sampling.max_tokens
    if request.task is Task.EMBED:
        if prompt > context_tokens:
            raise RequestTooLargeError(
                f"This model reads {context_tokens} tokens; the text has {prompt}.", parameter="prompt"
            )
        return 0
    room = context_tokens - prompt
    if room < 1:
        raise RequestTooLargeError(
            f"This model's context is {context_tokens} tokens; the prompt alone has {prompt}.", parameter="prompt"
        )
    if wanted is not None and wanted > room:
        raise RequestTooLargeError(
            f"This model's context is {context_tokens} tokens; the prompt has {prompt}, so max_tokens can be "
            f"at most {room}, not {wanted}.",
            parameter="max_tokens",
        )
    return wanted if wanted is not None else room
