"""What all request bodies are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

UNSUPPORTED = "unsupported_parameter"


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


Text = Annotated[str, AfterValidator(_whole_characters)]
WHOLE = BeforeValidator(_whole_number)
"""Behind an integer's bounds: the document then still names those."""
TokenId = Annotated[int, Field(ge=0), WHOLE]


class Body(BaseModel):
    """A JSON object without unknown fields, in which every value has the very type that is asked for."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
