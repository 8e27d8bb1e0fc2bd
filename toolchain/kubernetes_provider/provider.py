"""The Kubernetes plugin: each operation of the engine as a few steps against the API server."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from toolchain.kubernetes_provider import checking, configuration
from toolchain.kubernetes_provider.api_client import ApiClient, ApiError
from toolchain.kubernetes_provider.apply import Application, ConflictError, RejectedError, apply, left_to_others
from toolchain.kubernetes_provider.configuration import Configuration
from toolchain.kubernetes_provider.differences import live_inputs
from toolchain.kubernetes_provider.discovery import Discovery, Kind, UnknownKindError
from toolchain.kubernetes_provider.kubeconfig import Connection, load
from toolchain.kubernetes_provider.managed_fields import applied_configuration, manages
from toolchain.kubernetes_provider.manifest import (
    Annotation,
    ObjectId,
    TypeToken,
    describe,
    from_api,
    identity,
    is_set,
    metadata_of,
)
from toolchain.kubernetes_provider.planning import NOT_DRY_RUN, Comparison, plan
from toolchain.kubernetes_provider.state import field_manager, marked, outputs_of, planned_creation
from toolchain.kubernetes_provider.waiting import Outcome, delete, timeout_for, until_gone, until_ready
from toolchain.provider.interface import (
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    InitializationFailedError,
    ProviderError,
    ReadRequest,
    ReadResult,
    ResourceProvider,
    Severity,
    UnavailableError,
    UpdateRequest,
)
from toolchain.provider.properties import UNKNOWN, contains_unknown

_DEFINITION: Final = "CustomResourceDefinition"
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Cluster:
    """A configured cluster."""

    client: ApiClient
    discovery: Discovery


class KubernetesProvider(ResourceProvider):
    """`pulumi-resource-kubernetes`, by server-side apply."""

    name = "kubernetes"

    def __init__(self, version: str) -> None:
        self.version = version
        self._configuration = Configuration()
        self._cluster: Cluster | None = None
        # Kinds that this very update defines: their scope is needed before the server knows it.
        self._coming_kinds: dict[tuple[str, str], bool] = {}

    async def check_config(self, request: CheckRequest, context: Context) -> CheckResult:
        """Check the provider's own configuration."""
        del context
        return CheckResult(request.news, configuration.failures(request.news))

    async def diff_config(self, request: DiffRequest, context: Context) -> DiffResult:
        """Compare two configurations; another cluster replaces everything."""
        del context
        return configuration.difference(request.old_inputs or request.old_outputs, request.news)

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Take the configuration. The cluster itself is contacted by the first operation that needs it."""
        del context
        self._configuration = Configuration.parse(config)
        if not self._configuration.known:
            return
        connection = await self.connection(self._configuration)
        if self._configuration.namespace:
            connection = replace(connection, namespace=self._configuration.namespace)
        client = ApiClient(connection)
        self._cluster = Cluster(client, Discovery(client))

    async def connection(self, configuration: Configuration) -> Connection:
        """Resolve a configuration to one cluster and one user; a rehearsal leads to other ones.

        Raises:
            KubeconfigError: it names none.
        """
        return load(configuration.kubeconfig, context=configuration.context, cluster=configuration.cluster)

    async def close(self) -> None:
        """Close the connections to the API server."""
        if self._cluster is not None:
            await self._cluster.client.close()

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        """Complete the inputs by kind, name and namespace."""
        token = TypeToken.parse(request.type)
        inputs = checking.completed(request, token)
        if found := checking.failures(inputs, token):
            return CheckResult(request.news, found)
        try:
            inputs = await self._with_namespace(inputs)
        except UnavailableError as error:
            if not self._configuration.skip_update_unreachable or request.olds is None:
                raise
            await context.log(Severity.WARNING, f"left as it is (skipUpdateUnreachable): {error}")
            return CheckResult(request.olds)
        self._note_definition(inputs)
        return CheckResult(marked(inputs, request.news))

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        """Tell what an update would change; the server is asked only where inputs differ."""
        del context
        comparison = Comparison(request.old_inputs, request.old_outputs, request.news)
        if not comparison.changes():
            return DiffResult(changes=False)
        application = await self._application(request.urn, request.news, request.old_outputs)
        if application is not None and request.ignore_changes:
            application = await self._sharing(application, request.ignore_changes)
        client = self._cluster.client if self._cluster is not None else None
        return await plan(client, application, comparison, self._configuration)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        """Apply a new object and wait until it is ready."""
        application = await self._application(request.urn, request.inputs, {})
        if request.preview:
            return CreateResult("", await self._preview_creation(request, application))
        cluster, application = self._real(application)
        await self._make_room(request, application, context)
        live = await self._written(application)
        outcome = await self._ready(application, live, request.timeout_s, context)
        outputs = self._finished(outcome, application)
        self._learn_definition(outcome.live, cluster)
        return CreateResult(str(application.object_id), outputs)

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        """Apply the new inputs and wait until the object is ready."""
        application = await self._application(request.urn, request.news, request.old_outputs)
        if request.preview and (application is None or contains_unknown(request.news)):
            return marked({**request.old_outputs, **request.news}, request.news)
        cluster, application = self._real(application)
        if request.ignore_changes:
            application = await self._sharing(application, request.ignore_changes)
        if request.preview:
            tentative = await apply(cluster.client, application, dry_run=True)
            return outputs_of(tentative, request.news, application.manager)
        live = await self._written(application)
        outcome = await self._ready(application, live, request.timeout_s, context)
        outputs = self._finished(outcome, application)
        self._learn_definition(outcome.live, cluster)
        return outputs

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read the live object for a refresh, or for an import that has nothing but its id."""
        try:
            return await self._read(request)
        except UnavailableError as error:
            if self._configuration.delete_unreachable and request.inputs:
                await context.log(Severity.WARNING, f"dropped from the state (deleteUnreachable): {error}")
                return ReadResult(None)
            if self._configuration.skip_update_unreachable and request.inputs:
                await context.log(Severity.WARNING, f"not refreshed (skipUpdateUnreachable): {error}")
                return ReadResult(request.id, request.inputs, request.outputs)
            raise

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        """Delete the object, what it owns first, and wait until it is gone."""
        cluster = self._configured()
        try:
            kind = await self._kind(request.inputs or request.outputs, request.type)
            object_id = ObjectId.parse(request.id)
            policy = checking.propagation_policy(request.inputs)
            live = await delete(cluster.client, kind, object_id, policy)
            if live is None or is_set(request.inputs, Annotation.SKIP_AWAIT):
                return
            timeout_s = timeout_for(request.inputs, request.timeout_s)
            await until_gone(cluster.client, kind, object_id, live, timeout_s=timeout_s, context=context)
        except UnknownKindError:
            return  # its definition is gone, and all objects of the kind with it
        except UnavailableError as error:
            if not self._configuration.delete_unreachable:
                raise
            await context.log(Severity.WARNING, f"dropped from the state (deleteUnreachable): {error}")
            return
        if kind.kind == _DEFINITION:
            cluster.discovery.forget()

    # How a request finds its object

    def _configured(self) -> Cluster:
        if self._cluster is None:
            raise ProviderError("the provider's kubeconfig is not known yet: it becomes so during the update")
        return self._cluster

    async def _kind(self, obj: Mapping[str, Any], type_token: str) -> Kind:
        token = TypeToken.parse(type_token)
        api_version, kind = obj.get("apiVersion") or token.api_version, obj.get("kind") or token.kind
        return await self._configured().discovery.resolve(str(api_version), str(kind))

    async def _application(self, urn: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Application | None:
        """Give what is to be applied; None where the kind, the name or the cluster is not known yet."""
        metadata = metadata_of(inputs)
        if self._cluster is None or not isinstance(metadata.get("name"), str):
            return None
        if metadata.get("namespace") is UNKNOWN:
            return None
        try:
            kind = await self._cluster.discovery.resolve(inputs["apiVersion"], inputs["kind"])
        except UnknownKindError:
            return None
        if not kind.namespaced and "namespace" in metadata:
            metadata = {key: value for key, value in metadata.items() if key != "namespace"}
            inputs = {**inputs, "metadata": metadata}
        return Application(
            kind=kind,
            object_id=identity(inputs, namespaced=kind.namespaced),
            inputs=inputs,
            manager=field_manager(urn, inputs, outputs),
            force=is_set(inputs, Annotation.PATCH_FORCE) or self._configuration.enable_patch_force,
        )

    def _real(self, application: Application | None) -> tuple[Cluster, Application]:
        cluster = self._configured()
        if application is None:
            raise UnknownKindError(
                "the API server does not serve this kind. If it comes from a CustomResourceDefinition of this "
                "program, let the resource depend on it (depends_on)."
            )
        return cluster, application

    async def _live(self, application: Application) -> dict[str, Any] | None:
        path = application.kind.path(application.object_id.namespace, application.object_id.name)
        try:
            return await self._configured().client.get(path)
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise

    async def _with_namespace(self, inputs: dict[str, Any]) -> dict[str, Any]:
        metadata = inputs.setdefault("metadata", {})
        if self._cluster is None or not isinstance(metadata, dict) or metadata.get("namespace"):
            return inputs
        if not await self._is_namespaced(inputs):
            return inputs
        namespace = self._cluster.client.connection.namespace
        return {**inputs, "metadata": {**metadata, "namespace": namespace}}

    async def _is_namespaced(self, inputs: Mapping[str, Any]) -> bool:
        group = inputs["apiVersion"].rpartition("/")[0]
        coming = self._coming_kinds.get((group, inputs["kind"]))
        if coming is not None:
            return coming
        try:
            kind = await self._configured().discovery.resolve(inputs["apiVersion"], inputs["kind"])
        except UnknownKindError:
            return True  # most are; corrected when it is applied
        return kind.namespaced

    def _note_definition(self, inputs: Mapping[str, Any]) -> None:
        spec = inputs.get("spec")
        if inputs.get("kind") == _DEFINITION and isinstance(spec, dict):
            names = spec.get("names")
            if isinstance(names, dict):
                key = (str(spec.get("group")), str(names.get("kind")))
                self._coming_kinds[key] = spec.get("scope") == "Namespaced"

    def _learn_definition(self, live: Mapping[str, Any], cluster: Cluster) -> None:
        if live["kind"] == _DEFINITION:
            cluster.discovery.forget()

    # How an object is written

    async def _preview_creation(self, request: CreateRequest, application: Application | None) -> dict[str, Any]:
        manager = field_manager(request.urn, request.inputs, {})
        tentative: Mapping[str, Any] = from_api(request.inputs)
        if application is not None and not contains_unknown(request.inputs):
            live = await self._live(application)
            if live is None:
                tentative = await self._tentative(application) or tentative
            else:
                # In a preview the object that a replacement deletes first is still there: then it is ours.
                self._refuse_foreign(live, application, request.type)
        return planned_creation(tentative, request.inputs, manager)

    async def _tentative(self, application: Application) -> dict[str, Any] | None:
        try:
            return await apply(self._configured().client, application, dry_run=True)
        except ApiError as error:
            if error.code in NOT_DRY_RUN:
                return None
            raise

    async def _make_room(self, request: CreateRequest, application: Application, context: Context) -> None:
        live = await self._live(application)
        if live is None:
            return
        if live["metadata"].get("deletionTimestamp"):
            timeout_s = timeout_for(request.inputs, request.timeout_s)
            client = self._configured().client
            await until_gone(
                client, application.kind, application.object_id, live, timeout_s=timeout_s, context=context
            )
            return
        self._refuse_foreign(live, application, request.type)
        if manages(live, application.manager):
            text = f"{describe(live)} exists already, created by an interrupted update of this resource: going on"
            await context.log(Severity.INFO, text)

    def _refuse_foreign(self, live: Mapping[str, Any], application: Application, type_token: str) -> None:
        if manages(live, application.manager) or self._configuration.upsert_existing_objects:
            return
        managers = sorted({each["manager"] for each in live["metadata"].get("managedFields") or ()})
        raise ProviderError(
            f"{describe(live)} exists already and is not this resource's (managed by "
            f"{', '.join(managers) or 'nobody known'}). Take it into the stack by\n"
            f"  pulumi import {type_token} <resource name> {application.object_id}\n"
            "or give the resource another name; if it was renamed in the program, add an alias for its old name. "
            "With the provider's upsertExistingObjects it is taken over without asking."
        )

    async def _sharing(self, application: Application, ignored: list[str]) -> Application:
        live = await self._live(application)
        if live is None:
            return application
        inputs = left_to_others(application.inputs, live, ignored, application.manager)
        return replace(application, inputs=inputs)

    async def _written(self, application: Application) -> dict[str, Any]:
        try:
            return await apply(self._configured().client, application)
        except (ConflictError, RejectedError):
            raise
        except ApiError as error:
            raise ProviderError(str(error)) from None

    async def _ready(
        self, application: Application, live: dict[str, Any], custom_timeout_s: float | None, context: Context
    ) -> Outcome:
        timeout_s = timeout_for(application.inputs, custom_timeout_s)
        client = self._configured().client
        return await until_ready(
            client, application.kind, application.object_id, live, timeout_s=timeout_s, context=context
        )

    def _finished(self, outcome: Outcome, application: Application) -> dict[str, Any]:
        outputs = outputs_of(outcome.live, application.inputs, application.manager)
        if outcome.reasons:
            raise InitializationFailedError(id=str(application.object_id), outputs=outputs, reasons=outcome.reasons)
        return outputs

    async def _read(self, request: ReadRequest) -> ReadResult:
        known = request.inputs or request.outputs
        try:
            kind = await self._kind(known, request.type)
        except UnknownKindError:
            return ReadResult(None)
        object_id = ObjectId.parse(request.id)
        if kind.namespaced and object_id.namespace is None:
            object_id = ObjectId(self._configured().client.connection.namespace, object_id.name)
        try:
            live = await self._configured().client.get(kind.path(object_id.namespace, object_id.name))
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return ReadResult(None)
            raise
        manager = field_manager(request.urn, request.inputs, request.outputs)
        shown = from_api(live)
        if request.inputs:
            inputs = live_inputs(request.inputs, shown, request.outputs)
        else:
            inputs = from_api(applied_configuration(live))
        inputs = marked(inputs, request.inputs)
        return ReadResult(str(object_id), inputs, outputs_of(live, inputs, manager))
