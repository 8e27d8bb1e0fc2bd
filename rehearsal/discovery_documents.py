"""Google's discovery documents, as google-api-python-client carries them: each API's schemas with their values."""

import importlib.util
import json
import re
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rehearsal.published import Node, normalised
from rehearsal.rules import Rule
from rehearsal.sdk_index import SdkMissingError


class DiscoveryDocuments:
    """The source of rules for Google Cloud; places are `api.version.Schema`, with members after more dots."""

    @cached_property  # reading a package's metadata takes a millisecond, and every check asks
    def version(self) -> str:
        """The documents are those of the installed client."""
        return f"google-api-python-client {version('google-api-python-client')}"

    def node(self, place: str) -> Node | None:
        """Give a schema of an API."""
        api, api_version, name, *members = place.split(".")
        schemas = _schemas(f"{api}.{api_version}")
        found: Node | None = None
        if name in schemas:
            found = _SchemaNode(schemas, schemas[name], f"{api} {api_version} {name}")
        for member in members:
            found = None if found is None else found.member(normalised(member))
        return found


class _SchemaNode:
    def __init__(self, schemas: Mapping[str, Any], schema: Mapping[str, Any], source: str) -> None:
        self._schemas = schemas
        self._schema = _resolved(schemas, schema)
        self._source = source

    def member(self, name: str) -> "_SchemaNode | None":
        for key, schema in self._schema.get("properties", {}).items():
            if normalised(key) == name:
                return _SchemaNode(self._schemas, schema, f"{self._source}.{key}")
        return None

    def rule(self) -> Rule:
        found: dict[str, Any] = {"source": self._source}
        values = self._schema.get("enum")
        if values:
            found["values"] = tuple(value for value in values if not value.endswith("_UNSPECIFIED"))
        elif pattern := self._schema.get("pattern"):
            found |= {"pattern": re.sub(r"^\^|\$$", "", pattern), "anchored": True}
        for key, name in (("minimum", "minimum"), ("maximum", "maximum")):
            if key in self._schema:
                found[name] = float(self._schema[key])
        return Rule(**found)


def _resolved(schemas: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and look through lists and maps to what they hold."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"]]
        elif schema.get("type") == "array":
            schema = schema["items"]
        elif "additionalProperties" in schema and "properties" not in schema:
            schema = schema["additionalProperties"]
        else:
            return schema


@cache
def _schemas(name: str) -> Mapping[str, Any]:
    spec = importlib.util.find_spec("googleapiclient")
    if spec is None or not spec.submodule_search_locations:
        raise SdkMissingError("the Python package google-api-python-client isn't installed; run `make setup`")
    folder = Path(next(iter(spec.submodule_search_locations))) / "discovery_cache" / "documents"
    try:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8")).get("schemas", {})
    except FileNotFoundError:
        return {}
