"""Translates each gRPC call of the engine into one of `ResourceProvider`, and its errors into statuses."""
# ruff: noqa: N802, D102 - the method names are the protocol's, and it documents them

import asyncio
import json
import traceback
from collections.abc import Awaitable
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2

from toolchain.provider.engine_log import EngineLog
from toolchain.provider.interface import (
    AutonamingMode,
    CheckFailure,
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    InitializationFailedError,
    ProviderError,
    ReadRequest,
    ResourceProvider,
    UnavailableError,
    UpdateRequest,
)
from toolchain.provider.messages import (
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from toolchain.provider.properties import decode, encode

T = TypeVar("T")


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates each call of the engine into one of `ResourceProvider`, and its errors into statuses."""

    def __init__(self, provider: ResourceProvider, log: EngineLog) -> None:
        self._provider = provider
        self._log = log
        self.cancelled = asyncio.Event()

    def _context(self, urn: str = "") -> Context:
        return Context(urn=urn, cancelled=self.cancelled, send=self._log.send)

    async def Handshake(self, request: Any, context: Any) -> Any:
        del context
        if request.engine_address and not self._log.connected:
            self._log.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True,
            accept_resources=False,
            accept_outputs=False,
            supports_autonaming_configuration=True,
        )

    async def Attach(self, request: Any, context: Any) -> Any:
        del context
        self._log.connect(request.address)
        return empty_pb2.Empty()

    async def GetPluginInfo(self, request: Any, context: Any) -> Any:
        del request, context
        return plugin_pb2.PluginInfo(version=self._provider.version)

    async def GetSchema(self, request: Any, context: Any) -> Any:
        del request, context
        return provider_pb2.GetSchemaResponse(schema=json.dumps(self._provider.schema()))

    async def CheckConfig(self, request: Any, context: Any) -> Any:
        call = self._provider.check_config(_check_request(request), self._context(request.urn))
        return _check_response(await _answer(context, call))

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        call = self._provider.diff_config(_diff_request(request), self._context(request.urn))
        return _diff_response(await _answer(context, call))

    async def Configure(self, request: Any, context: Any) -> Any:
        await _answer(context, self._provider.configure(decode(request.args), self._context(request.urn)))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            supportsPreview=True,
            acceptResources=False,
            acceptOutputs=False,
            supports_autonaming_configuration=True,
        )

    async def Check(self, request: Any, context: Any) -> Any:
        call = self._provider.check(_check_request(request), self._context(request.urn))
        return _check_response(await _answer(context, call))

    async def Diff(self, request: Any, context: Any) -> Any:
        call = self._provider.diff(_diff_request(request), self._context(request.urn))
        return _diff_response(await _answer(context, call))

    async def Create(self, request: Any, context: Any) -> Any:
        create = CreateRequest(
            urn=request.urn,
            type=request.type or type_of(request.urn),
            name=request.name or name_of(request.urn),
            inputs=decode(request.properties),
            preview=request.preview,
            timeout_s=request.timeout or None,
        )
        result = await _answer(context, self._provider.create(create, self._context(request.urn)))
        return provider_pb2.CreateResponse(id=result.id, properties=encode(result.outputs))

    async def Read(self, request: Any, context: Any) -> Any:
        read = ReadRequest(
            id=request.id,
            urn=request.urn,
            type=request.type or type_of(request.urn),
            name=request.name or name_of(request.urn),
            inputs=decode(request.inputs),
            outputs=decode(request.properties),
        )
        result = await _answer(context, self._provider.read(read, self._context(request.urn)))
        if result.id is None:
            return provider_pb2.ReadResponse(id="")
        return provider_pb2.ReadResponse(id=result.id, inputs=encode(result.inputs), properties=encode(result.outputs))

    async def Update(self, request: Any, context: Any) -> Any:
        update = UpdateRequest(
            id=request.id,
            urn=request.urn,
            type=request.type or type_of(request.urn),
            name=request.name or name_of(request.urn),
            old_inputs=decode(request.old_inputs),
            old_outputs=decode(request.olds),
            news=decode(request.news),
            preview=request.preview,
            timeout_s=request.timeout or None,
            ignore_changes=list(request.ignoreChanges),
        )
        outputs = await _answer(context, self._provider.update(update, self._context(request.urn)))
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    async def Delete(self, request: Any, context: Any) -> Any:
        delete = DeleteRequest(
            id=request.id,
            urn=request.urn,
            type=request.type or type_of(request.urn),
            name=request.name or name_of(request.urn),
            inputs=decode(request.old_inputs),
            outputs=decode(request.properties),
            timeout_s=request.timeout or None,
        )
        await _answer(context, self._provider.delete(delete, self._context(request.urn)))
        return empty_pb2.Empty()

    async def Invoke(self, request: Any, context: Any) -> Any:
        call = self._provider.invoke(request.tok, decode(request.args), self._context())
        result = await _answer(context, call)
        response = provider_pb2.InvokeResponse(failures=_failures(result.failures))
        getattr(response, "return").CopyFrom(encode(result.outputs))  # a Python keyword is the field's name
        return response

    async def Cancel(self, request: Any, context: Any) -> Any:
        del request, context
        self.cancelled.set()
        return empty_pb2.Empty()


def type_of(urn: str) -> str:
    """Give the resource type inside a URN; `urn:pulumi:stack::project::parent$type::name`."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """Give the resource name inside a URN."""
    return urn.split("::", 3)[3]


def _check_request(request: Any) -> CheckRequest:
    autonaming = None
    if request.HasField("autonaming"):
        autonaming = (AutonamingMode(request.autonaming.mode), request.autonaming.proposed_name)
    return CheckRequest(
        urn=request.urn,
        type=request.type or type_of(request.urn),
        name=request.name or name_of(request.urn),
        olds=decode(request.olds) if request.HasField("olds") and request.olds.fields else None,
        news=decode(request.news),
        random_seed=request.randomSeed,
        autonaming=autonaming,
    )


def _diff_request(request: Any) -> DiffRequest:
    return DiffRequest(
        id=request.id,
        urn=request.urn,
        type=request.type or type_of(request.urn),
        name=request.name or name_of(request.urn),
        old_inputs=decode(request.old_inputs),
        old_outputs=decode(request.olds),
        news=decode(request.news),
        ignore_changes=list(request.ignoreChanges),
    )


def _failures(failures: list[CheckFailure]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=each.property, reason=each.reason) for each in failures]


def _check_response(result: CheckResult) -> Any:
    return provider_pb2.CheckResponse(inputs=encode(result.inputs), failures=_failures(result.failures))


def _diff_response(result: DiffResult) -> Any:
    diff = provider_pb2.DiffResponse
    return diff(
        changes=diff.DIFF_SOME if result.changes else diff.DIFF_NONE,
        replaces=result.replaces,
        deleteBeforeReplace=result.delete_before_replace,
        stables=result.stables,
        diffs=sorted({path.partition(".")[0].partition("[")[0] for path in result.detailed}),
        detailedDiff={
            path: provider_pb2.PropertyDiff(
                kind=provider_pb2.PropertyDiff.Kind.Value(change.value), inputDiff=result.of_inputs
            )
            for path, change in result.detailed.items()
        },
        hasDetailedDiff=bool(result.detailed),
    )


async def _answer(context: Any, call: Awaitable[T]) -> T:
    """Await an operation; what it raises becomes the status that the engine understands."""
    try:
        return await call
    except InitializationFailedError as error:
        await _abort_partial(context, error)
    except UnavailableError as error:
        await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
    except ProviderError as error:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect of ours must reach the user, and name its place
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"defect in the plugin: {type(error).__name__} at {frame.filename}:{frame.lineno}: {error}"
        await context.abort(grpc.StatusCode.INTERNAL, text)
    raise AssertionError("abort raises")


async def _abort_partial(context: Any, error: InitializationFailedError) -> None:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.id,
            properties=encode(error.outputs),
            inputs=None if error.inputs is None else encode(error.inputs),
            reasons=error.reasons,
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=str(error), details=[detail])
    # gRPC's own rich error: the binary trailer holds the status with its details.
    trailer = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, str(error), trailing_metadata=trailer)
