"""What goes into the Pulumi state about an object: its live form less noise, secrets marked, who owns it."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from toolchain.kubernetes_provider.managed_fields import LAST_APPLIED
from toolchain.kubernetes_provider.manifest import (
    FIELD_MANAGER_KEY,
    INITIAL_API_VERSION_KEY,
    Annotation,
    annotation,
    from_api,
)
from toolchain.provider.properties import UNKNOWN, Path, Secret, mark_secrets, replace_at, walk

SHORTEST_TRACED_SECRET: Final = 8
"""A secret this long is recognised inside other text; a shorter one might be there by chance."""

_SET_BY_SERVER: Final[tuple[Path, ...]] = (
    ("metadata", "uid"),
    ("metadata", "resourceVersion"),
    ("metadata", "creationTimestamp"),
    ("metadata", "generation"),
)
_ALLOCATED: Final[Mapping[str, tuple[Path, ...]]] = {
    "Service": (
        ("spec", "clusterIP"),
        ("spec", "clusterIPs"),
        ("spec", "healthCheckNodePort"),
    ),
    "PersistentVolumeClaim": (("spec", "volumeName"),),
}
"""What the server chooses anew at each creation: a dry run's choice is not the later one."""


def field_manager(urn: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """Give the name under which a resource's fields are owned: the annotation's, the state's, or one of the URN.

    It differs by resource, so that two programs which set the same field are told of each other, and it follows
    from the URN, so that an update which was killed after it created the object finds it again as its own.
    """
    chosen = annotation(inputs, Annotation.PATCH_FIELD_MANAGER) or outputs.get(FIELD_MANAGER_KEY)
    return chosen or f"pulumi-kubernetes-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"


def outputs_of(live: Mapping[str, Any], inputs: Mapping[str, Any], manager: str) -> dict[str, Any]:
    """Give the outputs that the state keeps of a live object."""
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    outputs: Any = from_api({**live, "metadata": metadata})
    outputs = marked(outputs, inputs)
    outputs[FIELD_MANAGER_KEY] = manager
    outputs[INITIAL_API_VERSION_KEY] = live["apiVersion"]
    return outputs


def marked(values: Any, inputs: Mapping[str, Any]) -> Any:
    """Mark as secret what is: by path, by content, and all data of a Secret."""
    values = mark_secrets(values, inputs)
    texts = {text for text in _secret_texts(inputs) if len(text) >= SHORTEST_TRACED_SECRET}
    if texts:
        values = _mark_containing(values, texts)
    if values.get("apiVersion") == "v1" and values.get("kind") == "Secret":
        for path in (("data",), ("stringData",), ("metadata", "annotations", LAST_APPLIED)):
            values = replace_at(values, path, lambda found: found if isinstance(found, Secret) else Secret(found))
    return values


def _secret_texts(value: Any) -> Iterable[str]:
    match value:
        case Secret():
            yield from (leaf for _, leaf in walk(value) if isinstance(leaf, str))
        case Mapping():
            for item in value.values():
                yield from _secret_texts(item)
        case list():
            for item in value:
                yield from _secret_texts(item)


def _mark_containing(value: Any, texts: set[str]) -> Any:
    match value:
        case str() if any(text in value for text in texts):
            return Secret(value)
        case Mapping():
            return {key: _mark_containing(item, texts) for key, item in value.items()}
        case list():
            return [_mark_containing(item, texts) for item in value]
        case _:
            return value


def planned_creation(tentative: Mapping[str, Any], inputs: Mapping[str, Any], manager: str) -> dict[str, Any]:
    """Give the outputs of a creation in a preview: what a dry run said, less what will be chosen only then."""
    outputs = outputs_of({**tentative, "metadata": tentative.get("metadata") or {}}, inputs, manager)
    unknown = [*_SET_BY_SERVER, *_ALLOCATED.get(str(outputs.get("kind")), ())]
    for path in unknown:
        if not _has(inputs, path):
            outputs = _with_unknown(outputs, path)
    if outputs.get("kind") == "Service" and isinstance((outputs.get("spec") or {}).get("ports"), list):
        for index, port in enumerate(outputs["spec"]["ports"]):
            if isinstance(port, dict) and not _has(inputs, ("spec", "ports", index, "nodePort")):
                port.pop("nodePort", None)
    outputs["status"] = UNKNOWN
    return outputs


def _has(value: Any, path: Path) -> bool:
    for step in path:
        value = value.value if isinstance(value, Secret) else value
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _with_unknown(value: Any, path: Path) -> Any:
    if not path:
        return UNKNOWN
    if not isinstance(value, Mapping):
        return value
    return {**value, path[0]: _with_unknown(value.get(path[0], {}), path[1:])}
