"""What all request bodies are made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

UNSUPPORTED = "unsupported_parameter"
# More than any endpoint has. Each that is unknown costs an error's text.
_FIELDS = 256


def unsupported(parameter: str, why: str = "is not supported by this server") -> PydanticCustomError:
    """The refusal of a parameter that OpenAI knows and this server doesn't honour."""
    return PydanticCustomError(
        UNSUPPORTED, "{parameter} {reason}", {"parameter": parameter, "param": parameter, "reason": why}
    )


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


def _whole_number(value: object) -> object:
    """Takes 2.0 for 2, as JSON Schema does: JSON knows one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole_numbers(values: object) -> object:
    """`_whole_number` for each element, where any of them needs it: prompts have hundreds of thousands."""
    if isinstance(values, list) and float in set(map(type, values)):
        return [_whole_number(value) for value in values]
    return values


def at_most(most: int) -> BeforeValidator:
    """Refuses a larger object before it looks into it. Lists have `max_length`, which stops there by itself."""

    def check(value: object) -> object:
        if isinstance(value, dict) and len(value) > most:
            raise PydanticCustomError("too_many", "at most {most} entries are allowed", {"most": most})
        return value

    return BeforeValidator(check)


Text = Annotated[str, AfterValidator(_whole_characters)]
WHOLE = BeforeValidator(_whole_number)
"""Behind an integer's bounds: the document then still names those."""
TokenId = Annotated[int, Field(ge=0)]
WHOLE_ELEMENTS = BeforeValidator(_whole_numbers)
"""`WHOLE` for a list's elements."""


class Body(BaseModel):
    """A JSON object without unknown fields, in which every value has the very type that is asked for."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _not_too_many_fields(cls, data: Any) -> Any:
        if isinstance(data, dict) and len(data) > _FIELDS:
            raise PydanticCustomError("too_many", "an object has at most {most} fields here", {"most": _FIELDS})
        return data
