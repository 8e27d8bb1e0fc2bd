"""The border between the HTTP server and whatever generates tokens.

Everything above it (HTTP, limits, drain) and below it (a loop over one model, continuous batching, several
processes) may be replaced without the other noticing. A request therefore carries what a batching engine
needs (priority, tenant's prefix salt, adapter, deadline), and a delta may hold several tokens (speculative
decoding) of any of a request's choices. An engine that can't honour something refuses it by name; it never
ignores it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from service.engine.embedding import EmbeddingInfo

# What a token costs varies by a hundred with its log-probabilities; this is some 80,000 plain ones or 10,000 with 20
# alternatives each: seconds of the largest request, minutes of a usual one.
BACKLOG_BYTES = 32 * 1024 * 1024
"""Most of an answer that waits for a reader who is slower than the engine."""


class Priority(enum.IntEnum):
    """Who goes first when there is more work than room. Lower goes first."""

    INTERACTIVE = 0
    NORMAL = 1
    BATCH = 2


class FinishReason(enum.StrEnum):
    """Why a choice ended, in OpenAI's words."""

    STOP = "stop"
    """An end token or a stop string."""
    LENGTH = "length"
    """The limit on new tokens, or the end of the context."""


class EngineState(enum.StrEnum):
    """Where an engine is in its life."""

    LOADING = "loading"
    READY = "ready"
    STOPPED = "stopped"
    DEAD = "dead"


class Task(enum.StrEnum):
    """What a request wants of the model."""

    GENERATE = "generate"
    """Continuations of its prompt."""
    EMBED = "embed"
    """A vector of its prompt."""


class GrammarKind(enum.StrEnum):
    """What a text is forced to be."""

    JSON_OBJECT = "json_object"
    """Any JSON object."""
    JSON_SCHEMA = "json_schema"
    """JSON that fits a schema."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """A form that a text is forced into.

    Attributes:
        kind: of the form.
        schema: the JSON schema as JSON, where the kind has one.
    """

    kind: GrammarKind
    schema: str = ""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are chosen. The defaults are OpenAI's.

    Attributes:
        max_tokens: most new tokens; None means as many as the context has room for.
        temperature: 0 takes the likeliest token; 1 the model's own distribution.
        top_p: keeps the likeliest tokens that together reach this probability (nucleus sampling,
            https://arxiv.org/abs/1904.09751).
        top_k: keeps this many of the likeliest tokens; 0 keeps all.
        min_p: drops tokens less likely than this share of the likeliest (https://arxiv.org/abs/2407.01082).
        presence_penalty: taken once from the logit of each token that was generated before.
        frequency_penalty: taken from a token's logit for each time that it was generated before.
        repetition_penalty: divides positive and multiplies negative logits of tokens of the prompt and of the
            text so far (https://arxiv.org/abs/1909.05858); 1 changes nothing.
        logit_bias: added to the logits of these token ids.
        seed: the same request with the same seed gives the same text; None draws one.
        stop: strings that end the text and are no part of it.
        ignore_eos: goes on after the model's end token (for benchmarks).
        n: number of choices.
        logprobs: number of alternatives per token whose log-probabilities are wanted; None wants none.
        grammar: the form that the text is forced into.
    """

    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    n: int = 1
    logprobs: int | None = None
    grammar: Grammar | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt and what is wanted for it.

    Attributes:
        request_id: for logs and traces; unique among the requests in flight.
        prompt_token_ids: the prompt, at least one token.
        sampling: how tokens are chosen.
        priority: who goes first.
        deadline: `time.monotonic` seconds after which nobody waits for the answer any more.
        prefix_salt: requests share cached prefixes only with requests of the same salt, so that no tenant can
            learn from timing what another has sent.
        adapter_id: a fine-tuned variant of the model.
        backlog_bytes: most that may wait for a reader who is slower than the engine; beyond it the request ends with
            `SlowReaderError`.
        task: what is wanted. A vector comes as the only delta; of the sampling nothing matters then.
    """

    request_id: str
    prompt_token_ids: tuple[int, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    priority: Priority = Priority.NORMAL
    deadline: float | None = None
    prefix_salt: str = ""
    adapter_id: str | None = None
    backlog_bytes: int = BACKLOG_BYTES
    task: Task = Task.GENERATE


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's log-probability and those of its likeliest alternatives."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request has cost so far, in tokens.

    Attributes:
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens generated over all choices, those of a cut-off stop string included.
        cached_prompt_tokens: prompt tokens that a cache saved.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step added to one choice.

    Attributes:
        text: may be empty while characters or stop strings are incomplete.
        token_ids: the step's tokens; several where a step yields several.
        usage: the request's usage so far.
        index: which of the request's `n` choices.
        finish_reason: set on a choice's last delta.
        logprobs: one per token where they were asked for.
        queue_s: seconds that the request has waited before its computing began; None where the engine doesn't tell.
        embedding: (size,) float32: the prompt's pooled hidden state, for `EmbeddingInfo.finish`.
    """

    text: str
    token_ids: tuple[int, ...]
    usage: Usage
    index: int = 0
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    queue_s: float | None = None
    embedding: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class SamplingDefaults:
    """What a model asks for where a request says nothing; None where it asks for nothing either.

    Attributes:
        temperature: see `SamplingParams`, as all others.
        top_p: likewise.
        top_k: likewise.
        min_p: likewise.
        repetition_penalty: likewise.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is served.

    Attributes:
        name: what clients call it.
        digest: ``sha256:<hex>`` of the manifest of its files; empty where it was loaded from a bare folder.
        context_tokens: most tokens of prompt and completion together.
        vocabulary_size: token ids are below this.
        created: Unix seconds when it was loaded.
        defaults: how its makers want it sampled.
        embedding: the vectors that it offers; None for a model that generates text.
    """

    name: str
    digest: str
    context_tokens: int
    vocabulary_size: int
    created: int
    defaults: SamplingDefaults = SamplingDefaults()
    embedding: EmbeddingInfo | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How an engine is doing.

    Attributes:
        state: where it is in its life.
        reason: why it isn't ready; empty when it is.
        running: requests that are being computed.
        waiting: requests admitted of which nothing is being computed: not begun yet, or interrupted to make room.
    """

    state: EngineState
    reason: str = ""
    running: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What an engine has done since it started, and how it stands.

    Attributes:
        steps: steps computed.
        computed_tokens: tokens computed, of prompts and of texts.
        generated_tokens: tokens generated.
        preemptions: how often a choice had to give its blocks back.
        prefix_queries: tokens that were looked for in the prefix cache.
        prefix_hits: those of them that it held.
        cache_usage: share of the key-value blocks that requests hold, 0 to 1.
    """

    steps: int
    computed_tokens: int
    generated_tokens: int
    preemptions: int
    prefix_queries: int
    prefix_hits: int
    cache_usage: float


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation as a prompt.

    Attributes:
        token_ids: the prompt, up to where the assistant's answer begins.
        stop: strings that end the answer besides the model's own end tokens and the client's stop strings.
    """

    token_ids: tuple[int, ...]
    stop: tuple[str, ...] = ()


class EngineError(Exception):
    """What an engine refuses or fails with; the message is fit for the client."""


class ParameterError(EngineError):
    """One parameter of the request is at fault.

    Attributes:
        parameter: its name in `SamplingParams` or `GenerationRequest`; `prompt` for the prompt itself.
    """

    def __init__(self, message: str, *, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class RequestTooLargeError(ParameterError):
    """The request can never fit: prompt and completion exceed the context, or the cache."""


class UnsupportedParameterError(ParameterError):
    """This engine can't honour the parameter."""


class UnsupportedTaskError(EngineError):
    """This model isn't made for what is asked of it (embeddings of a model that doesn't pool, say)."""


class InvalidParameterError(ParameterError):
    """The parameter's value means nothing to this model (a token id beyond its vocabulary, say)."""


class OverloadedError(EngineError):
    """The queue is full; the same request may succeed later.

    Attributes:
        retry_after_s: seconds after which it is worth another try.
    """

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExceededError(EngineError):
    """The request's deadline passed before it was finished."""


class GenerationFailedError(EngineError):
    """This request failed inside the engine; others go on."""


class SlowReaderError(EngineError):
    """More of the answer waited for its reader than may; the request was given up."""


class EngineDeadError(EngineError):
    """The engine has stopped or failed as a whole; this process can't serve any more."""


class ModelLoadError(EngineError):
    """The model can't be loaded; the message names the file or tensor and what is wrong with it."""


class DeltaStream(Protocol):
    """The deltas of one admitted request, in order. Its consumer closes it in every case."""

    def __aiter__(self) -> Self:
        """Itself."""
        ...

    async def __anext__(self) -> Delta:
        """The next delta; ends after the last choice's last one.

        Raises:
            GenerationFailedError: the request failed.
            DeadlineExceededError: it came too late.
            SlowReaderError: deltas came faster than they were read.
            EngineDeadError: the engine failed.
        """
        ...

    async def aclose(self) -> None:
        """Gives the request up, wherever it is; all that it holds is freed within one step. May be repeated."""
        ...


class Engine(Protocol):
    """Generates text with one model. All methods belong to one event loop; none blocks it."""

    async def start(self) -> None:
        """Loads the model and warms it up; ready when it returns.

        Raises:
            ModelLoadError: the model is unfit; says what of it.
        """
        ...

    async def stop(self) -> None:
        """Ends requests still in flight with `EngineDeadError` and frees everything."""
        ...

    async def generate(self, request: GenerationRequest) -> DeltaStream:
        """Admits a request; returns as soon as it is queued.

        Raises:
            RequestTooLargeError: it can never fit.
            UnsupportedTaskError: the model isn't made for what is wanted.
            UnsupportedParameterError: something in it can't be honoured.
            InvalidParameterError: something in it means nothing to this model.
            OverloadedError: there is no room now.
            EngineDeadError: not ready, or failed.
        """
        ...

    async def tokenize(self, text: str, *, add_special_tokens: bool = True) -> tuple[int, ...]:
        """The token ids of a text."""
        ...

    async def tokenize_chat(self, messages: Sequence[ChatMessage]) -> ChatPrompt:
        """The prompt for a conversation.

        Raises:
            InvalidParameterError: the model's template refuses the conversation; says why.
        """
        ...

    async def detokenize(self, token_ids: Sequence[int]) -> str:
        """The text of token ids."""
        ...

    def token_bytes(self, token_id: int) -> bytes:
        """What one token stands for, which may be a part of a character; empty for an id that means nothing."""
        ...

    def model_info(self) -> ModelInfo:
        """What is served.

        Raises:
            EngineDeadError: not loaded yet.
        """
        ...

    def health(self) -> Health:
        """How it is doing; cheap, answered at any time."""
        ...

    def stats(self) -> EngineStats | None:
        """What it has done since it started; cheap. None where the engine keeps no such books.

        Raises:
            EngineDeadError: not loaded yet.
        """
        ...
