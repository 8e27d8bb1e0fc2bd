"""Inputs made complete and valid before anything is planned: kind, name, namespace, and what is refused."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

from toolchain.kubernetes_provider.manifest import Annotation, TypeToken, annotation, is_set, metadata_of
from toolchain.kubernetes_provider.readiness.requested import parse_request
from toolchain.kubernetes_provider.waiting import timeout_for
from toolchain.provider.interface import AutonamingMode, CheckFailure, CheckRequest, ProviderError
from toolchain.provider.properties import UNKNOWN, Secret

PROPAGATION_POLICIES: Final = ("Foreground", "Background", "Orphan")
_COMPONENTS: Final = ("helm.sh/", "yaml", "kustomize")


def completed(request: CheckRequest, token: TypeToken) -> dict[str, Any]:
    """Give the inputs with kind, API version and name filled in.

    A resource without a name gets its Pulumi name and eight hexadecimal digits, and an annotation that says so:
    an object that may have another name can be replaced without being deleted first.
    """
    inputs = _without_nulls(request.news)
    inputs.setdefault("apiVersion", token.api_version)
    inputs.setdefault("kind", token.kind)
    metadata = inputs.get("metadata", {})
    if not isinstance(metadata, dict) or metadata.get("name") or "generateName" in metadata:
        return inputs  # named, or to be named by a value that is not known yet
    old = request.olds or {}
    if is_set(old, Annotation.AUTONAMED) and metadata_of(old).get("name"):
        name = metadata_of(old)["name"]
    else:
        name = _new_name(request)
    annotations = metadata.get("annotations", {})
    if isinstance(annotations, dict):
        annotations = {**annotations, Annotation.AUTONAMED.value: "true"}
    inputs["metadata"] = {**metadata, "name": name, "annotations": annotations}
    return inputs


def _new_name(request: CheckRequest) -> str:
    if request.autonaming is not None:
        mode, proposed = request.autonaming
        if mode is AutonamingMode.DISABLE:
            raise ProviderError("autonaming is disabled: set metadata.name")
        if proposed:
            return proposed
    # The engine's seed makes the name of a preview that of the update which follows it.
    seed = request.random_seed or secrets.token_bytes(32)
    return f"{request.name}-{hashlib.sha256(seed).hexdigest()[:8]}"


def failures(inputs: Mapping[str, Any], token: TypeToken) -> list[CheckFailure]:
    """Say what in completed inputs cannot be used, without asking the server."""
    kind = inputs.get("kind")
    if token.api_version.startswith(_COMPONENTS):
        return [CheckFailure("", f"{token.api_version} {token.kind} needs the official plugin: use typed resources")]
    if isinstance(kind, str) and token.kind == f"{kind}Patch":
        return [CheckFailure("", f"{token.kind} is not supported: use {kind}, or import the object and manage it")]
    if token.kind.endswith("List") and "items" in inputs:
        return [CheckFailure("", f"a {token.kind} is no object of its own: declare its items one by one")]
    found = []
    if "generateName" in metadata_of(inputs):
        found.append(
            CheckFailure(
                "metadata.generateName",
                "server-side apply needs a name: leave metadata.name out and the plugin chooses one",
            )
        )
    found += [
        CheckFailure(key, f"{inputs[key]!r} does not fit the type {token.api_version} {token.kind}")
        for key, expected in (("apiVersion", token.api_version), ("kind", token.kind))
        if inputs.get(key) not in (expected, UNKNOWN)
    ]
    return found + _annotation_failures(inputs)


def _annotation_failures(inputs: Mapping[str, Any]) -> list[CheckFailure]:
    found = []
    propagation = annotation(inputs, Annotation.DELETION_PROPAGATION)
    if propagation is not None and propagation.capitalize() not in PROPAGATION_POLICIES:
        allowed = ", ".join(PROPAGATION_POLICIES)
        found.append((Annotation.DELETION_PROPAGATION, f"{propagation!r} is not one of {allowed}"))
    try:
        timeout_for(inputs, None)
    except ProviderError as error:
        found.append((Annotation.TIMEOUT_SECONDS, str(error)))
    request = annotation(inputs, Annotation.WAIT_FOR)
    if request is not None:
        try:
            parse_request(request)
        except ProviderError as error:
            found.append((Annotation.WAIT_FOR, str(error)))
    return [CheckFailure(f'metadata.annotations["{key.value}"]', reason) for key, reason in found]


def propagation_policy(inputs: Mapping[str, Any]) -> str:
    """Give the policy by which an object's dependents go: the annotation's, else `Foreground`."""
    return (annotation(inputs, Annotation.DELETION_PROPAGATION) or "Foreground").capitalize()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, Secret):
        return Secret(_without_nulls(value.value))
    return value
