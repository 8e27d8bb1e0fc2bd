"""Two versions of an object compared: the paths that differ, and live state cut down to what inputs name."""

import base64
import binascii
import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any, Final

from toolchain.provider.interface import Change
from toolchain.provider.properties import UNKNOWN, Path, Secret, reveal

_ITEM_KEYS: Final = ("name", "key", "containerPort", "port", "mountPath", "ip", "topologyKey", "type")
"""By which field an item of a list is recognised when others have been put beside it; the merge keys of the
Kubernetes API, most telling first."""

IMMUTABLE_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "Job": ("spec.completions", "spec.selector", "spec.template"),
    "PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeMode",
        "spec.volumeName",
    ),
    "Pod": ("spec",),
    "ClusterRoleBinding": ("roleRef",),
    "RoleBinding": ("roleRef",),
    "Service": ("spec.clusterIP",),
    "StatefulSet": (
        "spec.podManagementPolicy",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    "StorageClass": ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
}
"""What the API is known never to change in place: used where the server cannot be asked by a dry run, because
some value is not known yet. Where it can be asked, its answer counts."""


def differing_paths(  # noqa: C901 - one walk over objects, lists and leaves
    old: Any, new: Any, path: Path = ()
) -> Iterable[tuple[Path, Change]]:
    """Yield each path at which two trees differ. An unknown value always differs; secretness does not count."""
    old, new = _bare(old), _bare(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            here = (*path, key)
            if old.get(key) is None and new.get(key) is None:
                continue  # a null says no more than leaving the key out
            if old.get(key) is None:
                yield here, Change.ADD
            elif new.get(key) is None:
                yield here, Change.DELETE
            else:
                yield from differing_paths(old[key], new[key], here)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            here = (*path, index)
            if index >= len(old):
                yield here, Change.ADD
            elif index >= len(new):
                yield here, Change.DELETE
            else:
                yield from differing_paths(old[index], new[index], here)
    elif new is UNKNOWN or not _equal(old, new):
        yield path, Change.UPDATE


def _bare(value: Any) -> Any:
    return _bare(value.value) if isinstance(value, Secret) else value


def _equal(old: Any, new: Any) -> bool:
    return old == new and isinstance(old, bool) == isinstance(new, bool)  # True == 1 in Python


def under(path: Path, prefix: str) -> bool:
    """Tell whether a path lies at or below a dotted prefix; `[*]` stands for any index."""
    text = _dotted(path)
    return text == prefix or text.startswith((f"{prefix}.", f"{prefix}[")) or fnmatch.fnmatchcase(text, prefix)


def above(path: Path, field: str) -> bool:
    """Tell whether a path lies above a dotted field, so that a change at `path` may be one of the field."""
    text = _dotted(path)
    return field.startswith((f"{text}.", f"{text}["))


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def replacing(change: Change) -> Change:
    """Give the same change as one that needs a new object."""
    return change if change.value.endswith("_REPLACE") else Change(f"{change.value}_REPLACE")


def live_inputs(inputs: Mapping[str, Any], live: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Give the inputs as the cluster has them now: live values at the paths that the inputs name.

    Fields that the inputs do not name belong to others (defaults, controllers) and are left out. Where the live
    value is still the one that the state knew (`known`, what the server made of the inputs), the input's own
    spelling stays: `cpu: "0.5"` is served as `500m`, and that is no change.
    """
    prepared = dict(live)
    if live.get("kind") == "Secret" and "stringData" in inputs:
        prepared["stringData"] = _as_text(live.get("data") or {})
    known_prepared = dict(known)
    if known.get("kind") == "Secret" and "stringData" in inputs:
        known_prepared["stringData"] = _as_text(reveal(known.get("data")) or {})
    return _cut(inputs, prepared, known_prepared)


def _cut(inputs: Any, live: Any, known: Any) -> Any:
    inputs, known = _bare(inputs), _bare(known)
    if isinstance(inputs, Mapping) and isinstance(live, Mapping):
        known = known if isinstance(known, Mapping) else {}
        cut = {}
        for key, value in inputs.items():
            if live.get(key) is not None and value is not None:
                cut[key] = _cut(value, live[key], known.get(key))
            elif value is not None and known and known.get(key) is None:
                cut[key] = value  # the server leaves out what says nothing (`hostNetwork: false`): no change
        return cut
    if isinstance(inputs, list) and isinstance(live, list):
        known = known if isinstance(known, list) else []
        if not all(isinstance(item, Mapping) for item in [*inputs, *live]):
            return inputs if live == known else live
        pairs = ((item, _counterpart(item, index, live, inputs)) for index, item in enumerate(inputs))
        return [
            _cut(item, found, _counterpart(item, index, known, inputs))
            for index, (item, found) in enumerate(pairs)
            if found is not None
        ]
    return inputs if known is not None and _equal(live, known) else live


def _counterpart(item: Mapping[str, Any], index: int, others: list[Any], siblings: list[Any]) -> Any:
    for key in _ITEM_KEYS:
        if key in item:
            wanted = _bare(item[key])
            if [_bare(each.get(key)) for each in siblings].count(wanted) > 1:
                continue  # does not tell the siblings apart
            for other in others:
                if isinstance(other, Mapping) and _bare(other.get(key)) == wanted:
                    return other
            return None
    return others[index] if index < len(others) else None


def _as_text(data: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for key, value in data.items():
        try:
            texts[key] = base64.b64decode(reveal(value)).decode()
        except (binascii.Error, ValueError, TypeError):
            continue  # binary data has no text form, and no stringData could have made it
    return texts
