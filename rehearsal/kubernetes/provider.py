"""The Kubernetes plugin of a rehearsal: objects by cluster, namespace and name, kept beside the clouds' resources."""

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.account import Claim, Resource, fingerprint
from rehearsal.api_server import PrivateCluster, UnreachableError, private_cluster, require_reachable
from rehearsal.differences import compare
from rehearsal.kubernetes.kinds import CLUSTER_SCOPED, COMPUTED, REPLACES
from rehearsal.remembering import RememberingProvider, world
from rehearsal.simulated import MARK
from rehearsal.table import Cloud, Row
from rehearsal.template import fill
from toolchain.provider.interface import (
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    ProviderError,
    ReadRequest,
    ReadResult,
    UpdateRequest,
)
from toolchain.provider.properties import UNKNOWN, Secret, contains_unknown, mark_secrets, reveal

_CLOUD: Final = Cloud(
    plugin="kubernetes",
    package="pulumi_kubernetes",
    rows={},
    functions={},
    default=Row(id="{label}"),
    replaces=("apiVersion", "kind"),
)
_ENGINES_OWN: Final = ("helm.sh", "yaml:", "kustomize:")
"""Components of the official plugin that render charts and files; this project uses typed resources."""


class SimulatedKubernetes(RememberingProvider):
    """One cluster's API, as far as a plan needs it: names, namespaces, conflicts, what changes in place."""

    def __init__(self) -> None:
        super().__init__(_CLOUD.plugin, _CLOUD.package)
        self._namespace = "default"
        self._private: PrivateCluster | None = None
        self._kubeconfig = ""

    def schema(self) -> Mapping[str, Any]:
        """Say what this is."""
        return {**super().schema(), "description": "A simulated Kubernetes: nothing is real"}

    async def diff_config(self, request: DiffRequest, context: Context) -> DiffResult:
        """Take another cluster for another provider, whatever else its kubeconfig says."""
        del context
        old, new = reveal(request.old_inputs), reveal(request.news)
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        moved = [key for key in changed if key == "clusterIdentifier"]
        if "kubeconfig" in changed and not new.get("clusterIdentifier"):
            moved.append("kubeconfig")
        return DiffResult(changes=bool(changed), replaces=moved)

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Learn which cluster this is."""
        del context
        self.require_rehearsal()
        known = reveal(config)
        cluster = known.get("clusterIdentifier") or _digest(known.get("kubeconfig"))
        if contains_unknown(known):
            cluster = "not yet known"
        self._namespace = known.get("namespace") or "default"
        self.open_memory(str(cluster))
        self._private = private_cluster(world() / "account.sqlite", str(cluster))
        self._kubeconfig = str(known.get("kubeconfig"))

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read an object."""
        await self._reach()
        return await super().read(request, context)

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        """Name the object, and put it into a namespace where its kind lives in one."""
        del context
        if any(part in request.type for part in _ENGINES_OWN):
            raise ProviderError(f"{request.type}: charts and files aren't rendered here; use typed resources")
        inputs = dict(request.news)
        metadata = inputs.get("metadata") or {}
        if isinstance(metadata, Mapping) and not metadata.get("name") and not metadata.get("generateName"):
            before = reveal((request.olds or {}).get("metadata") or {})
            drawn = f"{request.name}-{hashlib.sha256(request.random_seed).hexdigest()[:8]}"
            inputs["metadata"] = {**metadata, "name": before.get("name") or drawn}
        return CheckResult(inputs)

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        """Tell what would change, and whether the API server would take it in place."""
        del context
        await self._reach()
        row = Row(id="", replaces=("metadata.name", "metadata.namespace", *REPLACES.get(_kind(request.type), ())))
        found = compare(_CLOUD, row, request)
        if not found.replaces:
            return found
        same = reveal(request.old_inputs).get("metadata", {}).get("name") == reveal(request.news)["metadata"]["name"]
        return DiffResult(changes=True, replaces=found.replaces, detailed=found.detailed, delete_before_replace=same)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        """Keep the object; the same one applied again is no error, as with server-side apply."""
        del context
        await self._reach()
        if request.preview:
            return CreateResult("", {**request.inputs, **dict.fromkeys(COMPUTED.get(_kind(request.type), ()), UNKNOWN)})
        resource_id = self._id(request.type, request.inputs)
        outputs = self._outputs(request.type, request.inputs, resource_id)
        found = self.memory.read(request.type, resource_id)
        same = found is not None and fingerprint(found.inputs) == fingerprint(request.inputs)
        self.remember(Resource(request.type, resource_id, request.inputs, outputs), Claim(shared=same))
        return CreateResult(resource_id, outputs)

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        """Change it."""
        del context
        await self._reach()
        if request.preview:
            return {**request.old_outputs, **request.news}
        outputs = self._outputs(request.type, request.news, request.id)
        self.change(Resource(request.type, request.id, request.news, outputs))
        return outputs

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        """Forget it."""
        del context
        await self._reach()
        self.memory.delete(Resource(request.type, request.id, {}, {}))

    async def _reach(self) -> None:
        """Ask for the API server before the first object, where it is private."""
        if self._private is None:
            return
        try:
            await asyncio.to_thread(require_reachable, self._private, self._kubeconfig, os.environ)
        except UnreachableError as error:
            raise ProviderError(str(error)) from error
        self._private = None  # the connection is kept

    def _id(self, token: str, inputs: Mapping[str, Any]) -> str:
        metadata = reveal(inputs)["metadata"]
        if _kind(token).removesuffix("Patch") in CLUSTER_SCOPED:
            return metadata["name"]
        return f"{metadata.get('namespace') or self._namespace}/{metadata['name']}"

    @staticmethod
    def _outputs(token: str, inputs: Mapping[str, Any], resource_id: str) -> dict[str, Any]:
        """Add what the API server and its controllers would: identity, and the status that a program reads."""
        plain = reveal(inputs)
        known = {**plain, "id": resource_id}
        uid = fill("{uuid:uid}", {}, f"{token}/{resource_id}")
        metadata = {**plain["metadata"], "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}
        computed = {
            key: fill(value, known, uid) for key, value in COMPUTED.get(_kind(token), {}).items() if key not in plain
        }
        outputs = {**computed, **mark_secrets({**plain, "metadata": metadata}, inputs), MARK: True}
        if _kind(token) == "Secret":
            texts = {
                key: base64.b64encode(str(value).encode()).decode()
                for key, value in (plain.get("stringData") or {}).items()
            }
            outputs["data"] = Secret({**(plain.get("data") or {}), **texts})
            if "stringData" in outputs:
                outputs["stringData"] = Secret(plain["stringData"])
        return outputs


def _kind(token: str) -> str:
    return token.rsplit(":", 1)[-1]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]
