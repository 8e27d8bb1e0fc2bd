"""Server-side apply: the one way in which this plugin writes, for real and as a dry run.

https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolchain.kubernetes_provider.api_client import APPLY_PATCH, ApiClient, ApiError
from toolchain.kubernetes_provider.discovery import Kind
from toolchain.kubernetes_provider.managed_fields import other_owners
from toolchain.kubernetes_provider.manifest import Annotation, ObjectId, describe, to_api
from toolchain.provider.interface import ProviderError
from toolchain.provider.properties import Path, Secret, format_path, reveal, walk

SHORTEST_REDACTED: Final = 4
"""Shorter secret values are left in messages: replacing each `a` would garble the text and hide nothing."""
REDACTED: Final = "[secret]"
_CONFLICT_OWNER: Final = re.compile(r'conflicts? with "([^"]*)"(?: with subresource "([^"]*)")?')
_NOT_DECLARED: Final = re.compile(r"(\.[^;:\s]+): field not declared in schema")


class ConflictError(ProviderError):
    """Other field managers own fields that the program sets to other values."""


class RejectedError(ProviderError):
    """The API server refuses the object (422): which fields, and why."""

    def __init__(self, message: str, fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Application:
    """One object to apply and how.

    Attributes:
        kind: its kind as the server serves it.
        object_id: where it lives.
        inputs: the checked inputs, secrets still marked.
        manager: the field manager that shall own its fields.
        force: take over fields that others own.
    """

    kind: Kind
    object_id: ObjectId
    inputs: Mapping[str, Any]
    manager: str
    force: bool = False

    @property
    def body(self) -> dict[str, Any]:
        """The object as it goes to the server."""
        return to_api(reveal(self.inputs))


async def apply(client: ApiClient, application: Application, *, dry_run: bool = False) -> dict[str, Any]:
    """Apply an object and give it as the server has it afterwards.

    Raises:
        ConflictError: another manager owns a field; not with `force`.
        RejectedError: the object is invalid or changes what cannot change.
        ApiError: any other refusal.
        UnavailableError: the server cannot be reached.
    """
    parameters = {
        "fieldManager": application.manager,
        "force": "true" if application.force else "false",
        "fieldValidation": "Strict",
    }
    if dry_run:
        parameters["dryRun"] = "All"
    body = application.body
    path = application.kind.path(application.object_id.namespace, application.object_id.name)
    try:
        return await client.request("PATCH", path, parameters, body, APPLY_PATCH)
    except ApiError as error:
        raise _explained(error, body, application) from None


def _explained(error: ApiError, body: Mapping[str, Any], application: Application) -> ProviderError:
    hide = _Redaction(application.inputs)
    if error.code == 409 and any(cause.reason == "FieldManagerConflict" for cause in error.causes):
        lines = []
        for cause in error.causes:
            owner = _CONFLICT_OWNER.search(cause.message)
            name = owner.group(1) if owner else cause.message
            subresource = f" (subresource {owner.group(2)})" if owner and owner.group(2) else ""
            lines.append(f"  {cause.field.removeprefix('.')} is managed by {name!r}{subresource}")
        return ConflictError(
            hide(
                f"{describe(body)}: other field managers have set these fields to other values:\n"
                + "\n".join(lines)
                + "\nLeave the fields to them (drop them from the program, or list them in ignore_changes), or take "
                f'them over with the annotation {Annotation.PATCH_FORCE.value}: "true".'
            )
        )
    if undeclared := _NOT_DECLARED.search(error.message):
        field = undeclared.group(1).removeprefix(".")
        text = f"{describe(body)}: the field {field} does not exist in {body['apiVersion']} {body['kind']}"
        return RejectedError(text, ((field, "field not declared in schema"),))
    if error.code == 422:
        fields = tuple((cause.field, hide(cause.message)) for cause in error.causes)
        listed = "".join(f"\n  {field}: {message}" for field, message in fields)
        text = listed or f" {hide(error.message)}"
        return RejectedError(f"{describe(body)} was refused by the API server:{text}", fields)
    return ApiError(error.code, error.reason, f"{describe(body)}: {hide(error.message)}", error.causes)


class _Redaction:
    """Replaces secret values in text that comes back from the server: it quotes what it refuses."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        found: set[str] = set()
        for value in _secret_texts(inputs):
            found.add(value)
            found.add(base64.b64encode(value.encode()).decode())
        self._values = sorted((each for each in found if len(each) >= SHORTEST_REDACTED), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, REDACTED)
        return text


def _secret_texts(value: Any, *, secret: bool = False) -> Iterable[str]:
    match value:
        case Secret():
            yield from _secret_texts(value.value, secret=True)
        case Mapping():
            for item in value.values():
                yield from _secret_texts(item, secret=secret)
        case list():
            for item in value:
                yield from _secret_texts(item, secret=secret)
        case str() if secret:
            yield value


def left_to_others(
    inputs: Mapping[str, Any], live: Mapping[str, Any], ignored: Iterable[str], manager: str
) -> dict[str, Any]:
    """Leave out of an apply the ignored fields that another manager owns.

    `ignore_changes=["spec.replicas"]` beside an autoscaler must neither set the field back nor conflict; a field
    that nobody else owns must stay in, or the apply would remove it.
    """
    result: Any = dict(inputs)
    patterns = [_ignored_pattern(each) for each in ignored]
    leaves = [path for path, _ in walk(to_api(reveal(inputs)))]
    for path in leaves:
        if any(pattern.fullmatch(format_path(path)) for pattern in patterns) and other_owners(live, path, manager):
            result = _without(result, path)
    return result


def _ignored_pattern(path: str) -> re.Pattern[str]:
    escaped = re.escape(path).replace(r"\[\*\]", r"\[\d+\]").replace(r"\.\*", r"[.\[][^.\[]*")
    return re.compile(rf"{escaped}(?:[.\[].*)?")


def _without(value: Any, path: Path) -> Any:
    if isinstance(value, Secret):
        return Secret(_without(value.value, path))
    step, rest = path[0], path[1:]
    if isinstance(value, Mapping) and step in value:
        if not rest:
            return {key: item for key, item in value.items() if key != step}
        return {**value, step: _without(value[step], rest)}
    if isinstance(value, list) and isinstance(step, int) and rest:
        return [_without(item, rest) if index == step else item for index, item in enumerate(value)]
    return value
