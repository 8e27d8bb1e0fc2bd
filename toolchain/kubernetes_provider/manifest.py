"""A Kubernetes object as a Pulumi resource: its type token, identity, annotations, and key spelling."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from toolchain.provider.interface import ProviderError

FIELD_MANAGER_KEY: Final = "__fieldManager"
"""Where a resource's state keeps the name under which its fields are owned; the official plugin's key."""
INITIAL_API_VERSION_KEY: Final = "__initialApiVersion"
"""Where the state keeps the API version that the object was created with; the official plugin's key."""
STATE_KEYS: Final = frozenset({FIELD_MANAGER_KEY, INITIAL_API_VERSION_KEY, "__inputs"})

# The SDK's Python and TypeScript keys cannot hold a dash, so the schema spells these with underscores.
_DASHED: Final = {
    f"x_kubernetes_{name.replace('-', '_')}": f"x-kubernetes-{name}"
    for name in (
        "embedded-resource",
        "int-or-string",
        "list-map-keys",
        "list-type",
        "map-type",
        "preserve-unknown-fields",
        "validations",
    )
}
_UNDERSCORED: Final = {dashed: underscored for underscored, dashed in _DASHED.items()}


class Annotation(StrEnum):
    """The annotations by which a program steers the plugin; the official plugin's names."""

    AUTONAMED = "pulumi.com/autonamed"
    SKIP_AWAIT = "pulumi.com/skipAwait"
    WAIT_FOR = "pulumi.com/waitFor"
    TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
    PATCH_FORCE = "pulumi.com/patchForce"
    PATCH_FIELD_MANAGER = "pulumi.com/patchFieldManager"
    DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"


@dataclass(frozen=True, slots=True)
class TypeToken:
    """`kubernetes:apps/v1:Deployment`, taken apart."""

    api_version: str
    kind: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @classmethod
    def parse(cls, token: str) -> "TypeToken":
        """Read a type token.

        Raises:
            ProviderError: it has another form.
        """
        match = re.fullmatch(r"kubernetes:([^:]+):([A-Za-z0-9]+)", token)
        if match is None:
            raise ProviderError(f"{token!r} is no type of this plugin: kubernetes:<group>/<version>:<Kind>")
        api_version, kind = match.groups()
        return cls(api_version.removeprefix("core/"), kind)


@dataclass(frozen=True, slots=True)
class ObjectId:
    """A resource's id: `namespace/name`, or `name` where the kind has no namespace."""

    namespace: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @classmethod
    def parse(cls, text: str) -> "ObjectId":
        """Read an id.

        Raises:
            ProviderError: it has more than one slash or an empty part.
        """
        parts = text.split("/")
        if len(parts) > 2 or not all(parts):
            raise ProviderError(f"{text!r} is no id of a Kubernetes object: expected `namespace/name` or `name`")
        return cls(parts[0] if len(parts) == 2 else None, parts[-1])


def identity(obj: Mapping[str, Any], *, namespaced: bool) -> ObjectId:
    """Give the id of an object."""
    metadata = metadata_of(obj)
    return ObjectId((metadata.get("namespace") or "default") if namespaced else None, metadata["name"])


def metadata_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Give an object's metadata, empty if it has none or does not know it yet."""
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def annotation(obj: Mapping[str, Any], key: Annotation) -> str | None:
    """Give the value of an annotation, None if it is not set or not known yet."""
    annotations = metadata_of(obj).get("annotations")
    value = annotations.get(key.value) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else None


def is_set(obj: Mapping[str, Any], key: Annotation) -> bool:
    """Tell whether an annotation says `true`."""
    return (annotation(obj, key) or "").lower() == "true"


def to_api(value: Any) -> Any:
    """Spell keys as the API does (`x-kubernetes-list-type`), drop the state's own keys and nulls."""
    if isinstance(value, dict):
        return {
            _DASHED.get(key, key): to_api(item)
            for key, item in value.items()
            if key not in STATE_KEYS and item is not None
        }
    if isinstance(value, list):
        return [to_api(item) for item in value]
    return value


def from_api(value: Any) -> Any:
    """Spell keys as the SDK does (`x_kubernetes_list_type`), the inverse of `to_api`."""
    if isinstance(value, dict):
        return {_UNDERSCORED.get(key, key): from_api(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_api(item) for item in value]
    return value


def describe(obj: Mapping[str, Any]) -> str:
    """Name an object in a message: `Deployment default/web`."""
    metadata = metadata_of(obj)
    namespace = metadata.get("namespace")
    name = f"{namespace}/{metadata.get('name')}" if namespace else metadata.get("name")
    return f"{obj.get('kind')} {name}"
