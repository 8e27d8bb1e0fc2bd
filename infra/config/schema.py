"""JSON Schemas for editors: what a stack file and a tenant file may say, as far as one file alone can tell."""

import json
from collections.abc import Mapping
from typing import Any

from infra.config.load import NAMESPACE
from infra.config.settings import StackSettings
from tenants import Tenant

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> Mapping[str, str]:
    """Give the text of each schema file by its name in `schemas/`."""
    return {"stack.schema.json": _text(_stack_file()), "tenant.schema.json": _text(_tenant_file())}


def _stack_file() -> dict[str, Any]:
    settings = StackSettings.model_json_schema(by_alias=True)
    keys = settings["properties"]
    ours = {f"{NAMESPACE}:{key}": value for key, value in keys.items()}
    unknown = f"^{NAMESPACE}:(?!({'|'.join(sorted(keys))})$)"
    return {
        "$schema": _DIALECT,
        "title": "A stack of modelfleet (Pulumi.<stack>.yaml)",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": ours,
                # Other programs' keys (aws:region) may stand beside ours; an unknown one of ours is a mistake.
                "patternProperties": {unknown: False},
                "required": [f"{NAMESPACE}:{key}" for key in settings["required"]],
            }
        },
        "required": ["config"],
        "$defs": settings["$defs"],
    }


def _tenant_file() -> dict[str, Any]:
    return {
        "$schema": _DIALECT,
        **Tenant.model_json_schema(by_alias=True),
        "title": "A tenant of modelfleet (tenants/<name>.yaml)",
    }


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"
