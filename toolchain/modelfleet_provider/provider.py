"""The plugin's place in the engine's protocol: one table of types, the same life for each."""

import asyncio
import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from toolchain.errors import ToolchainError
from toolchain.machine_refusal import machine_refusal
from toolchain.modelfleet_provider.resource_type import InputError, Progress, ResourceType
from toolchain.provider.interface import (
    Change,
    CheckFailure,
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
    ResourceProvider,
    UpdateRequest,
)
from toolchain.provider.properties import UNKNOWN, Secret, contains_unknown, reveal

T = TypeVar("T")


class ModelfleetProvider(ResourceProvider):
    """Resources that one machine gives in place of a cloud.

    Attributes:
        homes: Each type's module in this package, and its class there. They are imported once the engine has the
            plugin's port, or by the first who asks: together they take longer than the rest of the start, and the
            engine starts one plugin after the other.
    """

    homes: ClassVar[Mapping[str, tuple[str, str]]] = {
        "modelfleet:local:Image": ("image", "Image"),
        "modelfleet:local:Certificate": ("certificate", "Certificate"),
        "modelfleet:local:ModelWeights": ("model_weights", "ModelWeights"),
        "modelfleet:access:ApiKey": ("api_key", "ApiKey"),
        "modelfleet:local:Cluster": ("cluster", "Cluster"),
    }

    name = "modelfleet"
    version = importlib.metadata.version("modelfleet")

    def __init__(self) -> None:
        self._types: dict[str, ResourceType] = {}

    async def started(self) -> None:
        """Import every type."""
        for token in self.homes:
            await self._type(token)

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        """Complete the inputs; what a preview doesn't know yet is passed through."""
        del context
        type_ = await self._type(request.type)
        inputs = reveal(request.news)
        known = {key: value for key, value in inputs.items() if not contains_unknown(value)}
        try:
            checked = await asyncio.to_thread(type_.check, known)
        except InputError as error:
            return CheckResult(request.news, [CheckFailure(error.name, error.reason)])
        except ToolchainError as error:
            return CheckResult(request.news, [CheckFailure("", str(error))])
        return CheckResult({**inputs, **checked})

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        """Compare inputs, and look whether the resource itself went stale."""
        type_ = await self._type(request.type)
        olds, news = reveal(request.old_inputs), reveal(request.news)
        changed = sorted(key for key in {*olds, *news} if olds.get(key) != news.get(key))
        replaces = [key for key in changed if key in type_.replaced_by]
        if not changed:
            reason = await asyncio.to_thread(type_.stale, reveal(request.old_outputs))
            if reason is not None:
                await context.status(reason)
            return DiffResult(changes=reason is not None)
        detailed = {key: Change.UPDATE_REPLACE if key in replaces else Change.UPDATE for key in changed}
        return DiffResult(changes=True, replaces=replaces, detailed=detailed)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        """Make the resource; a preview shows what is certain about it."""
        type_ = await self._type(request.type)
        inputs = reveal(request.inputs)
        if request.preview:
            return CreateResult("", self._foreseen(type_, inputs))
        resource_id, outputs = await self._run(context, lambda progress: type_.create(inputs, progress))
        return CreateResult(resource_id, self._marked(type_, {**inputs, **outputs}))

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read it as it is now; an import isn't offered, since none of these exist outside a stack."""
        type_ = await self._type(request.type)
        if not request.outputs:
            raise ProviderError(f"{request.type} can't be imported: it has no existence outside of its stack")
        outputs = await self._run(context, lambda _: type_.read(request.id, reveal(request.outputs)))
        if outputs is None:
            return ReadResult(None)
        return ReadResult(request.id, request.inputs, self._marked(type_, outputs))

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        """Bring it to its new inputs."""
        type_ = await self._type(request.type)
        inputs, outputs = reveal(request.news), reveal(request.old_outputs)
        if request.preview:
            return {**self._foreseen(type_, inputs), **type_.kept(outputs)}
        made = await self._run(context, lambda progress: type_.update(request.id, inputs, outputs, progress))
        return self._marked(type_, {**inputs, **made})

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        """Remove it."""
        type_ = await self._type(request.type)
        await self._run(context, lambda _: type_.delete(request.id, reveal(request.outputs)))

    async def _type(self, token: str) -> ResourceType:
        if token not in self.homes:
            known = ", ".join(sorted(self.homes))
            raise ProviderError(f"the plugin modelfleet {self.version} has no resource type {token}; it has {known}")
        if token not in self._types:
            self._types[token] = await asyncio.to_thread(_load, *self.homes[token])
        return self._types[token]

    @staticmethod
    def _foreseen(type_: ResourceType, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        certain = {} if contains_unknown(inputs) else type_.foreseen(inputs)
        return {**inputs, **dict.fromkeys(type_.outputs, UNKNOWN), **certain}

    @staticmethod
    def _marked(type_: ResourceType, outputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return {key: Secret(value) if key in type_.secrets else value for key, value in outputs.items()}

    @staticmethod
    async def _run(context: Context, work: Callable[[Progress], T]) -> T:
        """Run blocking `work` in a thread, its progress shown in the resource's row."""
        loop = asyncio.get_running_loop()

        def progress(message: str) -> None:
            asyncio.run_coroutine_threadsafe(context.status(message), loop)

        try:
            return await asyncio.to_thread(work, progress)
        except InputError as error:
            raise ProviderError(str(error)) from error
        except ToolchainError as error:
            raise ProviderError(str(error)) from error
        except OSError as error:
            refusal = machine_refusal(error)
            if refusal is None:
                raise
            raise ProviderError(refusal) from error


def _load(home: str, name: str) -> ResourceType:
    return getattr(importlib.import_module(f"{__package__}.{home}"), name)()
