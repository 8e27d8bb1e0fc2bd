"""OpenAI's request bodies, as far as they are served, checked strictly.

A field that OpenAI knows and this server doesn't honour is refused by name rather than ignored: a client that
asked for a tool call or five choices should not get something else without a word. Fields that change nothing
in the answer (``user``, ``metadata`` …) are accepted.

Meaning and ranges: https://platform.openai.com/docs/api-reference/chat/create and …/completions/create;
``top_k``, ``min_p``, ``repetition_penalty`` and ``ignore_eos`` are vLLM's extensions.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from service.engine.interface import ChatMessage, SamplingDefaults, SamplingParams

Number = TypeVar("Number", int, float)

# OpenAI's documented limits.
_STOP_STRINGS = 4
_STOP_LENGTH = 256
_LOGIT_BIAS_ENTRIES = 300
# Far above any real conversation, low enough that no template runs for minutes.
_MESSAGES = 4096
_COMPLETION_TOKENS_DEFAULT = 16

UNSUPPORTED = "unsupported_parameter"


def _unsupported(message: str) -> PydanticCustomError:
    return PydanticCustomError(UNSUPPORTED, "{reason}", {"reason": message})


def _whole_characters(text: str) -> str:
    """Refuses halves of characters (lone surrogates), which JSON can spell and no tokenizer can read."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise PydanticCustomError(
            "string_unicode", "holds half a character (a lone surrogate) at {position}", {"position": error.start}
        ) from None
    return text


Text = Annotated[str, AfterValidator(_whole_characters)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class StreamOptions(_Body):
    """What a stream holds besides the text."""

    include_usage: bool = Field(default=False, description="End with an event that holds the usage.")
    include_obfuscation: bool = Field(default=False, description="Accepted; nothing is obfuscated.")


class GenerationBody(_Body):
    """What completions and chat completions have in common."""

    # Parameter -> values that ask for nothing beyond what is served. Anything else is refused by name.
    neutral: ClassVar[dict[str, tuple[object, ...]]] = {
        "n": (1,),
        "best_of": (1,),
        "logprobs": (False,),
        "echo": (False,),
        "store": (False,),
        "tools": ([],),
        "tool_choice": ("none", "auto"),
        "functions": ([],),
        "function_call": ("none", "auto"),
        "parallel_tool_calls": (True, False),
        "response_format": ({"type": "text"},),
        "modalities": (["text"],),
        "service_tier": ("auto", "default"),
        "top_logprobs": (0,),
        "suffix": ("",),
        "audio": (),
        "prediction": (),
        "web_search_options": (),
        "reasoning_effort": ("none",),
        "verbosity": ("medium",),
    }

    model: Text = Field(description="Name of the model, as `/v1/models` lists it.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = Field(default=None, description="-1 or 0: all tokens.")
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Text | list[Text] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    ignore_eos: bool = False
    user: Text | None = Field(default=None, description="Accepted; not used.")
    safety_identifier: str | None = Field(default=None, description="Accepted; not used.")
    prompt_cache_key: str | None = Field(default=None, description="Accepted; not used.")
    metadata: dict[str, str] | None = Field(default=None, description="Accepted; not used.")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        kept = dict(data)
        for name, accepted in cls.neutral.items():
            if name in cls.model_fields or name not in kept:
                continue
            value = kept.pop(name)
            if value is not None and not any(_same(value, neutral) for neutral in accepted):
                raise _unsupported_at(name)
        return kept

    @field_validator("stop")
    @classmethod
    def _check_stop(cls, stop: str | list[str] | None) -> str | list[str] | None:
        strings = [stop] if isinstance(stop, str) else stop or []
        if len(strings) > _STOP_STRINGS:
            raise PydanticCustomError("too_many", "at most {most} stop strings are allowed", {"most": _STOP_STRINGS})
        if any(not string for string in strings):
            raise PydanticCustomError("empty", "stop strings must not be empty")
        if any(len(string) > _STOP_LENGTH for string in strings):
            raise PydanticCustomError("too_long", "stop strings have at most {most} characters", {"most": _STOP_LENGTH})
        return stop

    @field_validator("logit_bias")
    @classmethod
    def _check_logit_bias(cls, bias: dict[str, float] | None) -> dict[str, float] | None:
        if bias is not None and len(bias) > _LOGIT_BIAS_ENTRIES:
            raise PydanticCustomError("too_many", "at most {most} entries", {"most": _LOGIT_BIAS_ENTRIES})
        if bias is not None and not all(key.isascii() and key.isdigit() and len(key) <= 10 for key in bias):
            raise PydanticCustomError("keys", "keys must be token ids, as strings of digits")
        return bias

    @field_validator("stream_options")
    @classmethod
    def _check_stream_options(cls, options: StreamOptions | None, info: ValidationInfo) -> StreamOptions | None:
        if options is not None and not info.data.get("stream"):
            raise PydanticCustomError("without_stream", "is allowed only with stream = true")
        return options

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with the usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(
        self, max_tokens: int | None, defaults: SamplingDefaults, more_stop: tuple[str, ...] = ()
    ) -> SamplingParams:
        """The engine's parameters: the request's, else the model's, else OpenAI's."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=_first(self.temperature, defaults.temperature, 1.0),
            top_p=_first(self.top_p, defaults.top_p, 1.0),
            top_k=max(_first(self.top_k, defaults.top_k, 0), 0),
            min_p=_first(self.min_p, defaults.min_p, 0.0),
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            repetition_penalty=_first(self.repetition_penalty, defaults.repetition_penalty, 1.0),
            logit_bias={int(token): bias for token, bias in (self.logit_bias or {}).items()},
            seed=self.seed,
            stop=(*stop, *more_stop),
            ignore_eos=self.ignore_eos,
        )


def _first(asked: Number | None, default: Number | None, neutral: Number) -> Number:
    if asked is not None:
        return asked
    return neutral if default is None else default


class CompletionBody(GenerationBody):
    """Body of ``POST /v1/completions``."""

    # For this endpoint `logprobs` is a number, and every number asks for some.
    neutral: ClassVar[dict[str, tuple[object, ...]]] = {**GenerationBody.neutral, "logprobs": ()}

    prompt: Text | list[Annotated[int, Field(ge=0)]] = Field(description="A text, or its token ids.")
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(default=None, description="16 where left out.")

    @field_validator("prompt", mode="before")
    @classmethod
    def _single_prompt(cls, prompt: Any) -> Any:
        if isinstance(prompt, list) and prompt and isinstance(prompt[0], (str, list)):
            if len(prompt) > 1:
                raise _unsupported("one prompt per request is supported; send one request for each")
            return prompt[0]
        return prompt

    @field_validator("prompt")
    @classmethod
    def _not_empty(cls, prompt: str | list[int]) -> str | list[int]:
        if not prompt:
            raise PydanticCustomError("empty", "must not be empty")
        return prompt

    def limit(self) -> int:
        """Most new tokens."""
        return _COMPLETION_TOKENS_DEFAULT if self.max_tokens is None else self.max_tokens


class TextPart(_Body):
    """A piece of a message's text."""

    type: Literal["text"]
    text: Text


class MessageBody(_Body):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]
    name: Text | None = Field(default=None, description="Accepted; not used.")
    refusal: None = None

    def to_message(self) -> ChatMessage:
        """The message as the engine takes it. OpenAI's `developer` is what templates call `system`."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return ChatMessage("system" if self.role == "developer" else self.role, text)


class ChatBody(GenerationBody):
    """Body of ``POST /v1/chat/completions``."""

    messages: list[MessageBody] = Field(min_length=1, max_length=_MESSAGES)
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Where left out: as many as the context has room for."
    )
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The newer name of max_tokens."
    )

    @field_validator("max_completion_tokens")
    @classmethod
    def _one_limit(cls, limit: int | None, info: ValidationInfo) -> int | None:
        other = info.data.get("max_tokens")
        if limit is not None and other is not None and limit != other:
            raise PydanticCustomError("two_limits", "differs from max_tokens; give only one of them")
        return limit

    def limit(self) -> int | None:
        """Most new tokens."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens


def _same(value: object, neutral: object) -> bool:
    """Equality that tells 1 from True."""
    return type(value) is type(neutral) and value == neutral


def _unsupported_at(name: str) -> PydanticCustomError:
    return PydanticCustomError(
        UNSUPPORTED, "{parameter} is not supported by this server", {"parameter": name, "param": name}
    )
