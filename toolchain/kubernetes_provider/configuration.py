"""The provider's own settings: `kubernetes:*` stack configuration or the arguments of `kubernetes.Provider`."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolchain.kubernetes_provider.kubeconfig import KubeconfigError, load
from toolchain.provider.interface import CheckFailure, DiffResult
from toolchain.provider.properties import UNKNOWN, contains_unknown, reveal

_FLAGS: Final = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
"""Each switch with its environment variable, as the official plugin names them."""
_TEXTS: Final = ("kubeconfig", "context", "cluster", "namespace", "clusterIdentifier")
_CLUSTER_KEYS: Final = ("kubeconfig", "context", "cluster")
_REFUSED: Final = {
    "renderYamlToDirectory": "rendering to YAML files needs the official plugin",
    "alwaysRender": "rendering to YAML files needs the official plugin",
}
_TRUE: Final = frozenset({"1", "t", "true"})
_FALSE: Final = frozenset({"", "0", "f", "false"})


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, with environment variables filled in.

    Attributes:
        kubeconfig: text or path; None takes the environment's. `known` is False where a preview cannot tell yet.
        cluster_identifier: what the program calls the cluster; another one is another cluster.
    """

    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    cluster_identifier: str | None = None
    known: bool = True
    delete_unreachable: bool = False
    enable_config_map_mutable: bool = False
    enable_patch_force: bool = False
    enable_secret_mutable: bool = False
    skip_update_unreachable: bool = False
    suppress_deprecation_warnings: bool = False
    upsert_existing_objects: bool = False

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> "Configuration":
        """Read checked properties; a switch that is not set comes from its environment variable."""
        values = reveal(properties)
        flags = {key: _flag(values.get(key, os.environ.get(variable, ""))) is True for key, variable in _FLAGS.items()}
        texts = {key: None if values.get(key) is UNKNOWN else (values.get(key) or None) for key in _TEXTS}
        return cls(
            kubeconfig=_as_text(texts["kubeconfig"]),
            context=texts["context"],
            cluster=texts["cluster"],
            namespace=texts["namespace"],
            cluster_identifier=texts["clusterIdentifier"],
            known=not any(values.get(key) is UNKNOWN for key in _CLUSTER_KEYS),
            delete_unreachable=flags["deleteUnreachable"],
            enable_config_map_mutable=flags["enableConfigMapMutable"],
            enable_patch_force=flags["enablePatchForce"],
            enable_secret_mutable=flags["enableSecretMutable"],
            skip_update_unreachable=flags["skipUpdateUnreachable"],
            suppress_deprecation_warnings=flags["suppressDeprecationWarnings"],
            upsert_existing_objects=flags["upsertExistingObjects"],
        )


def failures(properties: Mapping[str, Any]) -> list[CheckFailure]:
    """Say what in the provider's properties cannot be used."""
    values = reveal(properties)
    found = [
        CheckFailure(key, reason) for key, reason in _REFUSED.items() if values.get(key) not in (None, "", "false")
    ]
    for key in (*_FLAGS, "enableServerSideApply"):
        value = values.get(key)
        if value is not None and value is not UNKNOWN and _flag(value) is None:
            found.append(CheckFailure(key, f"{value!r} is neither true nor false"))
    if _flag(values.get("enableServerSideApply", True)) is False:
        found.append(
            CheckFailure("enableServerSideApply", "this plugin applies on the server only; leave it out or true")
        )
    if not found and any(values.get(key) not in (None, "") for key in _CLUSTER_KEYS):
        configuration = Configuration.parse(properties)
        if configuration.known:
            try:
                load(configuration.kubeconfig, context=configuration.context, cluster=configuration.cluster)
            except KubeconfigError as error:
                found.append(CheckFailure("kubeconfig", str(error)))
    return found


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> DiffResult:
    """Compare two configurations: another cluster replaces the provider, and so everything on it.

    Clusters have no identity that the API would tell, so the server's address and certificate authority stand
    for one, as with the official plugin. A `clusterIdentifier` that both sides have decides alone.
    """
    before, after = reveal(old), reveal(new)
    if before == after:
        return DiffResult(changes=False)
    identifiers = before.get("clusterIdentifier"), after.get("clusterIdentifier")
    changed = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    if all(identifiers):
        other = identifiers[0] != identifiers[1]
        return DiffResult(changes=True, replaces=["clusterIdentifier"] if other else [])
    cluster_keys = [key for key in _CLUSTER_KEYS if key in changed]
    if any(contains_unknown(after.get(key)) for key in cluster_keys):
        return DiffResult(changes=True, replaces=cluster_keys)
    clusters = _cluster_of(before), _cluster_of(after)
    if cluster_keys and all(clusters) and clusters[0] != clusters[1]:
        return DiffResult(changes=True, replaces=cluster_keys)
    return DiffResult(changes=True)


def _cluster_of(values: Mapping[str, Any]) -> tuple[str, bytes | None] | None:
    configuration = Configuration.parse(values)
    try:
        connection = load(configuration.kubeconfig, context=configuration.context, cluster=configuration.cluster)
    except KubeconfigError:
        return None  # a file that is gone since: nothing says that it was another cluster
    return connection.server, connection.certificate_authority


def _as_text(value: Any) -> str | None:
    return json.dumps(value) if isinstance(value, dict) else value


def _flag(value: Any) -> bool | None:
    """Read a switch: the SDK sends booleans as JSON text."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None
