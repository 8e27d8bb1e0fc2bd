"""Who owns which field of an object: the `managedFields` that server-side apply keeps.

Its format (FieldsV1) is described at https://kubernetes.io/docs/reference/using-api/server-side-apply/ and in
structured-merge-diff's `fieldpath` package: `f:name` a field, `k:{…}` a list item by its keys, `v:…` a set's
value, `i:n` an index, `.` the item itself.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from toolchain.provider.properties import Path

SYSTEM_MANAGERS: Final = frozenset(
    {"kube-controller-manager", "kubelet", "kube-scheduler", "kube-apiserver", "cloud-controller-manager"}
)
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def manages(live: Mapping[str, Any], manager: str) -> bool:
    """Tell whether a field manager has applied this object."""
    return any(entry.get("manager") == manager and entry.get("operation") == "Apply" for entry in _entries(live))


def other_owners(live: Mapping[str, Any], path: Path, manager: str) -> list[str]:
    """Give the field managers other than `manager` that own the field at `path` or something below it."""
    return sorted(
        {
            entry["manager"]
            for entry in _entries(live)
            if entry.get("manager") != manager and _covers(live, entry.get("fieldsV1") or {}, path)
        }
    )


def applied_configuration(live: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuild what people and tools, not controllers, have set on an object: the inputs of an import.

    `kubectl apply` keeps the whole text in an annotation. Otherwise the fields of every manager that is no part
    of the control plane are taken; an object that has no such record at all gives everything but its status.
    """
    metadata = live.get("metadata") or {}
    identity = {key: live[key] for key in ("apiVersion", "kind") if key in live}
    names = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    text = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if text is not None:
        applied = json.loads(text)
        return {**applied, **identity, "metadata": {**(applied.get("metadata") or {}), **names}}
    trees = [
        entry["fieldsV1"]
        for entry in _entries(live)
        if entry.get("manager") not in SYSTEM_MANAGERS and not entry.get("subresource") and entry.get("fieldsV1")
    ]
    if trees:
        configuration = _extract(live, _merge_trees(trees))
    else:
        configuration = {key: value for key, value in live.items() if key != "status"}
    configuration.pop("status", None)
    owned_metadata = {
        key: value
        for key, value in (configuration.get("metadata") or {}).items()
        if key in {"labels", "annotations", "finalizers", "ownerReferences"} and value
    }
    return {**configuration, **identity, "metadata": {**owned_metadata, **names}}


def _entries(live: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (live.get("metadata") or {}).get("managedFields") or ()


def _merge_trees(trees: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for tree in trees:
        for key, below in tree.items():
            merged[key] = _merge_trees([merged.get(key, {}), below])
    return merged


def _extract(value: Any, tree: Mapping[str, Any]) -> Any:
    """Give the part of `value` that a field tree names; a leaf of the tree takes all that lies below it."""
    steps = [key for key in tree if key != "."]
    if not steps:
        return value
    if isinstance(value, dict):
        return {
            name: _extract(value[name], below)
            for key, below in tree.items()
            if key.startswith("f:") and (name := key[2:]) in value
        }
    if isinstance(value, list):
        found = {index: below for key, below in tree.items() if (index := _index_of(value, key)) is not None}
        return [_extract(value[index], found[index]) for index in sorted(found)]
    return value


def _index_of(items: list[Any], key: str) -> int | None:
    match key[:2]:
        case "k:":
            wanted = json.loads(key[2:])
            for index, item in enumerate(items):
                # A key that the item leaves out has its default, which the server has filled in by now.
                if isinstance(item, dict) and all(item.get(name) == value for name, value in wanted.items()):
                    return index
        case "v:":
            wanted = json.loads(key[2:])
            return items.index(wanted) if wanted in items else None
        case "i:":
            index = int(key[2:])
            return index if index < len(items) else None
    return None


def _covers(value: Any, tree: Mapping[str, Any], path: Path) -> bool:
    if not path:
        return True
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        below = tree.get(f"f:{step}")
        if below is None:
            return False
        return not below or _covers(value.get(step) if isinstance(value, dict) else None, below, rest)
    if not isinstance(value, list) or step >= len(value):
        return False
    return any(
        _index_of(value, key) == step and _covers(value[step], below, rest) for key, below in tree.items() if key != "."
    )
