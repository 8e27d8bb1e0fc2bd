"""``response_format``: the form that a text is forced into."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from service.engine.interface import Grammar, GrammarKind
from service.server.protocol.fields import Body, Text

# A schema of this size says more than any text within a context could fill; compiling it would hold others up.
_SCHEMA_BYTES = 64 * 1024


class TextFormat(Body):
    """Any text."""

    type: Literal["text"]

    def grammar(self) -> Grammar | None:
        """No form."""
        return None


class JsonObjectFormat(Body):
    """Any JSON object."""

    type: Literal["json_object"]

    def grammar(self) -> Grammar | None:
        """The form, as the engine takes it."""
        return Grammar(GrammarKind.JSON_OBJECT)


class JsonSchema(Body):
    """A schema and what it is called."""

    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: Text | None = Field(default=None, description="Accepted; not used.")
    schema_: dict[str, Any] = Field(default={"type": "object"}, alias="schema", description="JSON Schema, 2020-12.")
    strict: bool | None = Field(default=None, description="Accepted; every schema is kept to strictly.")

    @field_validator("schema_")
    @classmethod
    def _is_json(cls, schema: dict[str, Any]) -> dict[str, Any]:
        try:
            size = len(json.dumps(schema, allow_nan=False).encode())
        except (ValueError, RecursionError):
            raise PydanticCustomError(
                "no_json", "holds what JSON can't: NaN, infinity, or too deep a nesting"
            ) from None
        if size > _SCHEMA_BYTES:
            raise PydanticCustomError("too_large", "is larger than {most} bytes", {"most": _SCHEMA_BYTES})
        return schema


class JsonSchemaFormat(Body):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema

    def grammar(self) -> Grammar | None:
        """The form, as the engine takes it."""
        return Grammar(GrammarKind.JSON_SCHEMA, json.dumps(self.json_schema.schema_))


def _kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"[{kind}]" if isinstance(kind, str) else None


ResponseFormat = Annotated[
    Annotated[TextFormat, Tag("[text]")]
    | Annotated[JsonObjectFormat, Tag("[json_object]")]
    | Annotated[JsonSchemaFormat, Tag("[json_schema]")],
    Discriminator(
        _kind,
        custom_error_type="response_format",
        custom_error_message="an object whose type is text, json_object or json_schema is expected",
    ),
]
