"""What an update would do to an object, asked of the API server by a dry run wherever that is possible."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolchain.kubernetes_provider.api_client import ApiClient, ApiError
from toolchain.kubernetes_provider.apply import Application, ConflictError, RejectedError, apply
from toolchain.kubernetes_provider.configuration import Configuration
from toolchain.kubernetes_provider.differences import (
    IMMUTABLE_PATHS,
    above,
    differing_paths,
    replacing,
    under,
)
from toolchain.kubernetes_provider.manifest import Annotation, is_set, metadata_of, to_api
from toolchain.provider.interface import Change, DiffResult
from toolchain.provider.properties import UNKNOWN, Path, contains_unknown, format_path, reveal

_IMMUTABLE_MESSAGE: Final = re.compile(
    r"immutable|may not change|cannot change|forbidden: updates to|updates to .* (?:are )?forbidden"
    r"|updates .* are forbidden|may not be changed|cannot be changed|may not be updated",
    re.IGNORECASE,
)
"""How the API server says that a field never changes in place; it has no reason code for it."""
NOT_DRY_RUN: Final = frozenset({400, 403, 404})
"""A dry run that fails so says nothing yet: a webhook that cannot dry-run, a namespace that goes away or that
the same update creates."""
_VOLATILE: Final = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """A resource in the state and in the program: what is to be compared."""

    old_inputs: Mapping[str, Any]
    old_outputs: Mapping[str, Any]
    news: Mapping[str, Any]

    def changes(self) -> dict[Path, Change]:
        """Give the paths at which old and new inputs differ."""
        return dict(differing_paths(self.old_inputs, self.news))


async def plan(
    client: ApiClient | None,
    application: Application | None,
    comparison: Comparison,
    configuration: Configuration,
) -> DiffResult:
    """Tell what an update does: nothing, a change in place, or a replacement, and at which paths.

    Args:
        client: None where the cluster is not known yet.
        application: what would be applied; None where the kind is not served yet.
        comparison: the state's side and the program's.
        configuration: whether Secrets and ConfigMaps may change in place.

    An object that the server would refuse is a change like any other here: the update's preview reports it.
    """
    changes, news = comparison.changes(), comparison.news
    replaced = {path for path in changes if _always_replaces(path, news, configuration)}
    if client is None or application is None or contains_unknown(news):
        replaced |= {path for path in changes if _known_immutable(path, str(news.get("kind")))}
    elif changes and not replaced:
        try:
            if await _is_already_so(client, application, comparison.old_outputs):
                return DiffResult(changes=False)
        except ConflictError:
            pass  # the update (and its preview) says so; a refresh compares too, and must not fail by it
        except RejectedError as error:
            replaced |= immutable_paths(error, changes, str(news.get("kind")))
    return _result(changes, replaced, comparison)


async def _is_already_so(client: ApiClient, application: Application, outputs: Mapping[str, Any]) -> bool:
    """Tell whether applying would change nothing, and the state knows the object as it is.

    Quantities have many spellings (`1000m`, `1`), and an update that was killed may have been applied already:
    then the state must still be brought up to date.
    """
    path = application.kind.path(application.object_id.namespace, application.object_id.name)
    try:
        live = await client.get(path)
        tentative = await apply(client, application, dry_run=True)
    except ApiError as error:
        if error.code in NOT_DRY_RUN:
            return False
        raise
    settled = _significant(live)
    return settled == _significant(tentative) and settled == _significant(to_api(reveal(outputs)))


def _significant(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in metadata_of(obj).items() if key not in _VOLATILE}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def _always_replaces(path: Path, inputs: Mapping[str, Any], configuration: Configuration) -> bool:
    if path[:2] in {("metadata",), ("metadata", "name"), ("metadata", "namespace"), ("kind",)}:
        return path != ("metadata",) or inputs.get("metadata") is UNKNOWN
    # As with the official plugin: pods that use them see new content only when they are new themselves, and a
    # new name makes them so.
    match inputs.get("kind"):
        case "Secret" if inputs.get("apiVersion") == "v1" and not configuration.enable_secret_mutable:
            return path[0] in {"data", "stringData", "type"}
        case "ConfigMap" if inputs.get("apiVersion") == "v1" and not configuration.enable_config_map_mutable:
            return path[0] in {"data", "binaryData"}
    return False


def _known_immutable(path: Path, kind: str) -> bool:
    return any(under(path, prefix) for prefix in IMMUTABLE_PATHS.get(kind, ()))


def immutable_paths(error: RejectedError, changes: Mapping[Path, Change], kind: str) -> set[Path]:
    """Give the changed paths that a refusal is about, empty if it is about something else than immutability."""
    fields = [field for field, message in error.fields if _IMMUTABLE_MESSAGE.search(message)]
    if not fields or len(fields) < len(error.fields):
        return set()  # something is invalid besides: a new object would be refused as well
    named = {path for path in changes for field in fields if under(path, field) or above(path, field)}
    # The server may name a field that the inputs do not have (`spec.clusterIPs[0]` for `spec.clusterIP`).
    known = {path for path in changes if _known_immutable(path, kind)}
    return named or known or {path for path in changes if path[0] != "metadata"}


def _result(changes: Mapping[Path, Change], replaced: set[Path], comparison: Comparison) -> DiffResult:
    detailed = {
        format_path(path): replacing(change) if path in replaced else change for path, change in changes.items()
    }
    before, after = metadata_of(comparison.old_inputs), metadata_of(comparison.news)
    same_name = all(before.get(key) == after.get(key) for key in ("name", "namespace"))
    return DiffResult(
        changes=bool(changes),
        replaces=sorted(format_path(path) for path in replaced),
        detailed=detailed,
        delete_before_replace=bool(replaced) and same_name and not is_set(comparison.news, Annotation.AUTONAMED),
    )
