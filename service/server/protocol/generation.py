"""What the bodies of completions and chat completions have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from service.engine.interface import Priority, SamplingDefaults, SamplingParams
from service.server.protocol.fields import WHOLE, Body, Text, at_most, unsupported
from service.server.protocol.response_format import ResponseFormat  # noqa: TC001 - pydantic reads it

Number = TypeVar("Number", int, float)
ServiceTier = Literal["auto", "default", "flex", "priority"]

# OpenAI's documented limits.
_STOP_STRINGS = 4
_STOP_LENGTH = 256
_LOGIT_BIAS_ENTRIES = 300
_METADATA_ENTRIES = 16
# Not OpenAI's. Some clients say "all tokens" by the largest number that they know.
_TOP_K = 2**31 - 1
TOP_LOGPROBS = 20
CHOICES = 128
"""Most answers of one request, over all of its prompts."""

PRIORITY_OF_TIER: dict[str, Priority] = {
    "priority": Priority.INTERACTIVE,
    "auto": Priority.NORMAL,
    "default": Priority.NORMAL,
    "flex": Priority.BATCH,
}


class StreamOptions(Body):
    """What a stream holds besides the text."""

    include_usage: bool = Field(default=False, description="End with an event that holds the usage.")
    include_obfuscation: bool = Field(default=False, description="Accepted; nothing is obfuscated.")


class GenerationBody(Body):
    """What completions and chat completions have in common."""

    # Parameter -> values that ask for nothing beyond what is served. Anything else is refused by name.
    neutral: ClassVar[dict[str, tuple[object, ...]]] = {
        "store": (False,),
        "priority": (0,),
        # vLLM's
        "add_special_tokens": (True,),
        "include_stop_str_in_output": (False,),
        "length_penalty": (1, 1.0),
        "min_tokens": (0,),
        "skip_special_tokens": (True,),
        "spaces_between_special_tokens": (True,),
        "stop_token_ids": ([],),
        "use_beam_search": (False,),
    }

    # The engine's name of a parameter -> the client's, where they differ.
    client_names: ClassVar[dict[str, str]] = {"grammar": "response_format"}

    model: Text = Field(description="Name of the model, as `/v1/models` lists it.")
    n: Annotated[int, Field(ge=1, le=CHOICES), WHOLE] | None = Field(
        default=None, description="Answers to each prompt."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=_TOP_K), WHOLE] | None = Field(
        default=None, description="-1 or 0: all tokens."
    )
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    # Nearer to 0 it would lift logits beyond what a float holds.
    repetition_penalty: Annotated[float, Field(ge=0.01, le=10)] | None = None
    logit_bias: Annotated[dict[str, Annotated[float, Field(ge=-100, le=100)]], at_most(_LOGIT_BIAS_ENTRIES)] | None = (
        None
    )
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63), WHOLE] | None = None
    stop: Text | Annotated[list[Text], Field(fail_fast=True)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = Field(default=None, description="The form that the text is forced into.")
    ignore_eos: bool = False
    service_tier: ServiceTier | None = Field(
        default=None,
        description="`flex` waits behind others, `priority` goes before them where the caller may; the answer says "
        "which it was.",
    )
    cache_salt: Annotated[Text, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Cached prefixes are shared only with requests of the same salt (and tenant)."
    )
    user: Text | None = Field(default=None, description="Accepted; not used.")
    safety_identifier: str | None = Field(default=None, description="Accepted; not used.")
    prompt_cache_key: str | None = Field(default=None, description="Accepted; not used.")
    metadata: Annotated[dict[str, str], at_most(_METADATA_ENTRIES)] | None = Field(
        default=None, description="Accepted; not used."
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        kept = dict(data)
        for name, accepted in cls.neutral.items():
            if name not in kept:
                continue
            value = kept.pop(name)
            if value is not None and not any(_same(value, neutral) for neutral in accepted):
                raise unsupported(name)
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

    @property
    @abstractmethod
    def alternatives(self) -> int | None:
        """How many alternatives to each token are wanted; None where no log-probabilities are."""

    @abstractmethod
    def limit(self) -> int | None:
        """Most new tokens; None where the context is the only limit."""

    def sampling(self, defaults: SamplingDefaults, more_stop: tuple[str, ...] = ()) -> SamplingParams:
        """The engine's parameters: the request's, else the model's, else OpenAI's."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return SamplingParams(
            max_tokens=self.limit(),
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
            n=self.n or 1,
            logprobs=self.alternatives,
            grammar=self.response_format.grammar() if self.response_format is not None else None,
        )


def _first(asked: Number | None, default: Number | None, neutral: Number) -> Number:
    if asked is not None:
        return asked
    return neutral if default is None else default


def _same(value: object, neutral: object) -> bool:
    """Equality that tells 1 from True."""
    return type(value) is type(neutral) and value == neutral
