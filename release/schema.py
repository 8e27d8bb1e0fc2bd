"""The JSON Schema of release/waves.yaml, for editors."""

import json

from release.waves import WavePlan

NAME = "waves.schema.json"
"""The schema's file in `schemas/`."""


def schema_text() -> str:
    """Give the schema's text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **WavePlan.model_json_schema(by_alias=True),
        "title": "Waves of modelfleet's releases (release/waves.yaml)",
    }
    return json.dumps(schema, indent=2) + "\n"
