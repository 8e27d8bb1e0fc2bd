"""The plugin of a simulated cloud: the engine's calls, answered from the cloud's tables and the account's memory."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from catalog import KEPT
from rehearsal import dependents, guard
from rehearsal.account import Claim, Recovery, Resource, fingerprint
from rehearsal.computed import Scope, compute, first_filled, is_computed, overlaid, place_known, scope_of
from rehearsal.differences import compare
from rehearsal.inputs import Finding, check_inputs
from rehearsal.naming import name_resource
from rehearsal.remembering import RememberingProvider, world
from rehearsal.sdk_schema import ResourceSchema, UnknownTypeError, load
from rehearsal.simulated import MARK
from rehearsal.table import Cloud, Listed, ListedByTag, Row
from rehearsal.template import PlaceUnknownError, fill, look_up
from toolchain.provider.interface import (
    CheckFailure,
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    InvokeResult,
    ProviderError,
    ReadRequest,
    ReadResult,
    Severity,
    UpdateRequest,
)
from toolchain.provider.properties import UNKNOWN, Secret, mark_secrets, reveal


class SimulatedCloud(RememberingProvider):
    """One cloud, described by its tables.

    Args:
        cloud: the tables.
    """

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.plugin, cloud.package)
        self._cloud = cloud
        self._scope = Scope(account="", region="", config={})

    def schema(self) -> Mapping[str, Any]:
        """Say what this is."""
        return {"name": self.name, "version": self.version, "description": f"A simulated {self.name}: nothing is real"}

    async def diff_config(self, request: DiffRequest, context: Context) -> DiffResult:
        """Compare two configurations of the provider."""
        del context
        old, new = reveal(request.old_inputs), reveal(request.news)
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        return DiffResult(
            changes=bool(changed), replaces=[key for key in changed if key in self._cloud.config_replaces]
        )

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Learn which account and region this is, and open the account's memory."""
        del context
        self.require_rehearsal()
        told = json.loads((world() / guard.MARK).read_text(encoding="utf-8") or "{}")
        try:
            self._scope = scope_of(self._cloud, reveal(config), told)
        except PlaceUnknownError as error:
            raise ProviderError(f"the provider's configuration must give one of {error}") from error
        self.open_memory(self._scope.account)

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        """Name the resource where the program doesn't, then look for whatever the cloud would refuse."""
        schema = await self._schema(request.type)
        row = self._cloud.row(request.type)
        inputs = name_resource(row, request)
        checked = await asyncio.to_thread(check_inputs, self._cloud, schema, inputs)
        for finding in checked.findings:
            if not finding.is_error:
                await context.log(Severity.WARNING, f"{request.name}: {finding}")
        self.memory.note_evidence(request.type, checked.evidence)
        return CheckResult(inputs, [_failure(finding) for finding in checked.findings if finding.is_error])

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        """Tell what would change, and whether the cloud can change it in place."""
        del context
        return compare(self._cloud, self._cloud.row(request.type), request)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        """Make the resource; a preview leaves what the cloud computes unknown."""
        del context
        schema = await self._schema(request.type)
        row = self._cloud.row(request.type)
        if request.preview:
            return CreateResult("", self._foreseen(schema, row, request.inputs, {}))
        seed = self.memory.draw(f"{request.type}/{fingerprint(request.inputs)}")
        return self._make(schema, row, request, seed)

    def _make(self, schema: ResourceSchema, row: Row, request: CreateRequest, seed: str) -> CreateResult:
        inputs = reveal(request.inputs)
        try:
            resource_id, computed = compute(
                self._cloud, row, schema, self._scope, inputs=inputs, logical_name=request.name, seed=seed
            )
            known = {**self._scope.known(), **inputs}
            claim = Claim(
                unique=fill(row.unique, known, seed) if row.unique else None,
                shared=row.shared,
                recovery=_recovery(row, inputs),
                inside=fill(row.inside, known, seed) if row.inside else None,
            )
        except PlaceUnknownError as error:
            raise ProviderError(f"{request.type}: {error} must be known to make one, and isn't given") from error
        outputs = self._marked(schema, row, request.inputs, computed)
        region = self.region_of(request.type, reveal(outputs))
        self.remember(Resource(request.type, resource_id, request.inputs, outputs, region), claim)
        return CreateResult(resource_id, outputs)

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        """Change it in place; what the cloud drew when it was made stays."""
        del context
        schema = await self._schema(request.type)
        row = self._cloud.row(request.type)
        old = reveal(request.old_outputs)
        if request.preview:
            return self._foreseen(schema, row, request.news, old)
        region = self.region_of(request.type, old)
        found = self.memory.read(request.type, request.id, region)
        if found is None:
            raise ProviderError(f"{request.type} {request.id} does not exist: it was deleted behind the engine's back")
        kept = {key: value for key, value in old.items() if is_computed(schema, row, self._cloud, key)}
        inputs = reveal(request.news)
        _, computed = compute(
            self._cloud,
            row,
            schema,
            self._scope,
            inputs=inputs,
            logical_name=request.name,
            seed=request.id,
            self_id=request.id,
        )
        fresh = {
            key: value for key, value in computed.items() if key not in kept or _follows_inputs(row, self._cloud, key)
        }
        outputs = self._marked(schema, row, request.news, {**kept, **fresh})
        self.change(Resource(request.type, request.id, request.news, outputs, region))
        return outputs

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read a resource; one of which nothing but the id is known is an import, which may call it otherwise."""
        row = self._cloud.row(request.type)
        if row.imports and not request.outputs:
            for held in self.memory.of_type(request.type):
                known = place_known(
                    self._cloud, row, request.type, self._scope, inputs=held.inputs, logical_name=request.name
                )
                with contextlib.suppress(PlaceUnknownError):
                    if first_filled(row.imports, known | {"id": held.id}) == request.id:
                        return await super().read(replace(request, id=held.id), context)
        return await super().read(request, context)

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        """Delete it, or leave what the cloud leaves."""
        row = self._cloud.row(request.type)
        found = self.memory.read(request.type, request.id, self.region_of(request.type, reveal(request.outputs)))
        if found is None:
            return
        for path in row.protected_by:
            if look_up(found.inputs, path) is True:
                raise ProviderError(
                    f"{request.type} {request.id} is protected from deletion: set {path} to false first, "
                    "or use `fleet down STACK --delete-data`"
                )
        if (held := dependents.refusal(self._cloud, self.memory, found)) is not None:
            raise ProviderError(held)
        kept = KEPT.get(request.type)
        if kept is not None:
            await context.status(f"simulated: stays {kept.afterlife}")
        cluster = fill(row.cluster, {"id": found.id, **found.outputs}, "") if row.cluster else ""
        gone = replace(found, afterlife=None if kept is None else kept.afterlife)
        self.memory.delete(gone, nested=self._cloud.nested, cluster=cluster)

    def region_of(self, kind: str, properties: Mapping[str, Any]) -> str:
        """Give the region that a resource says it is in, the provider's where it says none."""
        if not self._cloud.regional or self._cloud.row(kind).everywhere:
            return ""
        if "region" not in load(self._cloud.package, kind).outputs:
            return ""
        return str(properties.get("region") or self._scope.region)

    async def invoke(self, token: str, arguments: dict[str, Any], context: Context) -> InvokeResult:
        """Answer a function from its row."""
        del context
        self.require_rehearsal()
        answer = self._cloud.functions.get(token)
        if answer is None:
            raise ProviderError(
                f"the simulated {self.name} doesn't answer {token}; it needs a row in the table of functions of "
                f"rehearsal/{self._cloud.package.removeprefix('pulumi_').removesuffix('_native')}"
            )
        given = reveal(arguments)
        known = {**given, "arguments": given, **self._scope.known()}
        seed = f"{token}/{json.dumps(given, sort_keys=True)}"
        listed: dict[str, list[Any]] = {
            key: self._list(value, known) for key, value in answer.items() if isinstance(value, Listed)
        }
        listed |= {key: self._list_tagged(given) for key, value in answer.items() if isinstance(value, ListedByTag)}
        drawn = {key: value for key, value in answer.items() if key not in listed}
        return InvokeResult({**given, **fill(drawn, known, seed), **listed})

    def _list(self, listed: Listed, known: Mapping[str, Any]) -> list[Any]:
        """Give what the account holds of a type, as a function tells it."""
        wanted = {path: fill(template, known, "") for path, template in listed.where.items()}
        return [
            fill(
                listed.each,
                {**known, **held.outputs, "id": held.id, "state": listed.dead if held.afterlife else listed.living},
                "",
            )
            for held in self.memory.of_type(listed.type)
            if all(look_up({**held.outputs, "id": held.id}, path) == value for path, value in wanted.items())
        ]

    def _list_tagged(self, given: Mapping[str, Any]) -> list[Any]:
        """Give what Resource Groups Tagging lists: what lives in the region and has every tag that is asked for."""
        region = str(given.get("region") or self._scope.region)
        wanted = {each["key"]: set(each.get("values") or ()) for each in given.get("tagFilters") or ()}
        found: list[Any] = []
        for held in self.memory.living():
            tags = held.outputs.get("tags")
            if held.region not in {region, ""} or not isinstance(tags, Mapping):
                continue
            if all(key in tags and (not values or tags[key] in values) for key, values in wanted.items()):
                known = {**self._scope.known(), **held.outputs, "id": held.id, "region": region}
                arn = held.outputs.get("arn") or fill(self._cloud.row(held.type).arn, known, "")
                found.append({"resourceArn": arn, "tags": dict(tags), "complianceDetails": []})
        return [each for each in found if each["resourceArn"]]

    async def _schema(self, token: str) -> ResourceSchema:
        try:
            return await asyncio.to_thread(load, self._cloud.package, token)
        except UnknownTypeError as error:
            raise ProviderError(str(error)) from error

    def _foreseen(
        self, schema: ResourceSchema, row: Row, inputs: Mapping[str, Any], old: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Give what a preview knows: the inputs, and of what the cloud computes what an update leaves as it is."""
        computed = {
            key: UNKNOWN if _follows_inputs(row, self._cloud, key) else old.get(key, UNKNOWN)
            for key in {*schema.outputs, *row.outputs}
            if is_computed(schema, row, self._cloud, key) and key not in inputs
        }
        return self._marked(schema, row, inputs, {**computed, **_computed_inside(row, inputs, old)})

    @staticmethod
    def _marked(
        schema: ResourceSchema, row: Row, inputs: Mapping[str, Any], computed: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Lay what was computed over the inputs, mark secrets, and say that all of it is simulated."""
        taken_over = {key: value for key, value in inputs.items() if not key.startswith("__")}
        outputs = {**overlaid(computed, mark_secrets(reveal(taken_over), inputs)), MARK: True}
        return {
            key: Secret(value) if key in row.secrets and not isinstance(value, Secret) else value
            for key, value in outputs.items()
            if key in schema.outputs or key in row.outputs or key in inputs or key == MARK
        }


def _failure(finding: Finding) -> CheckFailure:
    # The engine prints the value of a property that a failure names, whatever it is.
    return CheckFailure("", str(finding)) if finding.is_secret else CheckFailure(finding.path, finding.reason)


def _recovery(row: Row, inputs: Mapping[str, Any]) -> Recovery:
    """Tell whether a soft-deleted one of the same name comes back."""
    if row.recovers_by and all(look_up(inputs, path) == value for path, value in row.recovers_by.items()):
        return Recovery.ONLY
    return Recovery.IF_KEPT if row.undeletes else Recovery.NEVER


def _computed_inside(row: Row, inputs: Mapping[str, Any], old: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what the cloud adds to objects that the program gives: a cluster's security group, inside of its network."""
    return {
        key: {part: (old.get(key) or {}).get(part, UNKNOWN) for part in template}
        for key, template in row.outputs.items()
        if isinstance(template, Mapping) and isinstance(inputs.get(key), Mapping)
    }


def _follows_inputs(row: Row, cloud: Cloud, key: str) -> bool:
    """Tell whether an output is computed anew from the inputs by an update: those that merge or take over inputs."""
    return not isinstance(row.outputs.get(key, cloud.common_outputs.get(key, "")), (str, bool, int, list, dict))
