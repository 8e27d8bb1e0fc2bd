"""What a resource plugin implements, in Python values: requests in, results out, errors raised.

The order of a resource's life is check (inputs made complete and valid), diff (what would change), then
create, update or delete; read serves refresh and import. The protocol behind it is documented at
https://github.com/pulumi/pulumi/tree/master/proto.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class Severity(IntEnum):
    """How the engine shows a message; `ERROR` makes the whole update fail."""

    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


class Change(StrEnum):
    """What happens to one property in a detailed diff."""

    ADD = "ADD"
    ADD_REPLACE = "ADD_REPLACE"
    DELETE = "DELETE"
    DELETE_REPLACE = "DELETE_REPLACE"
    UPDATE = "UPDATE"
    UPDATE_REPLACE = "UPDATE_REPLACE"


class AutonamingMode(IntEnum):
    """How binding the engine's proposed name is."""

    PROPOSE = 0
    ENFORCE = 1
    DISABLE = 2


class ProviderError(Exception):
    """An operation failed for a reason that the user can act on; its text is shown as it is."""


class UnavailableError(ProviderError):
    """The service behind the plugin cannot be reached; nothing is known about the resource."""


class InitializationFailedError(ProviderError):
    """The resource exists but did not become ready: the engine stores its state, so that nothing is orphaned.

    Attributes:
        id: the resource's id.
        outputs: its live state.
        reasons: why it is not ready, a line each.
        inputs: the inputs that made it, where they are known.
    """

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the protocol's name
        outputs: Mapping[str, Any],
        reasons: list[str],
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__("; ".join(reasons))
        self.id = id
        self.outputs = outputs
        self.reasons = reasons
        self.inputs = inputs


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation may use of its surroundings.

    Attributes:
        urn: the resource that messages are about; empty for the provider itself.
        cancelled: set once the user has asked to stop. A long wait then ends by `InitializationFailedError`
            (the resource exists) or `ProviderError`.
        send: how a message reaches the engine.
    """

    urn: str
    cancelled: asyncio.Event
    send: Callable[[Severity, str, str, bool], Awaitable[None]]

    async def log(self, severity: Severity, message: str, *, ephemeral: bool = False) -> None:
        """Show a message: for good in the diagnostics, or as the resource's passing status (`ephemeral`)."""
        await self.send(severity, message, self.urn, ephemeral)

    async def status(self, message: str) -> None:
        """Show what the operation is waiting for, in the resource's row; the next status replaces it."""
        await self.log(Severity.INFO, message, ephemeral=True)


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """One input that cannot be used; `property` is a property path, or empty for the whole."""

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The inputs with defaults filled in, or why they cannot be used."""

    inputs: Mapping[str, Any]
    failures: list[CheckFailure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DiffResult:
    """What an update would change.

    Attributes:
        changes: whether there is anything to do.
        replaces: property paths whose change needs a new resource.
        detailed: what happens to which property path; paths in `replaces` carry a `*_REPLACE` kind.
        delete_before_replace: the old resource must go before the new one is made.
        stables: top-level outputs that no update changes.
        of_inputs: whether the detailed paths are those of inputs (the usual case) or of live state.
    """

    changes: bool
    replaces: list[str] = field(default_factory=list)
    detailed: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False
    stables: list[str] = field(default_factory=list)
    of_inputs: bool = True


@dataclass(frozen=True, slots=True)
class CreateResult:
    """A created resource; in a preview the id is empty and outputs may hold `UNKNOWN`."""

    id: str
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A resource as it is now; an id of None says that it does not exist."""

    id: str | None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What a function of the plugin returned, or why its arguments cannot be used."""

    outputs: Mapping[str, Any]
    failures: list[CheckFailure] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """`olds` is None on the first check of a resource and where it is to be replaced."""

    urn: str
    type: str
    name: str
    olds: dict[str, Any] | None
    news: dict[str, Any]
    random_seed: bytes
    autonaming: tuple[AutonamingMode, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRequest:
    """`old_inputs` and `old_outputs` are the state's, `news` the checked inputs."""

    id: str
    urn: str
    type: str
    name: str
    old_inputs: dict[str, Any]
    old_outputs: dict[str, Any]
    news: dict[str, Any]
    ignore_changes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """`timeout_s` is the user's custom timeout, None if there is none."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    preview: bool
    timeout_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """`inputs` and `outputs` are the state's in a refresh, empty in an import."""

    id: str
    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRequest:
    """`timeout_s` is the user's custom timeout, None if there is none."""

    id: str
    urn: str
    type: str
    name: str
    old_inputs: dict[str, Any]
    old_outputs: dict[str, Any]
    news: dict[str, Any]
    preview: bool
    timeout_s: float | None
    ignore_changes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRequest:
    """`timeout_s` is the user's custom timeout, None if there is none."""

    id: str
    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    timeout_s: float | None


class ResourceProvider(ABC):
    """A resource plugin. Trees of properties hold `Secret` and `UNKNOWN` as `properties` defines them."""

    name: str
    """The package's name, as in `pulumi-resource-<name>`."""
    version: str
    """The version that the SDK asks for, without a leading v."""

    def schema(self) -> Mapping[str, Any]:
        """Give the package schema; the least one by default, as typed SDKs carry their own."""
        return {"name": self.name, "version": self.version}

    async def check_config(self, request: CheckRequest, context: Context) -> CheckResult:
        """Check the provider's own configuration."""
        del context
        return CheckResult(request.news)

    async def diff_config(self, request: DiffRequest, context: Context) -> DiffResult:
        """Compare two configurations of the provider; a replaced provider replaces all its resources."""
        del context
        changed = request.old_inputs != request.news
        return DiffResult(changes=changed)

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Take the configuration; called once, before any operation on resources."""
        del config, context

    @abstractmethod
    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        """Fill in defaults and validate."""

    @abstractmethod
    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        """Tell what an update would change."""

    @abstractmethod
    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        """Make the resource, or in a preview tell what it would be."""

    @abstractmethod
    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read the resource's present state."""

    @abstractmethod
    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        """Change the resource in place and give its outputs."""

    @abstractmethod
    async def delete(self, request: DeleteRequest, context: Context) -> None:
        """Delete the resource; one that is gone already is no error."""

    async def invoke(self, token: str, arguments: dict[str, Any], context: Context) -> InvokeResult:
        """Call a function of the plugin."""
        del arguments, context
        raise ProviderError(f"the plugin {self.name} {self.version} has no function {token!r}")

    async def started(self) -> None:  # noqa: B027 - most plugins have nothing left to load
        """Load what the first calls will need, while the engine, which has the port by now, goes on."""

    async def close(self) -> None:  # noqa: B027 - most plugins hold nothing
        """Release what `configure` acquired; called once, when the plugin ends."""
